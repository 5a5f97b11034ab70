import MeshChangelog
import MeshPrimitives

/// From a change at one node to the same configuration at all.
enum ConfigurationExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "Seconds from a change at one node until it is active at all, 20 changes, half a second "
                + "apart; published: Kong's nodes poll every 5 s",
            [
                "nodes", "regions", "loss %", "p50", "p99", "last node", "in 10 s %",
                "acknowledged p99", "messages per node and change", "different hashes",
            ]
        )
        let sizes = options.nodes.map { [$0] } ?? [100]
        for count in sizes {
            for (regions, loss) in [(1, 0.0), (5, 0.02)] {
                self.add(count, regions, loss, options, to: &table)
            }
        }
        return table
    }

    private static func add(
        _ count: Int,
        _ regions: Int,
        _ loss: Double,
        _ options: Experiment.Options,
        to table: inout ExperimentTable
    ) {
        var fleet = ConfigurationFleet(count, regions: regions, loss: loss, seed: options.seed)
        let changes = 20
        fleet.run(until: 2)
        let before = fleet.messageCount
        for change in 0..<changes {
            fleet.write(change)
            fleet.run(until: 2 + 0.5 * Double(change + 1))
        }
        fleet.run(until: 2 + 0.5 * Double(changes) + 10)
        let delays = fleet.delays
        let late = ExperimentTable.percentile(delays, 0.99)
        table.promise(late, atMost: regions == 1 ? 1 : 3, "\(regions) regions, active, p99")
        let wanted = count * changes
        table.expect(loss == 0 || fleet.lostCount > 0, "no message was lost")
        table.expect(delays.count == wanted, "\(wanted - delays.count) changes never came in force")
        let silent = changes - fleet.acknowledgements.count
        table.expect(silent == 0, "\(silent) writes were never acknowledged")
        table.add([
            "\(count)", "\(regions)", ExperimentTable.seconds(100 * loss),
            ExperimentTable.seconds(ExperimentTable.percentile(delays, 0.5)),
            ExperimentTable.seconds(late),
            ExperimentTable.seconds(delays.count == wanted ? delays.max() : nil),
            ExperimentTable.seconds(100 * Double(delays.count { $0 <= 10 }) / Double(wanted)),
            ExperimentTable.seconds(ExperimentTable.percentile(fleet.acknowledgements, 0.99)),
            ExperimentTable.seconds(
                Double(fleet.messageCount - before) / Double(count) / Double(changes)
            ),
            "\(fleet.differentHashes)",
        ])
    }
}

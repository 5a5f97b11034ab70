import MeshMembership
import MeshPrimitives

/// E6 and E7: one node in a hundred receives nothing half of the time, or loses four packets of five.
enum UnreliableExperiment {
    /// What is wrong with the unreliable nodes.
    enum Fault: CaseIterable {
        /// They receive nothing for 20 s, then all for 20 s, and so on.
        case deafByTurns
        /// They lose 80 % of what comes in.
        case lossIn
        /// They lose 80 % of what they send.
        case lossOut

        var words: String {
            switch self {
            case .deafByTurns: "deaf 20 s on 20 s off"
            case .lossIn: "80 % in lost"
            case .lossOut: "80 % out lost"
            }
        }
    }

    static func run(_ faults: [Fault], _ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "Nodes that are hard to reach, for 300 s; published of 10 in 1,000: Rapid removes exactly "
                + "these 10, memberlist oscillates and never removes all",
            [
                "nodes", "fault", "unreliable", "removed", "all removed after", "others removed",
                "returns per node",
            ]
        )
        for fault in faults {
            for offset in 0..<options.repetitions {
                self.add(fault, options, seed: options.seed &+ UInt64(offset), to: &table)
            }
        }
        return table
    }

    private struct Sightings {
        var removed: [Int: Double] = [:]
        var others: Set<Int> = []
        var returns = 0
    }

    private static func add(
        _ fault: Fault,
        _ options: Experiment.Options,
        seed: UInt64,
        to table: inout ExperimentTable
    ) {
        let count = options.nodes ?? 200
        let bad = Set((0..<max(1, count / 100)).map { $0 * 100 })
        var fleet = options.fleet(count, .lan, seed: seed)
        let seen = Tally(Sightings())
        let begin = 20.0
        fleet.onEvent = { sighting in
            guard case .changed(let member, let before) = sighting.event,
                !bad.contains(sighting.observer), member.state != before
            else { return }
            let index = ExperimentFleet.index(member.id)
            if before == .failed { seen.value.returns += 1 }
            guard member.state == .failed else { return }
            guard bad.contains(index) else {
                seen.value.others.insert(index)
                return
            }
            let after = Double(sighting.at.nanoseconds) / 1e9 - begin
            seen.value.removed[index] = seen.value.removed[index] ?? after
        }
        fleet.startKnowing()
        fleet.run(until: begin)
        for turn in 0..<15 {
            self.set(fault, on: bad, of: &fleet, isOn: fault != .deafByTurns || turn % 2 == 0)
            fleet.run(until: begin + 20 * Double(turn + 1))
        }
        let isWhole = seen.value.removed.count == bad.count
        let observers = Double(count - bad.count) * Double(bad.count)
        let slowest = isWhole ? seen.value.removed.values.max() : nil
        table.promise(slowest, atMost: 30, "\(fault.words), seed \(seed), all removed")
        let others = seen.value.others.count
        table.promise(others == 0, "\(fault.words), seed \(seed): \(others) others removed")
        let returns = seen.value.returns
        table.promise(returns == 0, "\(fault.words), seed \(seed): \(returns) returns")
        table.add([
            "\(count)", fault.words, "\(bad.count)", "\(seen.value.removed.count)",
            ExperimentTable.seconds(slowest),
            "\(others)",
            ExperimentTable.seconds(Double(returns) / observers),
        ])
        table.expect(fleet.lostCount > 0, "no packet was lost under \(fault.words)")
    }

    private static func set(
        _ fault: Fault,
        on bad: Set<Int>,
        of fleet: inout ExperimentFleet,
        isOn: Bool
    ) {
        for index in bad {
            switch fault {
            case .deafByTurns: fleet.lossIn[index] = isOn ? 1 : 0
            case .lossIn: fleet.lossIn[index] = 0.8
            case .lossOut: fleet.lossOut[index] = 0.8
            }
        }
    }
}

/// E11: half of all datagrams are lost, then one node dies.
enum NoiseExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "Half of all datagrams lost for 30 s, then a crash; published, chitchat: of 10 nobody is "
                + "declared dead, of 100 the crash is seen within 15 s",
            ["nodes", "declared though alive", "crash known to all after"]
        )
        for count in options.nodes.map({ [$0] }) ?? [10, 100] {
            var fleet = options.fleet(count, .lan, seed: options.seed)
            let wrong = Tally(0)
            let known = Tally(Set<Int>())
            fleet.onEvent = { sighting in
                guard case .changed(let member, let before) = sighting.event,
                    member.state == .failed, before != .failed
                else { return }
                if ExperimentFleet.index(member.id) == 0 {
                    known.value.insert(sighting.observer)
                } else {
                    wrong.value += 1
                }
            }
            fleet.startKnowing()
            fleet.run(until: 10)
            fleet.loss = 0.5
            fleet.run(until: 40)
            let early = known.value.count
            known.value = []
            fleet.kill([0])
            let end = fleet.run(until: 100, step: 0.1) { _ in known.value.count >= count - 1 }
            table.add([
                "\(count)", "\(wrong.value + early)", ExperimentTable.seconds(end.map { $0 - 40 }),
            ])
            table.expect(fleet.lostCount > 0, "no packet was lost")
            table.promise(wrong.value + early == 0, "\(count) nodes: some declared though alive")
            table.promise(end.map { $0 - 40 }, atMost: 15, "\(count) nodes, a crash known to all")
        }
        return table
    }
}

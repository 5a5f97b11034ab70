public import ArgumentParser
import MeshAdminClient
public import MeshConsole
import MeshReports

/// Shows who has how much to do, and how well it goes.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show rates, errors and latency by service, node or region.",
        discussion: """
            Asks every node for its metrics twice, through the one that is asked, and shows what came \
            between; P50 and P99 are the upper ends of classes. The last line says who answered.

            Exit status: 0 answered; 69 no node answered.

            Example: meshctl top regions --watch
            """
    )

    @Argument(help: "services, nodes or regions.")
    var kind = TopReport.Kind.services

    @Option(help: "Seconds between the two looks.")
    var interval = 2.0

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var watch: WatchOptions

    func validate() throws {
        guard (0.2...3_600).contains(self.interval) else {
            throw ValidationError("--interval is \(self.interval), but must be 0.2 to 3600 s")
        }
    }

    func run() async throws {
        var fleet = FleetClients(first: try self.node.client())
        var (before, at) = (try await self.look(&fleet), ContinuousClock.now)
        _ = try await self.watch.show {
            try await Task.sleep(for: .seconds(self.interval))
            let (now, end) = (try await self.look(&fleet), ContinuousClock.now)
            let seconds = at.duration(to: end) / .seconds(1)
            let report = TopReport(
                self.kind,
                before: before.texts,
                now: now.texts,
                regions: now.regions,
                seconds: seconds
            )
            (before, at) = (now, end)
            let text = try self.output.text(
                report,
                items: report.rows,
                names: report.rows.map(\.name)
            ) { report.text($0) }
            return (text, true)
        }
    }

    private func look(
        _ fleet: inout FleetClients
    ) async throws -> (texts: [String: String], regions: [String: String]) {
        let members = try await fleet.ask { client in
            try await client.members().members
        }
        fleet.learn(members)
        let regions = Dictionary(members.map { ($0.name, $0.region) }, uniquingKeysWith: { $1 })
        return (try await fleet.metrics(), regions)
    }
}

extension TopReport.Kind: ExpressibleByArgument {}

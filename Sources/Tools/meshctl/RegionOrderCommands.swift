import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// What all orders about a region take.
struct RegionOrderArguments: ParsableArguments {
    @Argument(help: "The region's name.", completion: Suggestions.regions)
    var region: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Ask nothing; needed where there is no terminal.")
    var yes = false

    @Flag(help: "Print what it would mean, and do nothing.")
    var dryRun = false

    @Flag(help: "Even if what remains cannot take the traffic over.")
    var force = false

    /// Carries an order out and prints what it means.
    func carryOut(_ order: RegionOrderReport.Order, seconds: Double) async throws {
        let client = try self.node.client()
        if !self.dryRun, !self.yes, order != .undrain {
            let plan = try await self.ask(client, order, seconds, isDryRun: true)
            if Terminal.isInteractive { Terminal.note(RegionOrderTable(plan).text()) }
            try Terminal.confirm("\(order.rawValue) region \(self.region)?", isAgreed: false)
        }
        let report = try await self.ask(client, order, seconds, isDryRun: self.dryRun)
        Terminal.result(
            try self.output.text(
                report,
                items: report.shifts,
                names: report.shifts.map { "\($0.upstream)/\($0.region)" }
            ) { RegionOrderTable(report).text($0) }
        )
    }

    private func ask(
        _ client: AdminClient,
        _ order: RegionOrderReport.Order,
        _ seconds: Double,
        isDryRun: Bool
    ) async throws -> RegionOrderReport {
        try await client.order(
            order,
            of: self.region,
            seconds: seconds,
            isDryRun: isDryRun,
            isForced: self.force
        )
    }
}

/// How long an order holds.
struct OrderSpan: ParsableArguments {
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "How long it holds: a number with s, m or h, at most 72h.",
            valueName: "time"
        )
    )
    var span = TimeSpan(hours: 2)

    /// The span in seconds.
    var seconds: Double { self.span.seconds }

    func validate() throws {
        guard (1...259_200).contains(self.seconds) else {
            throw ValidationError("--for is \(self.span), but must be 1s to 72h, such as 30m")
        }
    }
}

private let orderStatuses = """
    Exit status: 0 done; 1 refused, or unknown region; 69 the node asked did not answer.
    """

/// Lets a region's traffic leave little by little.
struct RegionDrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Let a region's traffic leave, a tenth every second.",
        discussion: """
            Requests go to the region only when nothing else is left. It ends by itself, or with \
            meshctl region undrain; the traffic then returns by the upstream's ramp.

            \(orderStatuses)

            Example: meshctl region drain eu --for 30m --dry-run
            """
    )

    @OptionGroup var order: RegionOrderArguments
    @OptionGroup var span: OrderSpan

    func run() async throws {
        try await self.order.carryOut(.drain, seconds: self.span.seconds)
    }
}

/// Takes back what was wanted of a region.
struct RegionUndrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain",
        abstract: "Take back what was wanted of a region: drain, failover, hold or failback.",
        discussion: "\(orderStatuses)\n\nExample: meshctl region undrain eu"
    )

    @OptionGroup var order: RegionOrderArguments

    func run() async throws { try await self.order.carryOut(.undrain, seconds: 1) }
}

/// Moves a region's traffic away at once.
struct RegionFailoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Move a region's traffic away at once.",
        discussion: "\(orderStatuses)\n\nExample: meshctl region failover eu --for 2h"
    )

    @OptionGroup var order: RegionOrderArguments
    @OptionGroup var span: OrderSpan

    func run() async throws {
        try await self.order.carryOut(.failover, seconds: self.span.seconds)
    }
}

/// Lets a region's traffic return now.
struct RegionFailbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failback",
        abstract: "Let a region's traffic return without waiting for the end of its hold.",
        discussion: """
            It returns by the upstream's ramp, and only while a third of its capacity is in use.

            \(orderStatuses)

            Example: meshctl region failback eu
            """
    )

    @OptionGroup var order: RegionOrderArguments
    @OptionGroup var span: OrderSpan

    func run() async throws {
        try await self.order.carryOut(.failback, seconds: self.span.seconds)
    }
}

/// Keeps traffic from returning to a region.
struct RegionHoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep traffic from returning to a region; a return that runs stops where it is.",
        discussion: "\(orderStatuses)\n\nExample: meshctl region hold eu --for 8h"
    )

    @OptionGroup var order: RegionOrderArguments
    @OptionGroup var span: OrderSpan

    func run() async throws {
        try await self.order.carryOut(.hold, seconds: self.span.seconds)
    }
}

import ArgumentParser
import MeshAdminClient
import MeshReports

/// Takes members out and waits until they are empty.
struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Take nodes out of traffic; they stay members and can be resumed.",
        discussion: """
            All nodes are marked before the first one starts to empty. Interrupting does not take \
            the mark back: meshctl resume NODE does.

            A node is drained when it had no request whenever it was asked for a second, sessions of udp \
            routes aside. It turns readiness off and \
            sends clients away, but still serves those who come to it all the same.

            Exit status: 0 drained; 1 unknown node, or refused; 69 the node asked did not answer; \
            75 not empty in time, goes on.

            Example: meshctl drain eu-2 --yes
            """
    )

    @Argument(help: "Names of the nodes.", completion: Suggestions.nodes)
    var nodes: [String]

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Ask nothing; needed where there is no terminal.")
    var yes = false

    @Flag(help: "Print what would be done, and do nothing.")
    var dryRun = false

    @Flag(help: "Even if no usable node remains in a region.")
    var force = false

    @Option(help: "Give up waiting after this many seconds; 0 does not wait.")
    var timeout = 60.0

    func validate() throws {
        guard (0...86_400).contains(self.timeout) else {
            throw ValidationError("--timeout is \(self.timeout), but must be 0 to 86400 s")
        }
    }

    func run() async throws {
        let client = try self.node.client()
        let change = ModeChange(client: client, nodes: self.nodes, mode: .draining)
        let members = try await change.checked()
        let effect = try self.effect(on: members)
        if self.dryRun {
            return try change.showPlan(members, self.output, "would drain: \(effect)\n")
        }
        try Terminal.confirm("drain \(effect)?", isAgreed: self.yes)
        let reports = try await change.carriedOut(timeout: .seconds(self.timeout))
        Terminal.result(
            try self.output.text(reports, items: reports, names: reports.map(\.node)) { _ in
                reports.map { "\($0.node) drained\n" }.joined()
            }
        )
    }

    /// What is lost, in words.
    private func effect(on members: [MemberReport]) throws -> String {
        let chosen = Set(self.nodes)
        for (region, inside) in Dictionary(grouping: members, by: \.region) {
            let remaining = inside.count { $0.isWell && !chosen.contains($0.name) }
            let isTouched = inside.contains { chosen.contains($0.name) }
            if isTouched, remaining == 0, !self.force {
                throw Failure(
                    .failure,
                    "region \(region) would have no usable node left; give --force to do it anyway"
                )
            }
        }
        let requests = members.filter { chosen.contains($0.name) }
            .reduce(0) { $0 + ($1.inFlight ?? 0) }
        return "\(self.nodes.joined(separator: ", ")) (\(requests) requests in flight)"
    }
}

/// Puts members back.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Put drained nodes back into traffic.",
        discussion: """
            Exit status: 0 back; 1 unknown node; 69 the node asked did not answer; 75 not back in \
            time, goes on.

            Example: meshctl resume eu-2
            """
    )

    @Argument(help: "Names of the nodes.", completion: Suggestions.nodes)
    var nodes: [String]

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Ask nothing; resuming never asks.")
    var yes = false

    @Flag(help: "Print what would be done, and do nothing.")
    var dryRun = false

    @Option(help: "Give up waiting after this many seconds; 0 does not wait.")
    var timeout = 30.0

    func run() async throws {
        let client = try self.node.client()
        let change = ModeChange(client: client, nodes: self.nodes, mode: .normal)
        let members = try await change.checked()
        if self.dryRun {
            let names = self.nodes.joined(separator: ", ")
            return try change.showPlan(members, self.output, "would resume: \(names)\n")
        }
        let reports = try await change.carriedOut(timeout: .seconds(self.timeout))
        Terminal.result(
            try self.output.text(reports, items: reports, names: reports.map(\.node)) { _ in
                reports.map { "\($0.node) takes traffic\n" }.joined()
            }
        )
    }
}

import ArgumentParser
import MeshAdminClient
import MeshConsole
import MeshReports

/// Whom a write waits for.
struct WaitOptions: ParsableArguments {
    /// Which nodes.
    enum Waiting: String, ExpressibleByArgument, CaseIterable {
        /// Every node that is alive.
        case all
        /// More than half of all members, those that are down included.
        case quorum
        /// None.
        case none
    }

    @Option(help: "Which nodes to wait for.")
    var wait = Waiting.all

    @Option(help: "Give up waiting after this many seconds.")
    var timeout = 30.0

    func validate() throws {
        guard (0...86_400).contains(self.timeout) else {
            throw ValidationError("--timeout is \(self.timeout), but must be 0 to 86400 s")
        }
    }
}

/// Waits until a write is live where it has to be, and says how it ended.
struct Settlement {
    private static let interval = Duration.milliseconds(100)

    let client: AdminClient
    let options: WaitOptions
    let output: OutputOptions

    /// Waits, prints the result, and fails unless the write is live, or part of what is.
    ///
    /// - Parameters:
    ///   - report: what the node answered.
    ///   - verb: what was done, such as `applied`.
    /// - Throws: ``Failure`` with what is not so.
    func finish(_ report: ApplyReport, _ verb: String) async throws {
        self.noteHolders(report)
        let status = self.options.wait == .none ? nil : await self.settled(report)
        let live = status.map { status in
            let alive = status.nodes.filter { $0.member == .alive }
            let count = alive.count { Self.is($0, live: report) }
            return "  live on \(count) of \(alive.count) alive nodes"
        }
        let summary = report.summary
        let counts = "+\(summary.created) ~\(summary.updated) -\(summary.deleted)"
        let config = "\(report.config.version) \(report.config.hash.prefix(8))"
        let name = report.changeset.isEmpty ? "" : "  \(report.changeset)"
        Terminal.result(
            try self.output.text(report, items: [report], names: [report.config.hash]) { _ in
                report.config == report.base
                    ? "nothing to change, \(config)\(live ?? "")\n"
                    : "\(verb) \(config)\(name)  \(counts)\(live ?? "")\n"
            }
        )
        guard self.options.wait != .none else {
            guard report.confirmed else {
                throw Failure(.timedOut, "written, but on too few nodes so far")
            }
            return
        }
        guard let status else {
            throw Failure(
                .timedOut,
                "written, but the node does not say any more where it is live; "
                    + "meshctl config status tells, at any node"
            )
        }
        try self.judge(report, status)
        try await self.noteConflicts(report)
    }

    /// Says when a write is on fewer nodes than it has to be.
    private func noteHolders(_ report: ApplyReport) {
        guard !report.confirmed else { return }
        Terminal.note(
            "meshctl: so far only \(report.holders.joined(separator: ", ")) "
                + "\(report.holders.count == 1 ? "has" : "have") it on disk; "
                + "it is lost if they are, until others are back"
        )
    }

    /// What nodes have to route by.
    ///
    /// The changeset, or, where nothing was to be changed, the
    /// configuration that stood already. Others may have written upon either meanwhile.
    private static func name(of report: ApplyReport) -> String {
        report.changeset.isEmpty ? report.config.hash : report.changeset
    }

    /// Polls until enough nodes have it or the time is over; `nil` when the node never answered.
    private func settled(_ report: ApplyReport) async -> ConfigurationStatusReport? {
        let deadline = ContinuousClock.now.advanced(by: .seconds(self.options.timeout))
        var progress = Progress()
        var last: ConfigurationStatusReport?
        while true {
            if let status = try? await self.client.configurationStatus(
                including: Self.name(of: report)
            ) {
                last = status
                self.show(report, status, &progress)
                if self.isEnough(report, status) || self.isHopeless(report, status) { break }
            }
            if ContinuousClock.now >= deadline { break }
            try? await Task.sleep(for: Self.interval)
        }
        progress.end()
        return last
    }

    private func show(
        _ report: ApplyReport,
        _ status: ConfigurationStatusReport,
        _ progress: inout Progress
    ) {
        let members = self.counted(status)
        let waiting = members.filter { !Self.is($0, live: report) }
        let names = waiting.map { node in
            switch (node.member, node.state) {
            case (.alive, .rejected): "\(node.name) (rejected: \(node.reason))"
            case (.alive, _): node.name
            default: "\(node.name) (\(node.member.rawValue))"
            }
        }
        progress.show(
            "config \(report.config.hash.prefix(8))",
            done: members.count - waiting.count,
            of: members.count,
            waitingFor: names.joined(separator: ", ")
        )
    }

    /// The nodes that are waited for.
    private func counted(
        _ status: ConfigurationStatusReport
    ) -> [NodeConfigurationReport] {
        switch self.options.wait {
        case .all, .none: status.nodes.filter { $0.member == .alive }
        case .quorum: status.nodes
        }
    }

    private func isEnough(_ report: ApplyReport, _ status: ConfigurationStatusReport) -> Bool {
        let members = self.counted(status)
        let live = members.count { Self.is($0, live: report) }
        return self.options.wait == .quorum ? live * 2 > members.count : live == members.count
    }

    /// Whether waiting longer will change nothing by itself.
    private func isHopeless(_ report: ApplyReport, _ status: ConfigurationStatusReport) -> Bool {
        if status.changeset?.outcome == .refused { return true }
        let waiting = self.counted(status).filter { !Self.is($0, live: report) }
        return !waiting.isEmpty && waiting.allSatisfy { $0.state == .rejected }
    }

    private func judge(_ report: ApplyReport, _ status: ConfigurationStatusReport) throws {
        if let changeset = status.changeset, changeset.outcome == .refused {
            throw Failure(
                .failure,
                "\(changeset.id) changes nothing, since another changeset came before it: "
                    + changeset.reason
            )
        }
        for node in status.nodes where node.member == .failed || node.member == .suspect {
            Terminal.note(
                "\(node.name) is \(node.member.rawValue), will take \(report.config.version) when "
                    + "it returns"
            )
        }
        guard !self.isEnough(report, status) else { return }
        let waiting = self.counted(status).filter { !Self.is($0, live: report) }
            .map { $0.reason.isEmpty ? $0.name : "\($0.name): \($0.reason)" }
            .joined(separator: ", ")
        guard !self.isHopeless(report, status) else {
            throw Failure(
                .failure,
                "written, but refused by \(waiting); take it back: meshctl config rollback "
                    + "\(report.changeset)^"
            )
        }
        throw Failure(
            .timedOut,
            "written, but not live everywhere after \(self.options.timeout) s "
                + "(\(waiting)); watch it: meshctl config status --wait"
        )
    }

    /// Says when somebody else changed the same at the same moment and stands.
    private func noteConflicts(_ report: ApplyReport) async throws {
        guard !report.changeset.isEmpty,
            let detail = try? await self.client.changeset(report.changeset)
        else { return }
        let lost = detail.conflicts.filter { $0.open && $0.loser.changeset == report.changeset }
        guard let first = lost.first else { return }
        throw Failure(
            .unclean,
            "\(lost.count) of its entities \(lost.count == 1 ? "was" : "were") changed at another "
                + "node at the same moment, and that stands; look: meshctl config conflicts, "
                + "apply yours: meshctl config conflicts apply \(first.id)"
        )
    }

    private static func `is`(_ node: NodeConfigurationReport, live report: ApplyReport) -> Bool {
        node.member == .alive
            && (node.config.hash == report.config.hash || node.includes == true)
    }
}

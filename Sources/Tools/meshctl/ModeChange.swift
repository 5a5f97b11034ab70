import MeshAdminClient
import MeshReports

/// Writes what is wanted of several members and waits until they comply.
struct ModeChange {
    private static let interval = Duration.milliseconds(200)

    let client: AdminClient
    let nodes: [String]
    let mode: MemberReport.Mode

    /// All members, after checking that the nodes are among them.
    func checked() async throws -> [MemberReport] {
        let members = try await self.client.members().members
        let names = Set(members.map(\.name))
        if let stranger = self.nodes.first(where: { !names.contains($0) }) {
            throw Failure(
                .failure,
                "MESH104 no member is called \(stranger); list them: meshctl members"
            )
        }
        return members
    }

    /// Prints what would become of the nodes.
    func showPlan(_ members: [MemberReport], _ output: OutputOptions, _ text: String) throws {
        let plan = members.filter { self.nodes.contains($0.name) }.map {
            DrainReport(
                node: $0.name,
                mode: self.mode,
                previous: $0.mode,
                inFlight: $0.inFlight
            )
        }
        Terminal.result(try output.text(plan, items: plan, names: plan.map(\.node)) { _ in text })
    }

    /// Marks all nodes, then waits for all.
    ///
    /// - Throws: ``Failure`` when the time is over; the marks stay.
    func carriedOut(timeout: Duration) async throws -> [DrainReport] {
        var reports: [DrainReport] = []
        for node in self.nodes {
            let isDraining = self.mode == .draining
            reports.append(
                isDraining ? try await self.client.drain(node) : try await self.client.resume(node)
            )
        }
        guard timeout > .zero else { return reports }
        let deadline = ContinuousClock.now.advanced(by: timeout)
        var progress = Progress()
        var empty = EmptyNodes()
        while true {
            let members = try await self.client.members().members
            let named = members.filter { self.nodes.contains($0.name) }
            var waiting: [MemberReport] = []
            for member in named where !member.isGone {
                if self.mode == .draining {
                    let isEmpty = try? await empty.isEmpty(member.name, through: self.client)
                    if isEmpty != true { waiting.append(member) }
                } else if member.mode != self.mode {
                    waiting.append(member)
                }
            }
            progress.show(
                self.mode == .draining ? "draining" : "resuming",
                done: self.nodes.count - waiting.count,
                of: self.nodes.count,
                waitingFor: waiting.map { Self.words(for: $0.name, empty) }.joined(separator: ", ")
            )
            if waiting.isEmpty {
                progress.end()
                try self.checkPresence(of: named)
                return reports
            }
            guard ContinuousClock.now < deadline else {
                progress.end()
                let list = waiting.map { Self.words(for: $0.name, empty) }
                throw Failure(
                    .timedOut,
                    "\(list.joined(separator: ", ")) still busy after \(timeout); it goes on, "
                        + "watch it: meshctl members --watch"
                )
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private static func words(for node: String, _ empty: EmptyNodes) -> String {
        if let problem = empty.problems[node] { return "\(node) (cannot be asked: \(problem))" }
        return "\(node) (\(empty.requests[node] ?? 0) requests)"
    }

    /// A node that is gone cannot come back into traffic now; its mark waits for it.
    private func checkPresence(of members: [MemberReport]) throws {
        let gone = members.filter(\.isGone).map(\.name)
        guard self.mode == .normal, !gone.isEmpty else { return }
        throw Failure(
            .timedOut,
            "\(gone.joined(separator: ", ")) does not answer; the mark is set, and it takes "
                + "traffic when it is back"
        )
    }
}

extension MemberReport {
    /// Whether nothing is to be waited for: it does not answer, or has said good-bye.
    fileprivate var isGone: Bool {
        switch self.state {
        case .alive, .suspect: false
        case .failed, .left: true
        }
    }
}

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
        while true {
            let members = try await self.client.members().members
            let waiting = members.filter { member in
                self.nodes.contains(member.name) && !self.complies(member)
            }
            progress.show(
                self.mode == .draining ? "draining" : "resuming",
                done: self.nodes.count - waiting.count,
                of: self.nodes.count,
                waitingFor: waiting.map { "\($0.name) (\($0.inFlight ?? 0) requests)" }
                    .joined(separator: ", ")
            )
            if waiting.isEmpty {
                progress.end()
                return reports
            }
            guard ContinuousClock.now < deadline else {
                progress.end()
                throw Failure(
                    .timedOut,
                    "\(waiting.map(\.name).joined(separator: ", ")) still busy after \(timeout); "
                        + "it goes on, watch it: meshctl members --watch"
                )
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func complies(_ member: MemberReport) -> Bool {
        guard self.mode == .draining else { return member.mode == self.mode }
        return member.mode != .normal && (member.inFlight ?? 0) == 0
    }
}

import MeshAdminClient
import MeshConsole
import MeshReports

/// A fleet as it can be asked from here: each node through the mesh, by any node that answers.
///
/// Admin APIs mostly listen on loopback alone. So no node is asked at the address that it tells, but for
/// the way into the mesh when the node that was named is away, as it is during its own restart.
struct FleetClients {
    /// Longest wait for one node's answer; the node asked gives up after 3 s.
    private static let patience = Duration.seconds(5)
    /// Nodes that are asked at the same time at most.
    private static let askedAtOnce = 64

    /// The node that the operator named.
    let first: AdminClient
    /// Other ways into the mesh, by the member's name.
    private var doors: [String: AdminClient] = [:]
    /// The members that are alive.
    private var names: [String] = []

    init(first: AdminClient) { self.first = first }

    /// Learns who is there, and where the members' Admin APIs listen.
    mutating func learn(_ members: [MemberReport]) {
        self.names = members.filter { $0.state == .alive }.map(\.name).sorted()
        for member in members {
            guard let address = member.adminAddress, !address.isEmpty else { continue }
            self.doors[member.name] = try? self.first.sibling(at: address, timeout: Self.patience)
        }
    }

    /// Asks the first node, and when it does not answer the others in turn.
    ///
    /// - Throws: ``Failure`` when none answers; what a node refuses is thrown as it is.
    func ask<Answer: Sendable>(
        _ question: (AdminClient) async throws -> Answer
    ) async throws -> Answer {
        var last: AdminClientError?
        for client in [self.first] + self.doors.sorted(by: { $0.key < $1.key }).map(\.value) {
            do {
                return try await question(client)
            } catch let error as AdminClientError {
                switch error {
                case .unreachable, .timedOut, .unexpected: last = error
                case .refused(503, _): last = error
                case .refused, .invalidAddress, .unusable, .untrusted: throw error
                }
            }
        }
        throw Failure(.unreachable, "no node answers" + (last.map { ": \($0)" } ?? ""))
    }

    /// Asks every member that was learned, through the mesh; `nil` for one that did not answer.
    ///
    /// - Throws: ``Failure`` when no node answers at all.
    func each<Answer: Sendable>(
        _ question: @escaping @Sendable (AdminClient) async throws -> Answer
    ) async throws -> [String: Answer?] {
        let door = try await self.ask { client in
            _ = try await client.status()
            return client
        }
        return await withTaskGroup(of: (String, Answer?).self) { group in
            var answers: [String: Answer?] = [:]
            var rest = self.names[...]
            while answers.count < self.names.count {
                while answers.count + Self.askedAtOnce > self.names.count - rest.count,
                    let name = rest.popFirst()
                {
                    group.addTask { (name, try? await question(door.through(to: name))) }
                }
                guard let (name, answer) = await group.next() else { break }
                answers.updateValue(answer, forKey: name)
            }
            return answers
        }
    }

    /// The metrics of every node that answered, by name.
    func metrics() async throws -> [String: String] {
        try await self.each { try await $0.metrics() }.compactMapValues { $0 }
    }

    /// What the fleet shows now: the views of all nodes that are alive, and their traffic.
    func sample() async throws -> UpgradeSample {
        let answers = try await self.each { node in
            let members = try await node.members().members
            return (members, UpgradeSample.Traffic(metrics: try await node.metrics()))
        }
        let health = try await self.ask { client in
            try await client.health()
        }
        return UpgradeSample(
            views: answers.compactMapValues { $0?.0 },
            traffic: answers.compactMapValues { $0?.1 },
            silent: Set(answers.filter { $0.value == nil }.keys),
            loneVerdicts: UpgradeSample.loneVerdicts(of: health)
        )
    }
}

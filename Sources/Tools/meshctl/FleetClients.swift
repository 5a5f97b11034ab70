import MeshAdminClient
import MeshConsole
import MeshReports

/// Every Admin API of a fleet that can be reached from here, since any node may be restarted.
struct FleetClients {
    /// Longest wait for one node's answer.
    private static let patience = Duration.seconds(3)

    /// The node that the operator named.
    let first: AdminClient
    /// The others, by name, as far as they tell an address.
    private var others: [String: AdminClient] = [:]

    init(first: AdminClient) { self.first = first }

    /// Learns where the members' Admin APIs listen.
    mutating func learn(_ members: [MemberReport]) {
        for member in members {
            guard let address = member.adminAddress, !address.isEmpty else { continue }
            self.others[member.name] = try? self.first.sibling(at: address, timeout: Self.patience)
        }
    }

    /// Asks the first node, and when it does not answer the others in turn.
    ///
    /// - Throws: ``Failure`` when none answers; what a node refuses is thrown as it is.
    func ask<Answer: Sendable>(
        _ question: (AdminClient) async throws -> Answer
    ) async throws -> Answer {
        var last: AdminClientError?
        for client in [self.first] + self.others.sorted(by: { $0.key < $1.key }).map(\.value) {
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

    /// The metrics of every node that can be reached, by name; of the first one alone when no other can.
    func metrics() async throws -> [String: String] {
        var texts: [String: String] = [:]
        await withTaskGroup(of: (String, String?).self) { group in
            for (name, client) in self.others {
                group.addTask { (name, try? await client.metrics()) }
            }
            for await (name, text) in group { texts[name] = text }
        }
        if texts.isEmpty {
            let node = try await self.first.members().view.node
            texts[node] = try await self.first.metrics()
        }
        return texts
    }

    /// The clients of all nodes that have told an address, by name.
    var all: [(name: String, client: AdminClient)] {
        self.others.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What the fleet shows now: the views of all nodes that can be reached, and their traffic.
    func sample() async throws -> UpgradeSample {
        var views: [String: [MemberReport]] = [:]
        var traffic: [String: UpgradeSample.Traffic] = [:]
        for (name, client) in self.others {
            guard let members = try? await client.members().members else { continue }
            views[name] = members
            traffic[name] = (try? await client.metrics()).map(UpgradeSample.Traffic.init(metrics:))
        }
        if views.isEmpty {
            // Admin APIs that listen on loopback only: the one that was named speaks for all.
            let report = try await self.ask { client in
                try await client.members()
            }
            views[report.view.node] = report.members
        }
        let health = try await self.ask { client in
            try await client.health()
        }
        return UpgradeSample(
            views: views,
            traffic: traffic,
            loneVerdicts: UpgradeSample.loneVerdicts(of: health)
        )
    }
}

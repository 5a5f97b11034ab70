import MeshPrimitives

/// The secrets of TLS session tickets in one period, the same on every node of a mesh.
///
/// They are derived from the key ring, so that nothing is stored and nothing travels, and a client
/// resumes its session at any node. Whoever holds the ring can open tickets of any period; changing
/// the ring's keys ends that.
///
///     name    = BLAKE2b-128(key: ring key, "meshgate tls ticket name 1" ‖ period ‖ mesh)
///     secret  = BLAKE2b-512(key: ring key, "meshgate tls ticket 1" ‖ period ‖ mesh)
///     pin     = BLAKE2b-256(key: ring key, "meshgate pins 1" ‖ mesh)
///     session = BLAKE2b-256(key: ring key, "meshgate sessions 1" ‖ mesh)
public struct TicketSecrets: Equatable, Sendable {
    /// One key: how tickets name it, and what seals them.
    public struct Secret: Equatable, Sendable {
        /// 16 bytes, in clear in every ticket.
        public let name: [UInt8]
        /// 64 bytes; a secret.
        public let secret: [UInt8]
    }

    /// What new tickets are sealed with.
    public let current: Secret
    /// What tickets of others are opened with, the likeliest first, ``current`` not among them:
    /// other keys of the ring, then the periods before and after, for clocks differ.
    public let accepted: [Secret]
    /// 32 bytes each, the same in all periods: what cookies that pin clients to targets are made
    /// with, the sealing key's first.
    public let pins: [[UInt8]]
    /// 32 bytes each, the same in all periods: what sessions are sealed with whose plugin has no
    /// secret, the sealing key's first.
    public let sessions: [[UInt8]]
}

extension KeyRing {
    /// Derives the ticket secrets of a period.
    ///
    /// - Parameters:
    ///   - period: wall time divided by the time of rotation.
    ///   - clusterName: the mesh's name; two meshes with one ring share no session.
    /// - Returns: the sealing key's secret of the period, and all others that a node of the mesh
    ///   may use now.
    public func ticketSecrets(period: UInt64, clusterName: String) -> TicketSecrets {
        let others = self.epochs.filter { $0 != self.sealingEpoch }
            .compactMap { self.secrets[$0] }
        let accepted = [period, period &- 1, period &+ 1].flatMap { near in
            ([self.sealingSecret] + others).map { (near, $0) }
        }
        return TicketSecrets(
            current: Self.ticketSecret(self.sealingSecret, period, clusterName),
            accepted: accepted.dropFirst().map { Self.ticketSecret($1, $0, clusterName) },
            pins: self.pinSecrets(clusterName: clusterName),
            sessions: self.sessionSecrets(clusterName: clusterName)
        )
    }

    /// Derives 16 bytes under which the mesh's nodes hash what they count together.
    ///
    /// Another key that seals makes other hashes: while nodes are restarted with it, counts of the
    /// two kinds of nodes stay apart.
    public func counterSecret(clusterName: String) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.write(clusterName)
        return Sodium.hash(
            Array("meshgate counters 1".utf8) + writer.bytes,
            key: self.sealingSecret,
            byteCount: 16
        )
    }

    /// Derives what cookies that pin clients to targets are made with: 32 bytes for each key of the
    /// ring, the sealing key's first.
    public func pinSecrets(clusterName: String) -> [[UInt8]] {
        self.cookieSecrets("meshgate pins 1", clusterName)
    }

    /// Derives what sessions without a secret of their own are sealed with: 32 bytes for each key of
    /// the ring, the sealing key's first.
    public func sessionSecrets(clusterName: String) -> [[UInt8]] {
        self.cookieSecrets("meshgate sessions 1", clusterName)
    }

    private func cookieSecrets(_ purpose: String, _ clusterName: String) -> [[UInt8]] {
        var writer = ByteWriter(capacity: 64)
        writer.write(clusterName)
        let text = Array(purpose.utf8) + writer.bytes
        let others = self.epochs.filter { $0 != self.sealingEpoch }
            .compactMap { self.secrets[$0] }
        return ([self.sealingSecret] + others).map {
            Sodium.hash(text, key: $0, byteCount: 32)
        }
    }

    private static func ticketSecret(
        _ key: [UInt8],
        _ period: UInt64,
        _ clusterName: String
    ) -> TicketSecrets.Secret {
        var writer = ByteWriter(capacity: 96)
        writer.write(period)
        writer.write(clusterName)
        let derive = { (purpose: String, byteCount: Int) in
            Sodium.hash(Array(purpose.utf8) + writer.bytes, key: key, byteCount: byteCount)
        }
        return TicketSecrets.Secret(
            name: derive("meshgate tls ticket name 1", 16),
            secret: derive("meshgate tls ticket 1", 64)
        )
    }
}

extension TicketSecrets.Secret: CustomStringConvertible, CustomReflectable {
    /// Nothing of the secret, so that no log or error ever shows it.
    public var description: String { "ticket secret" }

    /// Hides the secret from `dump` and debuggers.
    public var customMirror: Mirror { Mirror(self, children: ["name": self.name]) }
}

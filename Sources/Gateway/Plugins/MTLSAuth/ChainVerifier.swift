internal import COpenSSL
import MeshEntities

/// The authorities of a configuration, read once; the same object as long as none of them changes.
final class AuthorityTable: Sendable {
    /// One of them.
    struct Authority: Sendable {
        let id: EntityID
        /// SHA-256 of its certificate.
        let digest: [UInt8]
        /// Only read, and freed with the table.
        nonisolated(unsafe) let certificate: OpaquePointer
    }

    private let entities: EntityList<CACertificate>
    private let authorities: [EntityID: Authority]

    /// Makes a table, or gives the one before if nothing in it changed.
    static func make(
        _ entities: EntityList<CACertificate>,
        reusing previous: AuthorityTable?
    ) -> AuthorityTable {
        if let previous, previous.entities == entities { return previous }
        return AuthorityTable(entities)
    }

    private init(_ entities: EntityList<CACertificate>) {
        self.entities = entities
        var authorities: [EntityID: Authority] = [:]
        for entity in entities where authorities[entity.id] == nil {
            guard let certificate = Self.read(entity.cert) else { continue }
            authorities[entity.id] = Authority(
                id: entity.id,
                digest: PeerCertificate.digest(of: certificate),
                certificate: certificate
            )
        }
        ERR_clear_error()
        self.authorities = authorities
    }

    deinit { for authority in self.authorities.values { X509_free(authority.certificate) } }

    /// Some authorities; nil when one of them is not there or cannot be read.
    func authorities(_ ids: [EntityID]) -> [Authority]? {
        let found = ids.compactMap { self.authorities[$0] }
        return found.count == ids.count ? found : nil
    }

    private static func read(_ pem: String) -> OpaquePointer? {
        var pem = pem
        return pem.withUTF8 { bytes -> OpaquePointer? in
            guard let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            else { return nil }
            defer { BIO_free(source) }
            return PEM_read_bio_X509(source, nil, mesh_no_passphrase, nil)
        }
    }
}

/// Checks clients' certificates against some authorities; good ones are remembered for a while.
struct ChainVerifier: Sendable {
    /// What checking a certificate has brought.
    enum Finding: Equatable {
        /// An authority vouches for it.
        case good(authority: EntityID)
        case bad
        /// An authority is not in the configuration or cannot be read.
        case undecided
    }

    private let authorities: [EntityID]
    private let takesPartialChains: Bool
    private let ttl: UInt64
    private let instance: EntityID

    /// Makes a verifier.
    ///
    /// - Parameters:
    ///   - authorities: who may vouch for clients.
    ///   - takesPartialChains: whether one of them may be an intermediate.
    ///   - milliseconds: how long a good certificate is remembered at most; 0 for not at all.
    ///   - instance: whose verifier it is.
    init(
        _ authorities: [EntityID],
        takesPartialChains: Bool,
        milliseconds: UInt64,
        instance: EntityID
    ) {
        self.authorities = authorities
        self.takesPartialChains = takesPartialChains
        self.ttl = milliseconds
        self.instance = instance
    }

    /// Checks a certificate, or knows it from before.
    func verify(
        _ peer: PeerCertificate,
        _ table: AuthorityTable,
        _ shared: PluginShared?,
        at now: UInt64
    ) -> Finding {
        guard let authorities = table.authorities(self.authorities) else { return .undecided }
        let digest = peer.digest
        let marks = authorities.map { self.mark($0, digest, shared, at: now) }
        if let shared {
            for (authority, mark) in zip(authorities, marks) {
                guard let mark, shared.memory.contains(mark) else { continue }
                return .good(authority: authority.id)
            }
        }
        guard let (place, left) = self.check(peer, authorities) else { return .bad }
        if let shared, let mark = marks[place], left >= self.ttl { shared.memory.insert(mark) }
        return .good(authority: authorities[place].id)
    }

    /// What stands for a certificate for which an authority vouches.
    private func mark(
        _ authority: AuthorityTable.Authority,
        _ digest: [UInt8],
        _ shared: PluginShared?,
        at now: UInt64
    ) -> PluginMark? {
        guard let shared, self.ttl > 0 else { return nil }
        return PluginMark(
            self.instance,
            "\(now / self.ttl)",
            authority.digest + digest,
            secret: shared.secret
        )
    }

    /// The certificate of who has signed a good one, whose reference is the caller's; nil for a
    /// certificate that is an authority itself.
    func issuer(of peer: PeerCertificate, _ table: AuthorityTable) -> OpaquePointer? {
        guard let authorities = table.authorities(self.authorities) else { return nil }
        return self.withChain(of: peer, authorities) { chain in
            guard mesh_chain_count(chain) > 1, let issuer = mesh_chain_at(chain, 1) else {
                return nil
            }
            X509_up_ref(issuer)
            return issuer
        }
    }

    /// Hands over the chain that vouches for a certificate; nil when there is none.
    private func withChain<Value>(
        of peer: PeerCertificate,
        _ authorities: [AuthorityTable.Authority],
        _ body: (OpaquePointer) -> Value?
    ) -> Value? {
        guard let store = X509_STORE_new(), let context = X509_STORE_CTX_new() else { return nil }
        defer {
            X509_STORE_CTX_free(context)
            X509_STORE_free(store)
            ERR_clear_error()
        }
        for authority in authorities { X509_STORE_add_cert(store, authority.certificate) }
        guard X509_STORE_CTX_init(context, store, peer.certificate, peer.chain) == 1,
            X509_STORE_CTX_set_default(context, "ssl_client") == 1
        else { return nil }
        if self.takesPartialChains {
            X509_STORE_CTX_set_flags(context, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        }
        guard X509_verify_cert(context) == 1, let chain = X509_STORE_CTX_get0_chain(context)
        else { return nil }
        return body(chain)
    }

    /// The place of the authority that vouches, and for how many milliseconds the chain is valid; nil for
    /// a certificate that nobody vouches for.
    private func check(
        _ peer: PeerCertificate,
        _ authorities: [AuthorityTable.Authority]
    ) -> (place: Int, milliseconds: UInt64)? {
        self.withChain(of: peer, authorities) { chain in
            let count = mesh_chain_count(chain)
            guard count > 0, let last = mesh_chain_at(chain, count - 1) else { return nil }
            let digest = PeerCertificate.digest(of: last)
            guard let place = authorities.firstIndex(where: { $0.digest == digest }) else {
                return nil
            }
            var seconds = Int64.max
            for index in 0..<count {
                guard let certificate = mesh_chain_at(chain, index) else { continue }
                seconds = min(seconds, Self.secondsLeft(certificate))
            }
            return (place, UInt64(max(0, min(seconds, 1 << 40))) * 1_000)
        }
    }

    private static func secondsLeft(_ certificate: OpaquePointer) -> Int64 {
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(certificate)) == 1 else {
            return 0
        }
        return Int64(days) * 86_400 + Int64(seconds)
    }
}

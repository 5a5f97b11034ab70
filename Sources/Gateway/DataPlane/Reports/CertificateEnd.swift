internal import MeshEntities
internal import MeshTLS
internal import Synchronization

/// When a certificate that this node uses ceases to be valid.
public struct CertificateEnd: Equatable, Sendable {
    /// What the certificate is for.
    public enum Use: String, Sendable {
        /// `cert` of a certificate: shown to clients, or to targets by a service or upstream.
        case certificate
        /// `cert_alt` of a certificate: its pair with a key of the other type.
        case alternate
        /// A CA certificate: vouches for targets or clients.
        case authority
        /// Shown where no SNI fits.
        case fallback
    }

    /// What it is for.
    public var use: Use
    /// The entity's id; `default` for ``Use/fallback``.
    public var id: String
    /// Its first DNS name, or its subject when it has none.
    public var name: String
    /// End of validity, Unix seconds; the earliest of a chain.
    public var notAfter: Int
}

extension CertificateEnd {
    /// Reads a PEM text; `nil` when there is no certificate in it.
    init?(_ use: Use, id: String, pem: String) {
        guard let chain = TLSCertificate.chain(pem: pem), let first = chain.first else {
            return nil
        }
        self.use = use
        self.id = id
        self.name = first.names.first ?? first.subject
        self.notAfter = chain.map(\.notAfter).min() ?? first.notAfter
    }
}

/// Remembers the ends of the certificates of the newest snapshot, so that asking again reads none.
final class CertificateEnds: Sendable {
    private let held = Mutex<(snapshot: UInt64, ends: [CertificateEnd])?>(nil)

    /// The ends of a snapshot's certificates, and of the one shown where none fits.
    func ends(of snapshot: Snapshot, fallback: String?) -> [CertificateEnd] {
        self.held.withLock { held in
            if let held, held.snapshot == snapshot.version { return held.ends }
            let ends = Self.read(snapshot, fallback)
            held = (snapshot.version, ends)
            return ends
        }
    }

    private static func read(_ snapshot: Snapshot, _ fallback: String?) -> [CertificateEnd] {
        var ends: [CertificateEnd?] = []
        for certificate in snapshot.certificates {
            let id = certificate.id.description
            ends.append(CertificateEnd(.certificate, id: id, pem: certificate.cert))
            if let alternate = certificate.certAlt {
                ends.append(CertificateEnd(.alternate, id: id, pem: alternate))
            }
        }
        for authority in snapshot.authorities {
            let id = authority.id.description
            ends.append(CertificateEnd(.authority, id: id, pem: authority.cert))
        }
        if let fallback {
            ends.append(CertificateEnd(.fallback, id: "default", pem: fallback))
        }
        return ends.compactMap(\.self)
    }
}

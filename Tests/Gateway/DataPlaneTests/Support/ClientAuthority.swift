import Foundation
import MeshEntities
import MeshTLS

/// An authority, an intermediate, and clients' certificates of both, made by `openssl` once per run.
struct ClientAuthority: Sendable {
    static let shared = Result { try ClientAuthority() }
    static let rootID = EntityID(high: 6, low: 100)
    static let middleID = EntityID(high: 6, low: 101)
    private static let place = FileManager.default.temporaryDirectory
        .appending(path: "meshgate-clients-\(ProcessInfo.processInfo.processIdentifier)")

    let folder: URL
    let root: TLSIdentity
    let middle: TLSIdentity
    let stranger: TLSIdentity
    /// Common name `ann`, by the root.
    let ann: TLSIdentity
    /// Names `svc.test`, `10.1.2.3` and `ops@a.test`, common name `service`, by the root.
    let service: TLSIdentity
    /// Common name `ann`, by the intermediate, which it brings along.
    let deep: TLSIdentity
    /// Common name `ann`, by nobody that is known.
    let strange: TLSIdentity
    /// Common name `ann`, by the root, for servers only.
    let server: TLSIdentity
    /// Common name `ann`, by the root, not valid any more.
    let expired: TLSIdentity

    private init() throws {
        let folder = Self.place
        atexit { try? FileManager.default.removeItem(at: ClientAuthority.place) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        func make(
            _ name: String,
            _ subject: String,
            by issuer: String?,
            _ words: [String]
        ) throws -> TLSIdentity {
            var all = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
            all += ["ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(subject)"]
            all += ["-keyout", "\(name).key", "-out", "\(name).pem"] + words
            if let issuer { all += ["-CA", "\(issuer).pem", "-CAkey", "\(issuer).key"] }
            let said = try Command.run(all, in: folder)
            let read = { (name: String) in
                try? String(contentsOf: folder.appending(path: name), encoding: .utf8)
            }
            guard let certificate = read("\(name).pem"), let key = read("\(name).key") else {
                fatalError("openssl made no certificate: \(said)")
            }
            return TLSIdentity(id: name, certificate: certificate, key: key)
        }
        let authority = ["-days", "3650", "-addext", "keyUsage=critical,keyCertSign"]
        let leaf = ["-days", "3650", "-addext", "basicConstraints=critical,CA:FALSE"]
        self.root = try make("root", "root", by: nil, authority)
        self.middle = try make("middle", "middle", by: "root", authority)
        self.stranger = try make("stranger", "stranger", by: nil, authority)
        self.ann = try make("ann", "ann", by: "root", leaf)
        self.service = try make(
            "service",
            "service",
            by: "root",
            leaf + ["-addext", "subjectAltName=DNS:svc.test,IP:10.1.2.3,email:ops@a.test"]
        )
        let alone = try make("deep", "ann", by: "middle", leaf)
        self.deep = TLSIdentity(
            id: "deep",
            certificate: alone.main.certificate + self.middle.main.certificate,
            key: alone.main.key
        )
        self.strange = try make("strange", "ann", by: "stranger", leaf)
        self.server = try make(
            "server",
            "ann",
            by: "root",
            leaf + ["-addext", "extendedKeyUsage=serverAuth"]
        )
        _ = try make("former", "ann", by: "root", leaf)
        self.expired = try Self.expired(in: folder)
    }

    /// Made by `openssl ca`, which is the one that takes dates.
    private static func expired(in folder: URL) throws -> TLSIdentity {
        try "".write(to: folder.appending(path: "index"), atomically: true, encoding: .utf8)
        let settings = """
            [ca]
            default_ca = own
            [own]
            database = index
            new_certs_dir = .
            rand_serial = yes
            default_md = sha256
            policy = any
            [any]
            commonName = supplied
            """
        try settings.write(
            to: folder.appending(path: "ca.conf"),
            atomically: true,
            encoding: .utf8
        )
        _ = try Command.run(
            [
                "openssl", "req", "-new", "-key", "former.key", "-subj", "/CN=ann", "-out",
                "former.csr",
            ],
            in: folder
        )
        let said = try Command.run(
            [
                "openssl", "ca", "-batch", "-config", "ca.conf", "-cert", "root.pem", "-keyfile",
                "root.key", "-in", "former.csr", "-out", "expired.pem", "-notext", "-startdate",
                "20200101000000Z", "-enddate", "20200201000000Z",
            ],
            in: folder
        )
        let read = { (name: String) in
            try? String(contentsOf: folder.appending(path: name), encoding: .utf8)
        }
        guard let certificate = read("expired.pem"), let key = read("former.key") else {
            fatalError("openssl made no certificate: \(said)")
        }
        return TLSIdentity(id: "expired", certificate: certificate, key: key)
    }

    /// The root and the intermediate as entities.
    var entities: [CACertificate] {
        [
            CACertificate(id: Self.rootID, cert: self.root.main.certificate),
            CACertificate(id: Self.middleID, cert: self.middle.main.certificate),
        ]
    }
}

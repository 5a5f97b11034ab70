import Foundation
import Testing

@testable import MeshTLS

/// Certificates of authorities, made by the `openssl` command once per run.
///
///     root ── good.test, expired.test, client
///       └── middle ── deep.test
///     stranger ── client
struct TestAuthority: Sendable {
    /// A certificate and its key, PEM.
    struct Pair: Sendable {
        var certificate: String
        var key: String

        var identity: TLSIdentity {
            TLSIdentity(id: "test", certificate: self.certificate, key: self.key)
        }
    }

    static let shared = Result { try TestAuthority() }

    let folder: URL
    let root: Pair
    let stranger: Pair
    let middle: Pair
    let good: Pair
    let goodRSA: Pair
    let expired: Pair
    let deep: Pair
    let address: Pair
    let client: Pair
    let strangeClient: Pair
    /// A response of `root` about `good`, DER.
    let ocspResponse: [UInt8]

    private init() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "mesh-tls-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        func pair(
            _ name: String,
            by issuer: String?,
            _ words: String,
            key: String = "ec"
        ) throws -> Pair {
            let kind = key == "ec" ? "ec -pkeyopt ec_paramgen_curve:P-256" : "rsa:2048"
            var command = "req -x509 -newkey \(kind) -nodes -subj /CN=\(name)"
            command += " -keyout \(name).key -out \(name).pem \(words)"
            if let issuer { command += " -CA \(issuer).pem -CAkey \(issuer).key" }
            return try Self.make(command, name: name, in: folder)
        }
        let authority = "-days 3650 -addext keyUsage=critical,keyCertSign,digitalSignature"
        let leaf = "-days 3650 -addext basicConstraints=critical,CA:FALSE"
        self.root = try pair("root", by: nil, authority)
        self.stranger = try pair("stranger", by: nil, authority)
        self.middle = try pair("middle", by: "root", authority)
        self.good = try pair("good", by: "root", "\(leaf) -addext subjectAltName=DNS:good.test")
        self.goodRSA = try pair(
            "rsa",
            by: "root",
            "\(leaf) -addext subjectAltName=DNS:good.test",
            key: "rsa"
        )
        self.deep = try pair("deep", by: "middle", "\(leaf) -addext subjectAltName=DNS:deep.test")
        self.address = try pair("ip", by: "root", "\(leaf) -addext subjectAltName=IP:127.0.0.1")
        self.client = try pair("client", by: "root", leaf)
        self.strangeClient = try pair("strange", by: "stranger", leaf)
        self.expired = try Self.expired(in: folder)
        self.ocspResponse = try Self.respond(in: folder)
    }

    /// A chain that leads from `deep` to `root`.
    var deepChain: Pair {
        Pair(certificate: self.deep.certificate + self.middle.certificate, key: self.deep.key)
    }

    private static func make(_ command: String, name: String, in folder: URL) throws -> Pair {
        let words = command.split(separator: " ").map(String.init)
        let outcome = try Tool.run(["openssl"] + words, in: folder)
        try #require(outcome.status == 0, "\(command): \(outcome.output)")
        return try Pair(
            certificate: String(contentsOf: folder.appending(path: "\(name).pem"), encoding: .utf8),
            key: String(contentsOf: folder.appending(path: "\(name).key"), encoding: .utf8)
        )
    }

    /// Valid for one second of the year 2020.
    private static func expired(in folder: URL) throws -> Pair {
        try "".write(to: folder.appending(path: "index.txt"), atomically: true, encoding: .utf8)
        let settings = """
            [ca]
            default_ca = test
            [test]
            database = index.txt
            new_certs_dir = .
            rand_serial = yes
            default_md = sha256
            policy = any
            copy_extensions = copy
            [any]
            commonName = supplied
            """
        let file = folder.appending(path: "ca.cnf")
        try settings.write(to: file, atomically: true, encoding: .utf8)
        let asked = try Tool.run(
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=expired"
                .split(separator: " ").map(String.init)
                + ["-keyout", "expired.key", "-out", "expired.csr"]
                + ["-addext", "subjectAltName=DNS:expired.test"],
            in: folder
        )
        try #require(asked.status == 0, "\(asked.output)")
        return try Self.make(
            "ca -batch -config ca.cnf -cert root.pem -keyfile root.key -in expired.csr "
                + "-out expired.pem -notext -startdate 20200101000000Z -enddate 20200101000001Z",
            name: "expired",
            in: folder
        )
    }

    private static func respond(in folder: URL) throws -> [UInt8] {
        let serial = try Tool.run(
            ["openssl", "x509", "-in", "good.pem", "-noout", "-serial"],
            in: folder
        )
        let number = serial.output.split(separator: "=").last.map {
            $0.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let line = "V\t360101000000Z\t\t\(try #require(number))\tunknown\t/CN=good\n"
        try line.write(to: folder.appending(path: "ocsp.txt"), atomically: true, encoding: .utf8)
        let outcome = try Tool.run(
            "openssl ocsp -index ocsp.txt -CA root.pem -rsigner root.pem -rkey root.key -issuer root.pem -cert good.pem -respout good.ocsp -ndays 3000 -no_nonce"
                .split(separator: " ").map(String.init),
            in: folder
        )
        try #require(outcome.status == 0, "\(outcome.output)")
        return try Array(Data(contentsOf: folder.appending(path: "good.ocsp")))
    }
}

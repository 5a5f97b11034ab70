import Foundation
import MeshEntities
import MeshTLS
import Synchronization

@testable import MeshDataPlane

/// An authority that revokes certificates and answers for them as `openssl ocsp` and `openssl ca` do,
/// behind a server of the test.
final class RevokingAuthority: Sendable {
    /// What the server does with questions to the responder.
    enum Conduct: Sendable {
        case answers
        /// As an authority of the same name with another key does.
        case forges
        /// With what it answered for a certificate that is good.
        case repeats
        case refuses
        case isSilent
    }

    /// How the server ends its answers.
    enum Framing: Sendable, CaseIterable {
        case length
        case chunked
        case untilClose
        /// By a length that it does not reach.
        case cut
    }

    /// Serial numbers of certificates that are good and revoked; others are not known.
    static let good = "1001"
    static let revoked = "1002"
    static let stranger = "1003"

    let folder: URL
    let root: TLSIdentity
    private let conduct = Mutex((responder: Conduct.answers, hasList: true))
    private let framing = Mutex(Framing.length)
    private let asked = Mutex<[String]>([])
    private let origin = Mutex<Origin?>(nil)

    init() throws {
        self.folder = FileManager.default.temporaryDirectory
            .appending(path: "meshgate-revoked-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let files = [
            "index": "V\t401231000000Z\t\t1001\tunknown\t/CN=ann\n"
                + "R\t401231000000Z\t250101000000Z\t1002\tunknown\t/CN=ann\n",
            "index.false": "V\t401231000000Z\t\t1002\tunknown\t/CN=ann\n",
            "index.attr": "", "index.false.attr": "", "number": "01\n",
            "ca.conf": """
            [ca]
            default_ca = own
            [own]
            database = index
            default_md = sha256
            default_crl_days = 30
            crlnumber = number

            """,
        ]
        for (name, text) in files {
            try text.write(
                to: self.folder.appending(path: name),
                atomically: true,
                encoding: .utf8
            )
        }
        for name in ["root", "false"] {
            try Self.run(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 "
                    + "-subj /CN=root -keyout \(name).key -out \(name).pem "
                    + "-addext keyUsage=critical,keyCertSign,cRLSign",
                in: self.folder
            )
        }
        try Self.run(
            "ca -config ca.conf -gencrl -cert root.pem -keyfile root.key -out list.pem",
            in: self.folder
        )
        try Self.run("crl -in list.pem -outform DER -out list.der", in: self.folder)
        self.root = try Self.identity("root", in: self.folder)
        self.serve()
    }

    deinit { try? FileManager.default.removeItem(at: self.folder) }

    /// What was asked for since the last time, as method and path.
    func takeQuestions() -> [String] {
        self.asked.withLock { asked in
            defer { asked = [] }
            return asked
        }
    }

    func set(_ responder: Conduct, hasList: Bool = true) {
        self.conduct.withLock { $0 = (responder, hasList) }
    }

    func set(_ framing: Framing) { self.framing.withLock { $0 = framing } }

    /// Lets the list say that it is of certificates only that name a path of the server for it.
    func narrowList(to path: String) throws {
        let settings = try String(
            contentsOf: self.folder.appending(path: "ca.conf"),
            encoding: .utf8
        )
        let port = self.origin.withLock { $0?.port ?? 0 }
        let part = """
            [part]
            issuingDistributionPoint = critical,@point
            [point]
            fullname = URI:http://127.0.0.1:\(port)\(path)

            """
        try (settings + part)
            .write(
                to: self.folder.appending(path: "part.conf"),
                atomically: true,
                encoding: .utf8
            )
        try Self.run(
            "ca -config part.conf -crlexts part -gencrl -cert root.pem -keyfile root.key "
                + "-out list.pem",
            in: self.folder
        )
        try Self.run("crl -in list.pem -outform DER -out list.der", in: self.folder)
    }

    /// A certificate of the common name `ann` that says where to ask.
    func client(
        _ serial: String,
        responder: Bool = true,
        list: Bool = false
    ) throws -> TLSIdentity {
        let place = "URI:http://127.0.0.1:\(self.origin.withLock { $0?.port ?? 0 })"
        let name = "client-\(serial)-\(responder)-\(list)"
        try Self.run(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 "
                + "-subj /CN=ann -keyout \(name).key -out \(name).pem -CA root.pem "
                + "-CAkey root.key -set_serial 0x\(serial) "
                + "-addext basicConstraints=critical,CA:FALSE"
                + (responder ? " -addext authorityInfoAccess=OCSP;\(place)/ocsp" : "")
                + (list ? " -addext crlDistributionPoints=\(place)/list" : ""),
            in: self.folder
        )
        return try Self.identity(name, in: self.folder)
    }

    private func serve() {
        // The origin's threads outlive the test, and the authority does not.
        let origin = Origin { [weak self] _, socket, _ in
            while let request = socket.message() {
                guard let self else { return }
                self.asked.withLock { $0.append("\(request.method) \(request.target)") }
                guard let bytes = self.answer(request) else { return }
                let framing = self.framing.withLock { $0 }
                socket.send(Self.framed(bytes, framing))
                if framing == .untilClose || framing == .cut { return }
            }
        }
        self.origin.withLock { $0 = origin }
    }

    private static func framed(_ bytes: [UInt8], _ framing: Framing) -> [UInt8] {
        let head = "HTTP/1.1 200 OK\r\n"
        switch framing {
        case .length: return Array("\(head)Content-Length: \(bytes.count)\r\n\r\n".utf8) + bytes
        case .chunked:
            let size = String(bytes.count, radix: 16)
            return Array("\(head)Transfer-Encoding: chunked\r\n\r\n\(size)\r\n".utf8) + bytes
                + Array("\r\n0\r\n\r\n".utf8)
        case .untilClose: return Array("\(head)\r\n".utf8) + bytes
        case .cut:
            return Array("\(head)Content-Length: \(bytes.count + 1)\r\n\r\n".utf8) + bytes
        }
    }

    /// The body of the answer; nil closes the connection.
    private func answer(_ request: TestMessage) -> [UInt8]? {
        let (responder, hasList) = self.conduct.withLock { $0 }
        guard request.target == "/ocsp" else {
            return hasList ? self.file("list.der") : Array("nothing".utf8)
        }
        guard request["content-type"] == "application/ocsp-request" else { return nil }
        switch responder {
        case .answers: return self.responded(to: request.body)
        case .forges:
            return self.responded(to: request.body, by: "false", from: "index.false")
        case .repeats: return self.file("answer-\(Self.good)")
        case .refuses: return nil
        case .isSilent:
            usleep(3_000_000)
            return nil
        }
    }

    private func responded(
        to question: [UInt8],
        by signer: String = "root",
        from index: String = "index"
    ) -> [UInt8]? {
        let name = UUID().uuidString
        try? Data(question).write(to: self.folder.appending(path: name))
        try? Self.run(
            "ocsp -index \(index) -CA root.pem -rsigner \(signer).pem -rkey \(signer).key "
                + "-ndays 1 -reqin \(name) -respout \(name).answer",
            in: self.folder
        )
        return self.file("\(name).answer")
    }

    /// Keeps what the responder says of the good certificate, for ``Conduct/repeats``.
    func keepAnswer(for identity: String) throws {
        try Self.run(
            "ocsp -no_nonce -issuer root.pem -cert \(identity).pem -reqout kept",
            in: self.folder
        )
        let answer = self.responded(to: self.file("kept") ?? []) ?? []
        try Data(answer).write(to: self.folder.appending(path: "answer-\(Self.good)"))
    }

    private func file(_ name: String) -> [UInt8]? {
        (try? Data(contentsOf: self.folder.appending(path: name))).map { Array($0) }
    }

    private static func run(_ words: String, in folder: URL) throws {
        let all = words.split(separator: " ").map(String.init)
        _ = try Command.run(["openssl"] + all, in: folder)
    }

    private static func identity(_ name: String, in folder: URL) throws -> TLSIdentity {
        let read = { (name: String) in
            try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        }
        return TLSIdentity(
            id: name,
            certificate: try read("\(name).pem"),
            key: try read("\(name).key")
        )
    }
}

import Foundation

@testable import MeshDataPlane

/// A real OpenLDAP server on loopback with two people, its data in a folder of its own; ends with the
/// object.
final class DirectoryServer {
    static let base = "ou=people,dc=a,dc=test"
    let port: UInt16
    private let process = Process()
    private let folder: URL

    /// Whether Debian's `slapd` is there; tests that need it say so.
    static var isInstalled: Bool {
        FileManager.default.isExecutableFile(atPath: "/usr/sbin/slapd")
    }

    /// Starts one, with TLS from the first byte on if it `isSecure`; STARTTLS it takes in any case.
    init(isSecure: Bool = false) throws {
        self.port = try RedisServer.freePort()
        self.folder = FileManager.default.temporaryDirectory
            .appending(path: "meshgate-directory-\(getpid())-\(self.port)")
        try FileManager.default.createDirectory(
            at: self.folder.appending(path: "data"),
            withIntermediateDirectories: true
        )
        try self.write(TestCertificate.fallback)
        let said = try Command.run(
            ["/usr/sbin/slapadd", "-f", "slapd.conf", "-l", "people.ldif"],
            in: self.folder
        )
        self.process.executableURL = URL(fileURLWithPath: "/usr/sbin/slapd")
        self.process.currentDirectoryURL = self.folder
        self.process.arguments = [
            "-d", "0", "-f", "slapd.conf", "-h",
            "\(isSecure ? "ldaps" : "ldap")://127.0.0.1:\(self.port)/",
        ]
        self.process.standardOutput = FileHandle.nullDevice
        self.process.standardError = FileHandle.nullDevice
        try self.process.run()
        let end = ContinuousClock.now.advanced(by: .seconds(30))
        while ContinuousClock.now < end, self.process.isRunning {
            if OutsideConnection("127.0.0.1", self.port, milliseconds: 1_000) != nil { return }
            usleep(10_000)
        }
        fatalError("slapd does not answer; slapadd said: \(said)")
    }

    deinit {
        self.stop()
        try? FileManager.default.removeItem(at: self.folder)
    }

    /// Ends it.
    func stop() {
        guard self.process.isRunning else { return }
        kill(self.process.processIdentifier, SIGKILL)
        self.process.waitUntilExit()
    }

    private func write(_ certificate: TestCertificate) throws {
        let settings = """
            include /etc/ldap/schema/core.schema
            modulepath /usr/lib/ldap
            moduleload back_mdb
            TLSCertificateFile server.pem
            TLSCertificateKeyFile server.key
            TLSVerifyClient never
            database mdb
            suffix "dc=a,dc=test"
            directory data

            """
        let people = """
            dn: dc=a,dc=test
            objectClass: dcObject
            objectClass: organization
            o: a
            dc: a

            dn: ou=people,dc=a,dc=test
            objectClass: organizationalUnit
            ou: people

            dn: cn=ann,ou=people,dc=a,dc=test
            objectClass: person
            cn: ann
            sn: ann
            userPassword: open:sesame

            dn: cn=O\\27Hara\\2C Ben,ou=people,dc=a,dc=test
            objectClass: person
            cn: O'Hara, Ben
            sn: O'Hara
            userPassword: hush

            """
        for (name, text) in [
            ("slapd.conf", settings), ("people.ldif", people),
            ("server.pem", certificate.certificate), ("server.key", certificate.key),
        ] {
            try text.write(
                to: self.folder.appending(path: name),
                atomically: true,
                encoding: .utf8
            )
        }
    }
}

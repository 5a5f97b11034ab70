import CMeshSystem
import Glibc
import MeshEntities
import MeshHTTP
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("An access log")
struct AccessLogTests {
    /// A path that no other test has; whoever asked removes the file.
    private static func path(_ suffix: String) -> String {
        "\(P_tmpdir)/meshgate-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).\(suffix)"
    }

    private static func lines(of path: String) -> [Substring] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n")
    }

    private static func ask(_ gateway: Gateway, _ number: Int) {
        #expect(gateway.ask("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 200)
    }

    @Test("goes on in a new file when it is opened again, and loses no line")
    func rotation() async throws {
        let path = Self.path("log")
        let moved = path + ".1"
        defer {
            unlink(path)
            unlink(moved)
        }
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.accessLog = .file(path)
        }
        for number in 0..<20 { Self.ask(gateway, number) }
        #expect(rename(path, moved) == 0)
        for number in 20..<40 { Self.ask(gateway, number) }
        try gateway.plane.reopenLog()
        for number in 40..<60 { Self.ask(gateway, number) }
        #expect(await gateway.eventually { !Self.lines(of: path).isEmpty })
        gateway.plane.stop()

        let (old, new) = (Self.lines(of: moved), Self.lines(of: path))
        for number in 0..<60 {
            #expect((old + new).count { $0.contains("\"target\":\"/\(number)\"") } == 1)
        }
        #expect(new.contains { $0.contains("\"target\":\"/59\"") })
        #expect((old + new).allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    }

    @Test("stays in its file when that cannot be opened again")
    func unwritable() async throws {
        let directory = Self.path("dir")
        #expect(mkdir(directory, 0o700) == 0)
        let (path, moved) = (directory + "/log", directory + "-moved")
        defer {
            unlink(moved + "/log")
            rmdir(moved)
        }
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.accessLog = .file(path)
        }
        #expect(rename(directory, moved) == 0)
        #expect(throws: DataPlaneError.cannotOpenLog(path: path, errno: ENOENT)) {
            try gateway.plane.reopenLog()
        }
        Self.ask(gateway, 1)
        gateway.plane.stop()
        #expect(Self.lines(of: moved + "/log").count == 1)
    }

    @Test("sends each line to a syslog daemon by UDP, in the form of nginx and RFC 3164")
    func udp() throws {
        let daemon = try #require(Daemon(port: ()))
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.accessLog = AccessLogSink(
                "syslog:server=127.0.0.1:\(daemon.port),facility=local0,severity=notice,tag=edge"
            )
        }
        Self.ask(gateway, 1)
        Self.ask(gateway, 2)
        gateway.plane.stop()

        // 16 * 8 + 5
        let head = try Regex(#"<133>[JFMASOND][a-z]{2} [ 123]\d \d\d:\d\d:\d\d [^ ]+ edge: "#)
        for number in 1...2 {
            let message = try #require(daemon.receive())
            let match = try #require(message.prefixMatch(of: head))
            let line = message[match.range.upperBound...]
            #expect(line.hasPrefix("{") && line.hasSuffix("}"))
            #expect(line.contains("\"target\":\"/\(number)\""))
        }
    }

    @Test("finds a local syslog daemon again that was begun anew")
    func unixDaemon() async throws {
        let path = Self.path("sock")
        defer { unlink(path) }
        var daemon = try #require(Daemon(path: path))
        let origin = Origin.saying("ok")
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.accessLog = AccessLogSink("syslog:server=unix:\(path)")
        }
        Self.ask(gateway, 1)
        #expect(daemon.receive()?.contains("\"target\":\"/1\"") == true)
        unlink(path)
        daemon = try #require(Daemon(path: path))
        Self.ask(gateway, 2)
        let second = try #require(daemon.receive())
        gateway.plane.stop()

        #expect(second.hasPrefix("<190>"))
        #expect(second.contains(" meshgate: {"))
        #expect(second.contains("\"target\":\"/2\""))
    }

    @Test("keeps the lines that a local daemon has no room for")
    func slowDaemon() {
        let ring = LogRing()
        let path = Self.path("sock")
        defer { unlink(path) }
        guard let daemon = Daemon(path: path) else { return #expect(Bool(false)) }
        let socket = SyslogSocket(SyslogTarget(server: .unix(path: path)))
        for number in 0..<400 {
            let line = Array("line \(number)\n".utf8)
            _ = line.withUnsafeBytes { bytes in ring.append { $0.write(bytes) } }
        }
        var seen: [String] = []
        for _ in 0..<400 where seen.count < 400 {
            socket.write(ring)
            while seen.count < 400, let message = daemon.receive(waits: false) {
                seen.append(message)
            }
        }
        #expect(seen.count == 400)
        #expect(seen.last?.hasSuffix(": line 399") == true)
    }
}

/// Where a test's syslog messages arrive.
private final class Daemon {
    private let descriptor: Int32
    private(set) var port: UInt16 = 0

    /// Receives by UDP.
    init?(port: Void) {
        self.descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(self.descriptor, $0, size) == 0
            }
        }
        var found = mesh_address()
        guard isBound, mesh_local_address(self.descriptor, &found) == 0 else { return nil }
        self.port = found.port
        self.limitWait()
    }

    /// Receives at a path.
    init?(path: String) {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(self.descriptor, $0, size) == 0
            }
        }
        guard isBound else { return nil }
        self.limitWait()
    }

    deinit { close(self.descriptor) }

    private func limitWait() {
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    }

    /// The next message; `nil` when none comes within five seconds, or is there.
    func receive(waits: Bool = true) -> String? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let flags = waits ? 0 : Int32(MSG_DONTWAIT)
        let count = recv(self.descriptor, &bytes, bytes.count, flags)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }
}

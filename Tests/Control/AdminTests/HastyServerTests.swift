import Dispatch
import Glibc
import MeshAdminClient
import Testing

@Suite("The client of a node that answers badly", .timeLimit(.minutes(2)))
struct HastyServerTests {
    @Test("takes every answer of a server that closes as soon as it has answered")
    func closingServer() async throws {
        let server = try HastyServer(answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let client = try AdminClient(base: "127.0.0.1:\(server.port)")
        for call in 0..<400 {
            let answer = try await client.raw("/x")
            #expect(answer.status == 200 && answer.body == "ok", "call \(call)")
        }
    }

    @Test("says so when a server closes without an answer, or in the middle of one")
    func cutAnswers() async throws {
        for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"] {
            let server = try HastyServer(answer: answer)
            let client = try AdminClient(base: "127.0.0.1:\(server.port)")
            let error = await #expect(throws: AdminClientError.self) { try await client.raw("/x") }
            #expect(error?.leavesDoubt == true)
        }
    }

    @Test("gives up on an event stream that does not begin, as on any answer")
    func frozenServer() async throws {
        let server = try HastyServer(answer: nil)
        let address = "127.0.0.1:\(server.port)"
        let client = try AdminClient(base: address, timeout: .milliseconds(200))
        let expected = AdminClientError.timedOut(address: address, after: .milliseconds(200))

        await #expect(throws: expected) { try await client.watchEvents { _ in } }
        await #expect(throws: expected) { try await client.raw("/x") }
    }

    @Test("names what would help when a node does not speak TLS")
    func plain() async throws {
        let server = try HastyServer(answer: "HTTP/1.1 400 Bad Request\r\n\r\n")
        let client = try AdminClient(base: "https://127.0.0.1:\(server.port)")
        let error = await #expect(throws: AdminClientError.self) { try await client.raw("/x") }
        #expect(error?.description.contains("no TLS with") == true, "\(String(describing: error))")
        #expect(error?.leavesDoubt == false)
    }
}

/// Answers each connection's first bytes and closes at once; without an answer it never accepts.
private final class HastyServer: Sendable {
    let port: UInt16
    private let descriptor: CInt

    struct Failure: Error {
        let number: CInt
    }

    init(answer: String?) throws {
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, type, 0)
        var form = sockaddr_in()
        form.sin_family = sa_family_t(AF_INET)
        form.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &form) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(descriptor, pointer, length) == 0, listen(descriptor, 16) == 0 else {
                    return errno
                }
                return getsockname(descriptor, pointer, &length)
            }
        }
        guard status == 0 else { throw Failure(number: status) }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: form.sin_port)
        guard let answer else { return }
        DispatchQueue(label: "hasty").async {
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                var bytes = [UInt8](repeating: 0, count: 65_536)
                _ = recv(connection, &bytes, bytes.count, 0)
                _ = send(connection, answer, answer.utf8.count, CInt(MSG_NOSIGNAL))
                close(connection)
            }
        }
    }

    deinit {
        // Wakes the thread that accepts.
        shutdown(self.descriptor, CInt(SHUT_RDWR))
        close(self.descriptor)
    }
}

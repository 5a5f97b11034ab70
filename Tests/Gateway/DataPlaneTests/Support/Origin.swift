import CMeshSystem
import Glibc
import MeshHTTP
import MeshTLS
import Synchronization

@testable import MeshDataPlane

/// An upstream server of a test: a thread per connection, doing what the test says.
final class Origin: Sendable {
    let port: UInt16
    private let descriptor: Int32
    private let seen = Mutex<[TestMessage]>([])
    private let accepted = Atomic<Int>(0)

    /// Runs `serve` for every connection; the number counts connections from 0.
    init(_ serve: @escaping @Sendable (Origin, StreamSocket, Int) -> Void) {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        let descriptor = mesh_listen(&address, 128, 1)
        _ = mesh_local_address(descriptor, &address)
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK)
        self.descriptor = descriptor
        self.port = address.port
        let thread = startReactorThread(name: "origin") {
            while true {
                var peer = mesh_address()
                let client = mesh_accept(descriptor, &peer)
                guard client >= 0 else { return }
                let number = self.accepted.wrappingAdd(1, ordering: .relaxed).oldValue
                let socket = StreamSocket(descriptor: client)
                _ = startReactorThread(name: "origin-client") { serve(self, socket, number) }
            }
        }
        _ = thread
    }

    /// Answers every request on every connection; `nil` closes it.
    static func answering(
        _ answer: @escaping @Sendable (TestMessage) -> String?
    ) -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() {
                origin.note(request)
                guard let bytes = answer(request) else { return }
                socket.send(bytes)
            }
        }
    }

    /// Answers every request with 200 and a text.
    static func saying(_ text: String) -> Origin {
        Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
        }
    }

    /// Answers every request of TLS connections with 200 and a text.
    static func saying(_ text: String, tls: TLSServerContext) -> Origin {
        Origin { origin, socket, _ in
            let stream = TLSSocket(socket, tls)
            guard stream.isOpen else { return origin.note("FAILED") }
            while let request = stream.message() {
                origin.note(request)
                stream.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
                )
            }
        }
    }

    /// A port where nobody listens, nor will: it stays bound, so that no other test is given it.
    static func deadPort() -> UInt16 {
        let descriptor = socket(
            AF_INET,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        var bound = mesh_address()
        _ = mesh_local_address(descriptor, &bound)
        return bound.port
    }

    /// How many connections came.
    var connections: Int { self.accepted.load(ordering: .relaxed) }
    /// The requests that came, in the order they were noted.
    var messages: [TestMessage] { self.seen.withLock { $0 } }
    /// Their start lines.
    var requests: [String] { self.messages.map(\.startLine) }

    func note(_ request: TestMessage) { self.seen.withLock { $0.append(request) } }

    /// Notes that something happened, as a message whose start line is `text`.
    func note(_ text: String) {
        if let message = TestMessage(head: text) { self.note(message) }
    }

    /// Stops listening: later connects are refused.
    func stop() {
        _ = shutdown(self.descriptor, Int32(SHUT_RDWR))
        _ = Glibc.close(self.descriptor)
    }
}

/// A request of HTTP/2 that is whole.
struct HTTP2Request {
    let stream: Int32
    var message: TestMessage
}

extension Origin {
    /// Speaks HTTP/2; `take` gets every event of every connection, and ends it by `false`.
    static func http2(
        tls: TLSServerContext? = nil,
        limits: HTTP2Limits = HTTP2Limits(),
        events take: @escaping @Sendable (Origin, HTTP2End, HTTP2End.Event) -> Bool
    ) -> Origin {
        Origin { origin, socket, _ in
            let stream: any TestStream = tls.map { TLSSocket(socket, $0) } ?? socket
            let end = HTTP2End(stream, .server, limits: limits)
            while let event = end.next(), take(origin, end, event) { end.flush() }
        }
    }

    /// Speaks HTTP/2; `answer` is called with every whole request.
    static func http2(
        tls: TLSServerContext? = nil,
        answer: @escaping @Sendable (HTTP2End, HTTP2Request) -> Void
    ) -> Origin {
        Origin { origin, socket, _ in
            let stream: any TestStream = tls.map { TLSSocket(socket, $0) } ?? socket
            let end = HTTP2End(stream, .server)
            var requests: [Int32: HTTP2Request] = [:]
            while let event = end.next() {
                switch event {
                case .head(let stream, let message, _):
                    requests[stream] = HTTP2Request(stream: stream, message: message)
                case .data(let stream, let bytes): requests[stream]?.message.body += bytes
                case .trailers(let stream, let lines):
                    requests[stream]?.message.trailers = lines
                case .end(let stream):
                    guard let request = requests.removeValue(forKey: stream) else { break }
                    origin.note(request.message)
                    answer(end, request)
                case .closed(let stream, _, _): requests[stream] = nil
                case .goaway, .other: break
                }
                end.flush()
            }
        }
    }
}

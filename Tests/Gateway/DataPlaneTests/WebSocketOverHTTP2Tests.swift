import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("A WebSocket over HTTP/2")
struct WebSocketOverHTTP2Tests {
    /// A frame of HTTP/2 as it lies on the wire.
    struct Frame {
        var type: UInt8
        var flags: UInt8 = 0
        var stream: UInt8 = 0
        var payload: [UInt8] = []

        var bytes: [UInt8] {
            let count = self.payload.count
            var bytes = [0, UInt8(count >> 8), UInt8(count & 0xFF), self.type, self.flags]
            bytes += [0, 0, 0, self.stream]
            return bytes + self.payload
        }

        static func read(_ socket: StreamSocket) -> Frame? {
            guard let head = socket.receive(exactly: 9) else { return nil }
            let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            guard let payload = count == 0 ? [] : socket.receive(exactly: count) else { return nil }
            return Frame(type: head[3], flags: head[4], stream: head[8], payload: payload)
        }
    }

    /// Fields as literals without indexing (RFC 7541 6.2.2).
    private func block(_ fields: [(String, String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in fields {
            bytes += [0, UInt8(name.utf8.count)]
            bytes += Array(name.utf8)
            bytes.append(UInt8(value.utf8.count))
            bytes += Array(value.utf8)
        }
        return bytes
    }

    /// The first field of a block, behind changes of the table's size (RFC 7541 6.3).
    func status(_ frame: Frame) -> UInt8 {
        frame.payload.first { $0 & 0xE0 != 0x20 } ?? 0
    }

    /// Opens a connection and sends an extended CONNECT on stream 1.
    func connect(_ gateway: Gateway) -> StreamSocket {
        let client = gateway.connect()
        let fields = self.block([
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
            (":path", "/ws"), (":authority", "a"), ("sec-websocket-version", "13"),
        ])
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        client.send(Frame(type: 4).bytes)
        client.send(Frame(type: 1, flags: 4, stream: 1, payload: fields).bytes)
        return client
    }

    /// The next frame of a type on stream 1.
    func next(_ type: UInt8, _ client: StreamSocket) -> Frame? {
        while let frame = Frame.read(client) {
            if frame.type == 4, frame.flags == 0 { client.send(Frame(type: 4, flags: 1).bytes) }
            if frame.type == type, frame.stream == 1 { return frame }
            if frame.type == 3 || frame.type == 7 { return nil }
        }
        return nil
    }

    /// A 101 that proves to have understood the request's key (RFC 6455 4.2.2).
    static func accepting(_ request: TestMessage) -> String {
        let key = Array((request["sec-websocket-key"] ?? "").utf8)
        let accept = key.withUnsafeBytes {
            String(decoding: WebSocketKey.accept($0), as: UTF8.self)
        }
        return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            + "Upgrade: websocket\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n"
    }

    @Test("becomes an upgrade at an HTTP/1 target, with a key of the gateway's (RFC 8441 5)")
    func tunnels() throws {
        let origin = Origin { origin, socket, _ in
            guard let head = socket.receive(through: "\r\n\r\n"),
                let request = TestMessage(head: head)
            else { return }
            origin.note(request)
            socket.send(Self.accepting(request))
            while let bytes = socket.receive() { socket.send(bytes) }
            socket.send("END")
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = self.connect(gateway)
        let head = self.next(1, client)
        client.send(Frame(type: 0, stream: 1, payload: Array("hello".utf8)).bytes)
        let echo = self.next(0, client)

        #expect(head.map(self.status) == 0x88, ":status 200")
        #expect(head.map { $0.flags & 1 == 0 } == true, "the stream stays open")
        #expect(echo?.payload == Array("hello".utf8))
        let request = origin.messages.first
        #expect(request?.startLine.hasPrefix("GET ") == true)
        #expect(request?["upgrade"] == "websocket")
        #expect(request?["connection"]?.lowercased().contains("upgrade") == true)
        #expect(request?["sec-websocket-key"]?.count == 24)
        #expect(request?["sec-websocket-version"] == "13")
    }

    @Test("that the target declines is answered with its status (RFC 8441 5)")
    func declined() throws {
        let origin = Origin.answering { _ in
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = self.connect(gateway)
        let head = self.next(1, client)

        #expect(head.map(self.status) == 0x8D, ":status 404")
    }

    @Test(
        "is refused when the target does not prove that it took the key (RFC 6455 4.1)",
        arguments: ["", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"]
    )
    func wrongKey(field: String) throws {
        let origin = Origin.answering { _ in
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                + "Upgrade: websocket\r\n\(field)\r\n"
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let head = self.next(1, self.connect(gateway))

        #expect(head != nil)
        #expect(head.map(self.status) != 0x88, ":status 200 would say that the WebSocket is open")
    }
}

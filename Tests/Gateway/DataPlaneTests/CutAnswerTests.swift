import MeshEntities
import MeshHealth
import Testing

@testable import MeshDataPlane

@Suite("An answer that the target cuts")
struct CutAnswerTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    let log = AccessLogFile()

    /// A gateway before a target that sends `pieces` to the first request and then ends.
    func gateway(_ pieces: [[UInt8]]) throws -> Gateway {
        let origin = Origin { _, socket, _ in
            guard socket.message() != nil else { return }
            for piece in pieces { socket.send(piece) }
            socket.shutdownWrite()
            _ = socket.receive()
        }
        let log = self.log
        return try Gateway(TestEntities.proxying([origin.port])) { configuration in
            configuration.accessLog = log.sink
        }
    }

    @Test("before its length brings every byte that came, and the log says who cut it (9112 8)")
    func cutLength() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: 400_000)
        let gateway = try self.gateway([Array(head.utf8), body])
        let client = gateway.connect()
        client.send(self.get)

        let received = client.receive(through: "\r\n\r\n")
        let rest = client.receiveAll()

        #expect(received?.contains("Content-Length: 1000000") == true)
        #expect(rest == body)
        #expect(!client.wasReset, "the length tells the client already")
        let line = await self.log.line()
        #expect(line.contains("\"status\":200"))
        #expect(line.contains("\"cut\":\"target\""))
        #expect(line.contains("\"error\":{\"owner\":\"target\",\"cause\":\"cut\"}"))
    }

    @Test("in the middle of a chunk brings what came, and no last chunk (RFC 9112 8)")
    func cutChunks() async throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let gateway = try self.gateway([Array("\(head)5\r\nabcde\r\n100\r\nfghij".utf8)])
        let client = gateway.connect()
        client.send(self.get)

        let received = client.receive(through: "\r\n\r\n")
        let rest = String(decoding: client.receiveAll(), as: UTF8.self)

        #expect(received?.contains("chunked") == true)
        let letters = rest.filter { $0.isLetter && $0.isLowercase }
        #expect(letters.contains("fghij"))
        #expect(!rest.contains("0\r\n\r\n"))
        #expect(await self.log.line().contains("\"cut\":\"target\""))
    }

    @Test("by a chunk that is none brings what came before it (RFC 9112 7.1)")
    func badChunk() async throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let gateway = try self.gateway([Array("\(head)5\r\nabcde\r\nzz\r\n".utf8)])
        let client = gateway.connect()
        client.send(self.get)

        let received = client.receive(through: "\r\n\r\n")
        let rest = String(decoding: client.receiveAll(), as: UTF8.self)

        #expect(received?.hasPrefix("HTTP/1.1 200") == true)
        #expect(rest.contains("abcde"))
        #expect(!rest.hasSuffix("0\r\n\r\n"))
        let line = await self.log.line()
        #expect(line.contains("\"cut\":\"target\""))
        #expect(
            line.contains("\"owner\":\"target\",\"cause\":\"malformed\"")
                || line.contains("\"owner\":\"target\",\"cause\":\"cut\"")
        )
    }

    @Test("towards a client that reads to the end ends by a reset (RFC 9112 9.6)")
    func cutUntilClose() async throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let gateway = try self.gateway([Array("\(head)5\r\nabcde\r\nff\r\nfghij".utf8)])
        let client = gateway.connect()
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")

        let received = client.receive(through: "\r\n\r\n")
        var rest: [UInt8] = []
        while rest.count < 10, let more = client.receive() { rest += more }
        let isLast = client.receive() == nil

        #expect(received?.contains("200") == true)
        #expect(String(decoding: rest, as: UTF8.self) == "abcdefghij")
        #expect(isLast)
        #expect(await self.log.line().contains("\"cut\":\"target\""))
    }

    @Test("is evidence about the target")
    func isEvidence() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
        let gateway = try self.gateway([Array(head.utf8)])
        let client = gateway.connect()
        client.send(self.get)
        _ = client.receiveAll()

        let isReported = await eventually {
            gateway.log.values.contains { $0.resets > 0 }
        }
        #expect(isReported)
    }

    @Test("by a reset still brings what came before it", arguments: [1_000, 300_000])
    func reset(count: Int) async throws {
        let isRead = Signal()
        let origin = Origin { _, socket, _ in
            guard socket.message() != nil else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            socket.send([UInt8](repeating: 7, count: count))
            _ = isRead.wait()
            socket.reset()
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(self.get)

        let head = client.receive(through: "\r\n\r\n")
        let body = client.receive(exactly: count)
        isRead.set()

        #expect(head?.hasPrefix("HTTP/1.1 200") == true)
        #expect(body?.count == count)
        #expect(client.receive() == nil)
    }
}

import MeshEntities
import Testing

@testable import MeshDataPlane

extension CutAnswerTests {
    @Test("by a first chunk that is none, before anything was sent on, is a 502 (RFC 9112 7.1)")
    func badFirstChunk() async throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let gateway = try self.gateway([Array("\(head)zz\r\nhello\r\n0\r\n\r\n".utf8)])

        let answer = gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")

        #expect(answer?.status == 502)
        let line = await self.log.line()
        #expect(line.contains("\"owner\":\"target\",\"cause\":\"malformed\""))
    }
}

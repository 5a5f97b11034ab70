import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

extension HTTP2ClientTests {
    @Test("whose upload is answered early gets the answer, then RST NO_ERROR (RFC 9113 8.1)")
    func earlyAnswer() throws {
        let origin = Origin { _, socket, _ in
            guard socket.receive(through: "\r\n\r\n") != nil else { return }
            socket.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            _ = socket.receiveAll()
        }
        let gateway = try Gateway(TestEntities.streaming([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let stream = try #require(
            client.begin(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
                isLast: false
            )
        )
        client.end.send([UInt8](repeating: 1, count: 40_000), on: stream, isLast: false)
        let answer = client.answer(stream)

        #expect(answer?.status == 413)
        #expect(answer?.text == "big")
        #expect(answer?.isWhole == true)
        #expect(answer?.code == .noError)
        #expect(
            client.ask("GET /404 HTTP/1.1\r\nHost: a\r\n\r\n") != nil,
            "the connection lives on"
        )
    }
}

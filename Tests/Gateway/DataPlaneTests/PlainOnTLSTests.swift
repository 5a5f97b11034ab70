import MeshEntities
import Testing

@testable import MeshDataPlane

extension TLSTransferTests {
    @Test("are no TLS on this port: a plain request is told so, and closed (nginx's 497)")
    func plainRequest() throws {
        let gateway = try Gateway.secure(TestEntities.proxying([Origin.saying("ok").port]))
        let client = StreamSocket(port: gateway.tlsPort)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")

        let answer = client.message()

        #expect(answer?.status == 400)
        #expect(client.receive() == nil)
    }
}

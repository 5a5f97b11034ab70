import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

extension GRPCTests {
    @Test("tells the gateway's own errors as grpc-status, as Kong maps them")
    func gatewayErrors() throws {
        let dead = try Gateway(self.entities([Origin.deadPort()]))
        let empty = try Gateway(self.entities([]))
        let unmatched = try Gateway(.empty)
        let ask = { (gateway: Gateway) in
            HTTP2Client(gateway.connect()).ask("\(self.call)\r\n", body: self.message("x"))
        }

        #expect(ask(dead)?.head?["grpc-status"] == "13")
        #expect(ask(empty)?.head?["grpc-status"] == "14")
        #expect(ask(unmatched)?.head?["grpc-status"] == "5")
        #expect(ask(unmatched)?.head?["content-type"]?.hasPrefix("application/grpc") == true)
        #expect(ask(dead)?.body == [])
        #expect(ask(empty)?.head?["grpc-message"]?.isEmpty == false)
    }

    @Test("for grpcs alone tells plain calls so with status 1, as Kong")
    func secureOnly() throws {
        let origin = Origin.http2 { end, request in end.answer(request.stream) }
        let gateway = try Gateway(self.entities([origin.port], secureOnly: true))

        let answer = HTTP2Client(gateway.connect()).ask("\(self.call)\r\n", body: [])

        #expect(answer?.status == 200)
        #expect(answer?.head?["grpc-status"] == "1")
        #expect(answer?.head?["grpc-message"] == "gRPC request matched gRPCs route")
        #expect(origin.connections == 0)
    }
}

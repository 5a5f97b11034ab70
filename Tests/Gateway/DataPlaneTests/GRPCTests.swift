import MeshEntities
import MeshHTTP
import MeshHealth
import Testing

@testable import MeshDataPlane

@Suite("A gRPC route")
struct GRPCTests {
    let call =
        "POST /shop.Cart/Add HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
        + "TE: trailers\r\nTransfer-Encoding: chunked\r\n"
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n"

    func entities(_ ports: [UInt16], secureOnly: Bool = false) -> GatewayConfiguration {
        TestEntities.proxying(ports) { service, route in
            service.protocol = .grpc
            service.retries = 0
            route.protocols = secureOnly ? [.grpcs] : [.grpc, .grpcs]
            route.stripPath = false
        }
    }

    /// A message with its prefix: not compressed, its length.
    func message(_ text: String) -> [UInt8] {
        [0, 0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8)
    }

    @Test("carries a unary call with its status in trailers")
    func unary() throws {
        let head = self.answer
        let reply = self.message("done")
        let origin = Origin.http2 { end, request in
            end.answer(request.stream, head, body: reply, trailers: "grpc-status: 0\r\n")
        }
        let gateway = try Gateway(self.entities([origin.port]))
        let client = HTTP2Client(gateway.connect())
        for _ in 0..<3 {
            let answer = client.ask("\(self.call)\r\n", body: self.message("two"))
            #expect(answer?.status == 200)
            #expect(answer?.head?["content-type"] == "application/grpc")
            #expect(answer?.body == reply)
            #expect(answer?.trailers == ["grpc-status: 0"])
            #expect(answer?.code == .noError)
        }

        let request = origin.messages.first
        #expect(request?.startLine.hasPrefix("POST /shop.Cart/Add ") == true)
        #expect(request?["te"] == "trailers")
        #expect(request?.body == self.message("two"))
        #expect(origin.connections == 1)
    }

    @Test("carries messages both ways before either side has ended")
    func bidirectional() throws {
        let head = self.answer
        let origin = Origin.http2(events: { _, end, event in
            switch event {
            case .head(let stream, _, _):
                _ = Array(head.utf8).withUnsafeBytes {
                    end.session.submitResponse(on: stream, head: $0, endsStream: false)
                }
            case .data(let stream, let bytes): end.send(bytes, on: stream, isLast: false)
            case .end(let stream):
                _ = Array("grpc-status: 0\r\n".utf8).withUnsafeBytes {
                    end.session.sendTrailers($0, on: stream)
                }
            default: break
            }
            return true
        })
        let gateway = try Gateway(self.entities([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let stream = try #require(client.begin("\(self.call)\r\n", isLast: false))
        var echoed: [UInt8] = []
        for text in ["one", "two", "three"] {
            client.end.send(self.message(text), on: stream, isLast: false)
            echoed += self.message(text)
            let isEchoed = client.pump { $0.answers[stream]?.body == echoed }
            #expect(isEchoed, "\(text)")
        }
        client.end.send([], on: stream, isLast: true)
        let answer = client.answer(stream)

        #expect(answer?.trailers == ["grpc-status: 0"])
        #expect(answer?.code == .noError)
    }

    @Test("passes an answer of trailers alone on in one head (gRPC over HTTP/2, Trailers-Only)")
    func trailersOnly() throws {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 9\r\n"
            + "grpc-message: not%20now\r\n\r\n"
        let origin = Origin.http2 { end, request in end.answer(request.stream, head) }
        let gateway = try Gateway(self.entities([origin.port]))
        let client = HTTP2Client(gateway.connect())

        let answer = client.ask("\(self.call)\r\n", body: self.message("x"))

        #expect(answer?.head?["grpc-status"] == "9")
        #expect(answer?.head?["grpc-message"] == "not%20now")
        #expect(answer?.body == [])
        #expect(answer?.trailers == [])
        #expect(answer?.code == .noError)
    }

    @Test("answers 415 to what is no gRPC, and 426 to gRPC over HTTP/1, as Kong")
    func refusals() throws {
        let origin = Origin.http2 { end, request in end.answer(request.stream) }
        let gateway = try Gateway(self.entities([origin.port]))
        let other = HTTP2Client(gateway.connect()).ask(
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n",
            body: Array("{}".utf8)
        )
        let old = gateway.ask(
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
                + "Content-Length: 0\r\n\r\n"
        )

        #expect(other?.status == 415)
        #expect(other?.text.contains("Non-gRPC request matched gRPC route") == true)
        #expect(old?.status == 426)
        #expect(old?["upgrade"] == "HTTP/2")
        #expect(origin.connections == 0)
    }

    @Test("ends a call whose grpc-timeout passed with status 4, and cancels the target's work")
    func deadline() async throws {
        let log = AccessLogFile()
        let origin = Origin.http2(events: { origin, _, event in
            if case .head = event { origin.note("CALL") }
            if case .closed(_, let code, true) = event { origin.note("RESET \(code.rawValue)") }
            return true
        })
        let gateway = try Gateway(self.entities([origin.port])) { $0.accessLog = log.sink }
        let client = HTTP2Client(gateway.connect())
        let begin = ContinuousClock.now

        let answer = client.ask(
            "\(self.call)grpc-timeout: 120m\r\n\r\n",
            body: self.message("x")
        )

        let waited = ContinuousClock.now - begin
        #expect(answer?.head?["grpc-status"] == "4")
        #expect(waited >= .milliseconds(100) && waited < .seconds(3), "\(waited)")
        let isCancelled = await eventually { origin.requests.last == "RESET 8" }
        #expect(isCancelled)
        #expect(await log.line().contains("\"cause\":\"deadline\""))
        #expect(gateway.log.values.allSatisfy { $0.transportFailures == 0 })
    }

    @Test("speaks HTTP/2 over TLS to a grpcs service (RFC 9113 3.2)")
    func secureService() throws {
        let context = try TestCertificate("target.test").server()
        let head = self.answer
        let origin = Origin.http2(tls: context) { end, request in
            end.answer(request.stream, head, body: [1, 2], trailers: "grpc-status: 0\r\n")
        }
        var entities = self.entities([origin.port])
        entities.services[0].protocol = .grpcs
        let gateway = try Gateway.secure(entities)
        let stream = try gateway.connectTLS(name: "a", protocols: ["h2"])
        let client = HTTP2Client(stream)

        let answer = client.ask("\(self.call)\r\n", body: self.message("x"), isSecure: true)

        #expect(answer?.body == [1, 2])
        #expect(answer?.trailers == ["grpc-status: 0"])
    }
}

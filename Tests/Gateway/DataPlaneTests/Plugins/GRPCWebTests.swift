import Foundation
import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("grpc-web: browsers call gRPC services (Kong 3.9)")
struct GRPCWebTests {
    private static let reply: [UInt8] = [0, 0, 0, 0, 4] + Array("done".utf8)
    private static let message: [UInt8] = [0, 0, 0, 0, 3] + Array("two".utf8)

    /// The frame of trailer fields, as in PROTOCOL-WEB.
    private static func frame(_ text: String) -> [UInt8] {
        [0x80, 0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8)
    }

    private func gateway(
        _ config: KeyValuePairs<String, DocumentValue> = [:],
        trailers: String = "grpc-status: 0\r\n",
        change: (inout Route) -> Void = { _ in }
    ) throws -> (gateway: Gateway, origin: Origin) {
        let origin = Origin.http2 { end, request in
            end.answer(
                request.stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n",
                body: Self.reply,
                trailers: trailers
            )
        }
        var entities = TestEntities.proxying([origin.port]) { service, route in
            service.protocol = .grpc
            change(&route)
        }
        entities.plugins = [Plugin.named("grpc-web", config)]
        return (try Gateway(entities), origin)
    }

    private func ask(
        _ gateway: Gateway,
        type: String,
        body: [UInt8],
        method: String = "POST",
        path: String = "/shop.Cart/Add"
    ) -> TestMessage? {
        let client = gateway.connect()
        client.send(
            "\(method) \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\n"
                + "X-Grpc-Web: 1\r\nContent-Length: \(body.count)\r\n\r\n"
        )
        client.send(body)
        return client.message()
    }

    @Test(
        "passes messages as they are, and trailer fields as the last frame",
        arguments: ["application/grpc-web", "application/grpc-web+proto"]
    )
    func binary(type: String) throws {
        let (gateway, origin) = try self.gateway(
            trailers: "grpc-status: 5\r\ngrpc-message: not there\r\nX-More: 1\r\n"
        )
        let answer = try #require(self.ask(gateway, type: type, body: Self.message))
        #expect(answer.status == 200)
        #expect(answer["content-type"] == type)
        #expect(answer["access-control-allow-origin"] == "*")
        let end = "grpc-status:5\r\ngrpc-message:not there\r\nx-more:1\r\n"
        #expect(answer.body == Self.reply + Self.frame(end))
        let request = try #require(origin.messages.first)
        #expect(request.startLine.hasPrefix("POST /shop.Cart/Add "))
        #expect(request["content-type"] == "application/grpc")
        #expect(request["te"] == "trailers")
        #expect(request.body == Self.message)
    }

    @Test(
        "speaks Base64 with clients that do, each piece with its padding",
        arguments: ["application/grpc-web-text", "application/grpc-web-text+proto"]
    )
    func text(type: String) throws {
        let (gateway, origin) = try self.gateway()
        let whole = Data(Self.message).base64EncodedString()
        let pieces =
            Data(Self.message[..<4]).base64EncodedString()
            + Data(Self.message[4...]).base64EncodedString()
        for body in [whole, pieces] {
            let answer = try #require(self.ask(gateway, type: type, body: Array(body.utf8)))
            #expect(answer.status == 200)
            #expect(answer["content-type"] == type)
            try #require(answer.body.count % 4 == 0)
            var decoded: [UInt8] = []
            for start in stride(from: 0, to: answer.body.count, by: 4) {
                let four = Data(answer.body[start..<(start + 4)])
                decoded += Data(base64Encoded: four) ?? Data()
            }
            let end = Self.frame("grpc-status:0\r\ngrpc-message:\r\n")
            #expect(decoded == Self.reply + end)
        }
        #expect(origin.messages.map(\.body) == [Self.message, Self.message])
        let damaged = self.ask(gateway, type: type, body: Array("!!!!".utf8))
        #expect(damaged?.status == 400)
        #expect(origin.messages.count == 2)
    }

    @Test("answers 400 to other types, since nothing is translated here")
    func types() throws {
        let (gateway, origin) = try self.gateway()
        for type in ["application/json", "application/grpc-web+json", "text/plain"] {
            let answer = self.ask(gateway, type: type, body: Self.message)
            #expect(answer?.status == 400)
            #expect(
                answer?.text
                    == "transcoding requests require a .proto file defining the service"
            )
        }
        #expect(origin.messages.isEmpty)
    }

    @Test("refuses a .proto file by field and value, and says what to do")
    func proto() {
        let error = #expect(throws: (any Error).self) {
            try self.gateway(["proto": .string("cart.proto")])
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("proto: 'cart.proto' would"), "\(text)")
        #expect(text.contains("remove it: "), "\(text)")
    }

    @Test("answers preflights itself")
    func preflight() throws {
        let (gateway, origin) = try self.gateway(["allow_origin_header": .string("https://a.test")])
        let answer = try #require(
            gateway.ask("OPTIONS /shop.Cart/Add HTTP/1.1\r\nHost: a\r\n\r\n")
        )
        #expect(answer.status == 200)
        #expect(answer.text == "OK")
        #expect(answer["access-control-allow-origin"] == "https://a.test")
        #expect(answer["access-control-allow-methods"] == "POST")
        #expect(
            answer["access-control-allow-headers"] == "content-type,x-grpc-web,x-user-agent"
        )
        #expect(answer["content-type"] == "application/grpc-web-text+proto")
        #expect(origin.messages.isEmpty)
    }

    @Test(
        "keeps the path of the client, unless the stripped one is wanted",
        arguments: [true, false]
    )
    func paths(isStripped: Bool) throws {
        let (gateway, origin) = try self.gateway(
            ["pass_stripped_path": .bool(isStripped)],
            change: { $0.paths = ["/web"] }
        )
        let answer = self.ask(
            gateway,
            type: "application/grpc-web",
            body: Self.message,
            path: "/web/shop.Cart/Add"
        )
        #expect(answer?.status == 200)
        let line = origin.messages.first?.startLine
        let path = isStripped ? "/shop.Cart/Add" : "/web/shop.Cart/Add"
        #expect(line?.hasPrefix("POST \(path) ") == true, "\(line ?? "")")
    }
}

import MeshEntities
import MeshRouting
import Testing

@Suite("The check of a route's protocols")
struct RouteProtocolCheckTests {
    private func check(_ protocols: [GatewayProtocol], redirect: Int = 426) -> RouteProtocolCheck {
        var route = Route(id: EntityID(high: 1, low: 1), paths: ["/"])
        route.protocols = protocols
        route.httpsRedirectStatusCode = redirect
        return RouteProtocolCheck(route)
    }

    /// `s` secure, `2` HTTP/2, `g` gRPC, `w` WebSocket.
    private func request(_ marks: String) -> RequestProtocol {
        var request = RequestProtocol()
        request.isSecure = marks.contains("s")
        request.isHTTP2 = marks.contains("2")
        request.isGRPC = marks.contains("g")
        request.isWebSocket = marks.contains("w")
        return request
    }

    @Test(
        "decides as Kong does",
        arguments: [
            ([.http, .https], "", .pass), ([.http, .https], "s", .pass),
            ([.http], "s", .pass), ([.https], "s2", .pass), ([.https], "", .upgradeToTLS),
            ([.https], "w", .upgradeToTLS), ([.http], "w", .pass), ([.http], "2g", .pass),
            ([.grpc, .grpcs], "2g", .pass), ([.grpc, .grpcs], "s2g", .pass),
            ([.grpc], "s2g", .pass), ([.grpc], "g", .upgradeToHTTP2), ([.grpc], "2", .notGRPC),
            ([.grpc], "", .notGRPC), ([.grpcs], "2g", .grpcNeedsTLS), ([.grpcs], "s2g", .pass),
            ([.grpcs], "g", .upgradeToHTTP2), ([.ws, .wss], "w", .pass),
            ([.ws, .wss], "", .upgradeToWebSocket), ([.ws], "sw", .pass),
            ([.wss], "w", .upgradeToTLS), ([.wss], "sw", .pass), ([.wss], "s", .upgradeToWebSocket),
        ] as [([GatewayProtocol], String, RouteProtocolDecision)]
    )
    func decides(protocols: [GatewayProtocol], marks: String, expected: RouteProtocolDecision) {
        #expect(self.check(protocols).decision(for: self.request(marks)) == expected)
    }

    @Test("redirects where the route wants it", arguments: [301, 302, 307, 308])
    func redirects(status: Int) {
        let decision = self.check([.https], redirect: status).decision(for: RequestProtocol())

        #expect(decision == .redirect(status: status))
        #expect(decision.status == status)
    }

    @Test("knows status, message, Upgrade (RFC 9110 15.5.22) and grpc-status of each answer")
    func answers() {
        let decisions: [RouteProtocolDecision] = [
            .pass, .upgradeToTLS, .redirect(status: 308), .upgradeToHTTP2, .upgradeToWebSocket,
            .notGRPC, .grpcNeedsTLS,
        ]

        #expect(decisions.map(\.status) == [nil, 426, 308, 426, 426, 415, 200])
        #expect(
            decisions.map { $0.upgrade?.description } == [
                nil, "TLS/1.2, HTTP/1.1", nil, "HTTP/2", "websocket", nil, nil,
            ]
        )
        #expect(
            decisions.map { $0.message == nil } == [true, false, true] + [
                false, false, false, false,
            ]
        )
        #expect(decisions.map(\.grpcStatus) == [nil, nil, nil, nil, nil, nil, 1])
    }
}

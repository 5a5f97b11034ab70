import MeshAdmin
import MeshAdminClient
import MeshEntities
import MeshPrimitives
import MeshReports
import Synchronization
import Testing

@Suite("The paths of the mesh, through the typed client")
struct MeshPathsTests {
    private struct Enough: Error {}

    private func client(_ endpoint: Endpoint) throws -> AdminClient {
        try AdminClient(base: "http://\(endpoint)")
    }

    @Test("give every report as the node made it")
    func reports() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            #expect(try await client.members() == node.members())
            #expect(try await client.regions() == node.regions())
            #expect(try await client.health() == node.health(of: nil))
            #expect(try await client.health(of: "api") == node.health(of: "api"))
            #expect(try await client.status() == node.status())
            #expect(
                try await client.configurationStatus() == node.configurationStatus(including: "")
            )
            #expect(try await client.configuration().text == node.declarativeText())
        }
    }

    @Test("hand over texts with name, message and base")
    func submissions() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            #expect(try await client.validate("wrong: 1", name: "kong.yml").findings.count == 1)
            #expect(try await client.difference("new: 1", name: "k").summary.created == 1)
            let report = try await client.apply(
                "x: \"ü+&\"",
                name: "a b.yml",
                message: "why & how",
                base: "7c1e"
            )
            #expect(report.summary.created == 1)
        }
        var expected = Submission(text: "x: \"ü+&\"", name: "a b.yml")
        expected.message = "why & how"
        expected.author = "loopback"
        expected.expectedHash = "7c1e"
        #expect(node.told.withLock { $0.applied } == [expected])
    }

    @Test("change keys in steps, and tell why not")
    func keys() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            #expect(try await client.keys() == KeysReport(keys: []))
            _ = try await client.stageKey(isForced: false)
            _ = try await client.activateKey(2, isForced: true)
            await #expect(throws: AdminClientError.self) {
                try await client.retireKey(1, isForced: false)
            }
        }
        #expect(node.told.withLock { $0.modes } == ["stage", "activate(2) by force"])
    }

    @Test("try ways to members, and tell how long they are")
    func paths() async throws {
        try await withServer(FakeNode()) { endpoint async throws in
            let client = try self.client(endpoint)
            let path = try #require(try await client.reachability().paths.first)
            #expect(path.isCut)
            #expect(path.words == "TCP is cut: all goes by UDP, or by others")
            let report = try await client.roundTrip(from: "eu-1", to: "us 2")
            #expect(report.to == "us 2")
            #expect(report.milliseconds == 81)
            await #expect(throws: AdminClientError.self) {
                try await client.roundTrip(from: "eu-1", to: "nobody")
            }
        }
    }

    @Test("forget members and declare them gone by name")
    func dismissals() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            #expect(try await client.forget("eu-1").isForgotten)
            #expect(try await client.forceLeave("eu-1").isForgotten == false)
            await #expect(throws: AdminClientError.self) { try await client.forget("nobody") }
        }
        #expect(node.told.withLock { $0.modes } == ["forget eu-1", "expel eu-1"])
    }

    @Test("hand over what operators want of regions, for how long and whether only to look")
    func regionOrders() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            for order in RegionOrderReport.Order.allCases {
                let report = try await client.order(
                    order,
                    of: "eu",
                    seconds: 90,
                    isDryRun: order == .hold,
                    isForced: order == .drain
                )
                #expect(report.order == order)
            }
            await #expect(throws: AdminClientError.self) {
                try await client.order(
                    .drain,
                    of: "eu",
                    seconds: 259_201,
                    isDryRun: false,
                    isForced: false
                )
            }
            await #expect(throws: AdminClientError.self) {
                try await client.order(
                    .drain,
                    of: "mars",
                    seconds: 60,
                    isDryRun: false,
                    isForced: false
                )
            }
        }
        let requests = node.told.withLock { $0.regionOrders }
        #expect(requests.map(\.order) == RegionOrderReport.Order.allCases)
        #expect(requests.allSatisfy { $0.duration == .seconds(90) && $0.author == "loopback" })
        #expect(requests.filter(\.isDryRun).map(\.order) == [.hold])
        #expect(requests.filter(\.isForced).map(\.order) == [.drain])
    }

    @Test("hand over what operators want of targets")
    func targetOrders() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            for order in TargetOrderReport.Order.allCases {
                let report = try await client.order(order, of: "[::1]:9000", in: "api")
                #expect(report.target == "[::1]:9000")
            }
        }
        #expect(
            node.told.withLock { $0.targetOrders }.map(\.order)
                == TargetOrderReport.Order.allCases
        )
    }

    @Test("explain what they know, and know no strangers")
    func explanations() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            #expect(try await client.why("api") == node.why("api"))
            #expect(try await client.balance(of: "api") == node.balance(of: "api"))
            await #expect(throws: AdminClientError.self) { try await client.why("nobody") }
            let nameless = await #expect(throws: AdminClientError.self) { try await client.why("") }
            #expect(nameless?.description == "no name is given where /mesh/why/ needs one")
            await #expect(throws: AdminClientError.self) {
                try await client.balance(of: "nobody")
            }
        }
    }

    @Test("drain and resume members by name, and refuse strangers")
    func modes() async throws {
        let node = FakeNode()
        try await withServer(node) { endpoint async throws in
            let client = try self.client(endpoint)
            #expect(try await client.drain("eu-1").mode == .draining)
            #expect(try await client.resume("eu-1").mode == .normal)
            await #expect(
                throws: AdminClientError.refused(
                    status: 404,
                    FailureReport(
                        code: "MESH104",
                        message: "no member is called x/y; list them: meshctl members"
                    )
                )
            ) { try await client.drain("x/y") }
        }
        #expect(
            node.told.withLock { $0.modes } == [
                "draining eu-1 by loopback", "normal eu-1 by loopback",
            ]
        )
    }

    @Test(
        "refuse with our code and the findings",
        arguments: [
            (AdminError.stale(held: .none), 409, "MESH103"), (.busy, 429, "MESH106"),
            (.stopping, 503, "MESH107"), (.timedOut, 504, "MESH108"),
            (.failed("disk full"), 500, "MESH109"), (.refused("no"), 409, "MESH105"),
        ]
    )
    func refusals(error: AdminError, status: Int, code: String) async throws {
        try await withServer(FakeNode(refusal: error)) { endpoint async throws in
            let client = try self.client(endpoint)
            let thrown = await #expect(throws: AdminClientError.self) {
                try await client.apply("a: 1", name: "f", message: "", base: nil)
            }
            guard case .refused(let got, let failure)? = thrown else {
                Issue.record("not refused: \(String(describing: thrown))")
                return
            }
            #expect(got == status)
            #expect(failure.code == code)
        }
    }

    @Test("stream events with ids, resume after one, and keep the stream alive")
    func events() async throws {
        let feed = (1...3).map { number in
            EventReport(
                id: UInt64(number),
                time: "t",
                kind: .membership,
                type: "suspect",
                subject: "us-\(number)"
            )
        }
        try await withServer(FakeNode(feed: feed)) { endpoint async throws in
            let client = try self.client(endpoint)
            var seen: [EventReport] = []
            await #expect(throws: Enough.self) {
                try await client.watchEvents(after: 1) { event in
                    seen.append(event)
                    if seen.count == 2 { throw Enough() }
                }
            }
            #expect(seen == Array(feed.dropFirst()))
            let raw = try await Curl(endpoint, "/mesh/events", "--max-time", "3").body
            #expect(raw.contains("id: 1\nevent: membership\ndata: {"))
            #expect(raw.contains(": keep-alive\n\n"))
        }
    }
}

@Suite("The client of the Admin API")
struct AdminClientTests {
    @Test(
        "reads addresses",
        arguments: [
            ("http://127.0.0.1:8001", "127.0.0.1:8001"), ("localhost", "localhost:8001"),
            ("http://[::1]:9/", "[::1]:9"), ("node-1:80", "node-1:80"),
            ("https://node-1", "node-1:8001"), ("unix:/run/m.sock", "/run/m.sock"),
        ]
    )
    func addresses(text: String, authority: String) throws {
        #expect(try AdminAddress(text).authority == authority)
    }

    @Test(
        "refuses what is no address",
        arguments: [
            "", "ftp://a:1", "https://", "unix:m.sock", "unix:", "http://", "a:0", "a:99999", "a:b",
            "[::1", "http://u@h:1", "h/p",
        ]
    )
    func badAddresses(text: String) {
        #expect(throws: AdminClientError.invalidAddress(text)) { try AdminAddress(text) }
    }

    @Test("says that nobody answers")
    func unreachable() async throws {
        let client = try AdminClient(base: "127.0.0.1:1")
        let error = await #expect(throws: AdminClientError.self) { try await client.members() }
        guard case .unreachable(let address, _)? = error else {
            Issue.record("got \(String(describing: error))")
            return
        }
        #expect(address == "127.0.0.1:1")
    }

    @Test("cuts events out of bytes however they are split")
    func parser() throws {
        let text = ": hello\n\nid: 1\r\ndata: a\r\ndata:b\r\n\r\nevent: x\ndata: c\n\n"
        for size in 1...7 {
            var parser = EventStreamParser()
            var events: [String] = []
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) {
                events += try parser.receive(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(events == ["a\nb", "c"])
        }
    }

    @Test("stops at a line that never ends")
    func endless() {
        var parser = EventStreamParser()
        let bytes = repeatElement(UInt8(ascii: "x"), count: (1 << 20) + 1)
        #expect(throws: EventStreamParser.LineTooLong.self) { try parser.receive(bytes) }
    }
}

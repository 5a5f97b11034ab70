import MeshEntities
import MeshHTTP
import MeshHealth
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("Sticky sessions, as Kong's (§5.2), with a signed cookie")
struct StickySessionTests {
    private static func entities(_ origins: [Origin]) -> GatewayConfiguration {
        var entities = TestEntities.proxying(origins.map(\.port))
        entities.upstreams[0].algorithm = .stickySessions
        entities.upstreams[0].stickySessionsCookie = "mesh"
        return entities
    }

    private static func ask(_ gateway: Gateway, _ cookie: String? = nil) -> TestMessage? {
        let field = cookie.map { "Cookie: a=b; \($0)\r\n" } ?? ""
        return gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
    }

    private static func pair(_ answer: TestMessage?) -> String? {
        answer?["set-cookie"]?.split(separator: ";").first.map(String.init)
    }

    @Test("take turns with new clients and lead each back to its target")
    func sticks() throws {
        let origins = (0..<3).map { Origin.saying("\($0)") }
        var entities = Self.entities(origins)
        entities.upstreams[0].stickySessionsCookiePath = "/shop"
        let gateway = try Gateway(entities)

        let firsts = (0..<6).compactMap { _ in Self.ask(gateway) }
        let counts = Dictionary(grouping: firsts, by: \.text).mapValues(\.count)
        #expect(counts == ["0": 2, "1": 2, "2": 2])
        for first in firsts {
            let pair = try #require(Self.pair(first))
            #expect(
                first["set-cookie"] == "\(pair); Path=/shop; SameSite=Lax; HttpOnly",
                "no Secure on a connection in clear"
            )
            for _ in 0..<4 {
                let again = Self.ask(gateway, pair)
                #expect(again?.text == first.text)
                #expect(again?["set-cookie"] == nil)
            }
        }
    }

    @Test("take no cookie that was tampered with, cut, or made with another key")
    func refusesForgeries() throws {
        let origins = (0..<2).map { Origin.saying("\($0)") }
        let gateway = try Gateway(Self.entities(origins))
        let other = try Gateway(Self.entities(origins))
        let pair = try #require(Self.pair(Self.ask(gateway)))
        let foreign = try #require(Self.pair(Self.ask(other)))
        var last = Array(pair)
        last[last.count - 1] = last[last.count - 1] == "0" ? "1" : "0"
        var target = Array(pair)
        target[8] = target[8] == "0" ? "1" : "0"
        let forgeries = [
            String(last), String(target), String(pair.dropLast()), pair + "0", foreign, "mesh=",
            pair.uppercased().replacing("MESH=V", with: "mesh=v"),
        ]

        for forgery in forgeries {
            let answers = (0..<4).compactMap { _ in Self.ask(gateway, forgery) }
            #expect(Set(answers.map(\.text)) == ["0", "1"], "\(forgery) counts as none")
            #expect(answers.allSatisfy { Self.pair($0) != nil })
        }
    }

    @Test("hold at every node with the same keys, older keys of the ring included")
    func holdEverywhere() async throws {
        let origins = (0..<4).map { Origin.saying("\($0)") }
        let nodes = try (0..<2).map { _ in try Gateway(Self.entities(origins)) }
        let keys = [[UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32)]
        nodes[0].plane.setPinKeys([keys[0]])
        nodes[1].plane.setPinKeys([keys[1], keys[0]])
        for node in nodes { #expect(await node.plane.stuckWorkers(within: .seconds(10)) == 0) }

        for _ in 0..<4 {
            let first = Self.ask(nodes[0])
            let pair = try #require(Self.pair(first))
            for _ in 0..<3 {
                let there = Self.ask(nodes[1], pair)
                #expect(there?.text == first?.text)
                #expect(there?["set-cookie"] == nil)
            }
        }
    }

    @Test("stay at a target that drains, leave one that is disabled, down or gone")
    func leaves() async throws {
        let origins = (0..<2).map { Origin.saying("\($0)") }
        var entities = Self.entities(origins)
        let gateway = try Gateway(entities)
        var pairs: [String: String] = [:]
        for _ in 0..<2 {
            let first = try #require(Self.ask(gateway))
            pairs[first.text] = Self.pair(first)
        }
        let pair = try #require(pairs["0"])
        let id = TestEntities.target(origins[0].port)
        let set = { (factor: Float) async in
            gateway.plane.setTargets([TargetFactor(id: id, factor: factor)])
            #expect(await gateway.plane.stuckWorkers(within: .seconds(10)) == 0)
        }

        await set(.drained)
        for _ in 0..<4 {
            #expect(Self.ask(gateway, pair)?.text == "0", "the pin is honoured")
            #expect(Self.ask(gateway)?.text == "1", "nobody new comes")
        }
        await set(0.05)
        #expect(Self.ask(gateway, pair)?.text == "0", "a slow target keeps its own")
        for factor in [Float.disabled, 0] {
            await set(factor)
            let moved = try #require(Self.ask(gateway, pair))
            #expect(moved.text == "1")
            #expect(Self.pair(moved) == pairs["1"], "the client is pinned anew, at once")
        }
        await set(1)
        #expect(Self.ask(gateway, pair)?.text == "0")

        entities.targets.removeFirst()
        try gateway.install(entities, version: 2)
        #expect(await gateway.plane.stuckWorkers(within: .seconds(10)) == 0)
        let moved = try #require(Self.ask(gateway, pair))
        #expect(moved.text == "1")
        #expect(Self.pair(moved) == pairs["1"])
    }

    @Test("move on when the target refuses, and pin the client where the answer came from")
    func movesOnFailure() async throws {
        let origins = (0..<2).map { Origin.saying("\($0)") }
        let gateway = try Gateway(Self.entities(origins))
        var pairs: [String: String] = [:]
        for _ in 0..<2 {
            let first = try #require(Self.ask(gateway))
            pairs[first.text] = Self.pair(first)
        }
        let dead = Origin.deadPort()
        var entities = Self.entities(origins)
        entities.targets[0].target = "127.0.0.1:\(dead)"
        try gateway.install(entities, version: 2)
        #expect(await gateway.plane.stuckWorkers(within: .seconds(10)) == 0)

        // The seal of a target that refuses, as if it had died after it was pinned.
        let keys = [[UInt8](repeating: 7, count: 32)]
        gateway.plane.setPinKeys(keys)
        #expect(await gateway.plane.stuckWorkers(within: .seconds(10)) == 0)
        var text = [UInt8](repeating: 0, count: 64)
        let count = text.withUnsafeMutableBytes { room in
            var writer = HeadWriter(room)
            PinSeal(keys: keys).write(TestEntities.target(dead), into: &writer)
            return writer.written?.count ?? 0
        }
        let pair = "mesh=" + String(decoding: text.prefix(count), as: UTF8.self)

        let moved = try #require(Self.ask(gateway, pair))
        #expect(moved.status == 200)
        #expect(moved.text == "1")
        #expect(Self.pair(moved) != nil)
    }

    @Test("mark the cookie Secure on TLS")
    func secure() throws {
        let origins = [Origin.saying("0")]
        let gateway = try Gateway.secure(Self.entities(origins))
        let client = try gateway.connectTLS()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = client.message()

        #expect(answer?["set-cookie"]?.hasSuffix("; HttpOnly; Secure") == true)
    }

    @Test(
        "that are lost lead to one and the same other target at every node, for parallel requests too"
    )
    func meetAgain() async throws {
        let origins = (0..<5).map { Origin.saying("\($0)") }
        let nodes = try (0..<3).map { _ in try Gateway(Self.entities(origins)) }
        for node in nodes {
            node.plane.setPinKeys([[UInt8](repeating: 7, count: 32)])
            #expect(await node.plane.stuckWorkers(within: .seconds(10)) == 0)
        }
        let first = try #require(Self.ask(nodes[0]))
        let pair = try #require(Self.pair(first))
        let lost = try #require(Int(first.text))
        let id = TestEntities.target(origins[lost].port)
        for node in nodes {
            node.plane.setTargets([TargetFactor(id: id, factor: 0)])
            #expect(await node.plane.stuckWorkers(within: .seconds(10)) == 0)
        }
        let answers = nodes.flatMap { node in (0..<4).compactMap { _ in Self.ask(node, pair) } }
        #expect(answers.count == 12)
        #expect(Set(answers.map(\.text)).count == 1)
        #expect(Set(answers.map { Self.pair($0) }).count == 1, "and the new pin is the same")
        #expect(answers.first?.text != first.text)
    }
}

import MeshPrimitives
import Testing

@Suite("The vocabulary")
struct VocabularyTests {
    @Test("prints a node as a UUID and reads it back")
    func nodeID() {
        let node = NodeID(high: 0x0123_4567_89AB_CDEF, low: 0x0011_2233_4455_6677)

        #expect(node.description == "01234567-89ab-cdef-0011-223344556677")
        #expect(NodeID(node.description) == node)
        #expect(NodeID("01234567") == nil)
        #expect(NodeID("zz234567-89ab-cdef-0011-223344556677") == nil)
    }

    @Test("reads endpoints of both families and nothing else")
    func endpoints() {
        #expect(Endpoint("127.0.0.1:7946")?.address == .v4(0x7F00_0001))
        #expect(Endpoint("[::1]:80")?.address == .v6(high: 0, low: 1))
        #expect(
            Endpoint("[2001:db8::2:1]:80")?.address
                == .v6(high: 0x2001_0DB8_0000_0000, low: 0x2_0001)
        )
        for text in [
            "::1:80", "host:80", "1.2.3:4", "1.2.3.4", "1.2.3.4:65536", "[::1]", "1.2.3.256:1",
            "[1::2::3]:1",
        ] {
            #expect(Endpoint(text) == nil, "\(text)")
        }
        #expect(Endpoint("10.0.0.7:80")?.description == "10.0.0.7:80")
    }

    @Test("saturates moments instead of trapping")
    func instants() {
        let end = MonotonicInstant(nanoseconds: .max)

        #expect(end.advanced(by: .seconds(1)) == end)
        #expect(Duration.seconds(Int64.max).saturatedNanoseconds == .max)
        #expect(
            MonotonicInstant(nanoseconds: 0).duration(to: MonotonicInstant(nanoseconds: 1_500_000))
                .milliseconds == 1.5
        )
    }

    @Test("repeats a generator's numbers from its seed and keeps to bounds")
    func generator() {
        var first = SeededGenerator(seed: 7)
        var second = SeededGenerator(seed: 7)
        let numbers = (0..<1_000).map { _ in first.next(below: 10) }

        #expect(numbers == (0..<1_000).map { _ in second.next(below: 10) })
        #expect(Set(numbers) == Set(0..<10))
        #expect(first.shuffle(Array(0..<50)).sorted() == Array(0..<50))
    }

    @Test("names a target the same on every node, and two addresses of it differently")
    func targets() throws {
        let endpoint = try #require(Endpoint("127.0.0.1:9001"))
        let other = try #require(Endpoint("127.0.0.2:9001"))
        let id = TargetID(upstream: "api", target: "a:9001", endpoint: endpoint)

        #expect(id == TargetID(upstream: "api", target: "a:9001", endpoint: endpoint))
        #expect(id != TargetID(upstream: "api", target: "a:9001", endpoint: other))
        #expect(id != TargetID(upstream: "api2", target: "a:9001", endpoint: endpoint))
    }

    @Test("combines hashes in any order")
    func hashes() {
        let one = ContentHash(high: 1, low: 2)
        let two = ContentHash(high: 3, low: 4)

        #expect(one ^ two == two ^ one)
        #expect(one ^ two ^ two == one)
        #expect(one.description == "00000000000000010000000000000002")
    }
}

import MeshPrimitives
import Testing

@testable import MeshResolver

@Suite("A lookup of services, as Kong's (§5.4)")
struct ServiceLookupTests {
    private let server = NameServer()

    private var resolver: HostResolver {
        var resolver = HostResolver()
        resolver.servers = self.server.text
        resolver.timeout = .milliseconds(500)
        return resolver
    }

    private static func service(
        _ name: String,
        _ port: UInt16,
        _ weight: Int
    )
        -> HostAddress.Service
    {
        HostAddress.Service(name: name, port: port, weight: weight)
    }

    @Test("takes SRV records' ports and weights, those of the lowest priority alone")
    func records() async throws {
        defer { self.server.stop() }
        self.server.services(
            of: "_http._tcp.shop.test",
            .answer(
                [
                    .service(priority: 10, weight: 60, port: 8_001, target: "A.shop.test"),
                    .service(priority: 10, weight: 0, port: 8_002, target: "b.shop.test"),
                    .service(priority: 20, weight: 90, port: 8_003, target: "c.shop.test"),
                ],
                timeToLive: 40
            )
        )
        self.server.addresses(
            of: "a.shop.test",
            .answer([.address(10, 0, 0, 1), .address(10, 0, 0, 2)], timeToLive: 30)
        )
        self.server.addresses(of: "b.shop.test", .answer([.address(10, 0, 0, 3)], timeToLive: 60))
        self.server.addresses(of: "c.shop.test", .answer([.address(10, 0, 0, 4)], timeToLive: 60))

        let found = try await self.resolver.services(of: "_http._tcp.shop.test")

        #expect(
            found.addresses == [
                HostAddress(.v4(0x0A00_0001), service: Self.service("a.shop.test", 8_001, 60)),
                HostAddress(.v4(0x0A00_0002), service: Self.service("a.shop.test", 8_001, 60)),
                HostAddress(.v4(0x0A00_0003), service: Self.service("b.shop.test", 8_002, 1)),
            ]
        )
        #expect(found.timeToLive == .seconds(30), "the shortest of all records")
        #expect(found.isCertain)
    }

    @Test("takes a name's addresses when it has no SRV records")
    func addresses() async throws {
        defer { self.server.stop() }
        self.server.addresses(of: "plain.test", .answer([.address(10, 0, 0, 1)], timeToLive: 7))

        let found = try await self.resolver.services(of: "plain.test")

        #expect(found.addresses == [HostAddress(.v4(0x0A00_0001))])
        #expect(found.timeToLive == .seconds(7))
        #expect(found.isCertain, "the server said that there are none")
    }

    @Test("says when nobody told whether there are SRV records")
    func uncertain() async throws {
        defer { self.server.stop() }
        self.server.addresses(of: "half.test", .answer([.address(10, 0, 0, 1)], timeToLive: 7))
        self.server.services(of: "half.test", .fail)
        self.server.addresses(of: "mute.test", .answer([.address(10, 0, 0, 2)], timeToLive: 7))
        self.server.services(of: "mute.test", .ignore)

        for name in ["half.test", "mute.test"] {
            let found = try await self.resolver.services(of: name)
            #expect(found.addresses.count == 1)
            #expect(!found.isCertain)
        }
    }

    @Test("leaves out a record whose host has no address, and fails when none has one")
    func lostHosts() async throws {
        defer { self.server.stop() }
        let records = [
            NameServer.Record.service(priority: 0, weight: 1, port: 1, target: "gone.test"),
            .service(priority: 0, weight: 1, port: 2, target: "here.test"),
        ]
        self.server.services(of: "some.test", .answer(records, timeToLive: 9))
        self.server.services(of: "none.test", .answer([records[0]], timeToLive: 9))
        self.server.addresses(of: "none.test", .answer([.address(10, 0, 0, 9)], timeToLive: 9))
        self.server.addresses(of: "here.test", .answer([.address(10, 0, 0, 1)], timeToLive: 9))

        let found = try await self.resolver.services(of: "some.test")

        #expect(found.addresses.map(\.service?.port) == [2])
        await #expect(throws: ResolverError.unknownHost("gone.test")) {
            try await self.resolver.services(of: "none.test")
        }
    }

    @Test("knows a record of the root as none (RFC 2782): the name's addresses count")
    func root() async throws {
        defer { self.server.stop() }
        self.server.services(
            of: "off.test",
            .answer([.service(priority: 0, weight: 0, port: 0, target: "")], timeToLive: 9)
        )
        self.server.addresses(of: "off.test", .answer([.address(10, 0, 0, 1)], timeToLive: 9))

        let found = try await self.resolver.services(of: "off.test")

        #expect(found.addresses == [HostAddress(.v4(0x0A00_0001))])
    }
}

@Suite("A DNS message with SRV records")
struct ServiceAnswerTests {
    /// A header that promises one question and the given number of answers, and the question.
    private static func message(answers: UInt8, _ rest: [UInt8]) -> [UInt8] {
        [0, 1, 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]
            + [1, 0x61, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 33, 0, 1] + rest
    }

    private static let record: [UInt8] =
        [0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 10] + [0, 1, 0, 2, 0x1F, 0x40] + [
            1, 0x42, 0xC0, 14,
        ]

    @Test("is read with compressed names (RFC 1035 4.1.4)")
    func compressed() {
        let answer = ServiceAnswer(Self.message(answers: 1, Self.record))

        #expect(
            answer.records == [
                ServiceAnswer.Record(
                    priority: 1,
                    weight: 2,
                    port: 8_000,
                    target: "b.test",
                    timeToLive: 60
                )
            ]
        )
    }

    @Test("that is cut, or whose names run in circles, gives what came before and never traps")
    func hostile() {
        let whole = Self.message(answers: 2, Self.record + Self.record)
        for count in 0..<whole.count {
            let records = ServiceAnswer(Array(whole.prefix(count))).records
            #expect(records.count <= 1)
        }
        let circle = Self.message(answers: 1, [0xC0, 24, 0, 33, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0])
        #expect(ServiceAnswer(circle).records.isEmpty)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<3 {
                bytes[generator.next(below: bytes.count)] = UInt8(
                    truncatingIfNeeded: generator.next()
                )
            }
            #expect(ServiceAnswer(bytes).records.count <= ServiceAnswer.recordLimit)
        }
    }

    @Test("with more records than anybody needs is cut at the limit")
    func many() {
        let records = (0..<200).flatMap { _ in Self.record }
        let answer = ServiceAnswer(Self.message(answers: 200, records))

        #expect(answer.records.count == ServiceAnswer.recordLimit)
    }
}

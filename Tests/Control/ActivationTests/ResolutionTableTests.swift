import MeshPrimitives
import Testing

@testable import MeshActivation

@Suite("The table of host names")
struct ResolutionTableTests {
    private static let one = HostAddress(.v4(0x0A00_0001))
    private var table = ResolutionTable(settings: ResolutionSettings())

    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(sinceStart: .milliseconds(Int64(seconds * 1_000)))
    }

    private static func found(_ seconds: Int64) -> ResolutionTable.Outcome {
        .found([Self.one], timeToLive: .seconds(seconds))
    }

    @Test("asks for a bounded number of names at once, each of them in turn")
    mutating func bounded() {
        let hosts = Set((0..<50).map { "h\($0).test" })
        self.table.setHosts(hosts, at: Self.at(0))
        var asked = self.table.begin(at: Self.at(0))
        #expect(asked.count == ResolutionSettings().parallel)
        var index = 0
        while index < asked.count {
            _ = self.table.receive(Self.found(60), of: asked[index], at: Self.at(0))
            asked += self.table.begin(at: Self.at(0))
            index += 1
        }

        #expect(Set(asked.map(\.host)) == hosts)
        #expect(asked.count == 50)
    }

    @Test("asks again when the answer's time is up")
    mutating func timeToLive() {
        self.table.setHosts(["a.test"], at: Self.at(0))
        let lookup = self.table.begin(at: Self.at(0))[0]
        _ = self.table.receive(Self.found(30), of: lookup, at: Self.at(0))

        _ = self.table.wake(at: Self.at(29))
        let early = self.table.begin(at: Self.at(29))
        _ = self.table.wake(at: Self.at(30))
        let late = self.table.begin(at: Self.at(30))

        #expect(early == [])
        #expect(late.map(\.host) == ["a.test"])
    }

    @Test("keeps the last good addresses of a name that fails, and asks ever less often")
    mutating func failure() {
        self.table.setHosts(["a.test"], at: Self.at(0))
        let lookup = self.table.begin(at: Self.at(0))[0]
        _ = self.table.receive(Self.found(1), of: lookup, at: Self.at(0))
        var asked: [Double] = []
        var news = 0
        for tick in 1...1_200 {
            let now = Self.at(Double(tick) / 10)
            news += self.table.wake(at: now).count
            for lookup in self.table.begin(at: now) {
                asked.append(Double(tick) / 10)
                if case .lost = self.table.receive(.failed("gone"), of: lookup, at: now) {
                    news += 1
                }
            }
        }

        #expect(self.table.addresses == ["a.test": [Self.one]])
        #expect(news == 1)
        #expect(asked == [1, 2, 4, 8, 16, 32, 62, 92])
    }

    @Test("gives up a look-up without answer, frees its slot, and ignores what comes later")
    mutating func silence() {
        self.table.setHosts(["a.test"], at: Self.at(0))
        let lookup = self.table.begin(at: Self.at(0))[0]
        let lost = self.table.wake(at: Self.at(15))
        let late = self.table.receive(Self.found(60), of: lookup, at: Self.at(15.1))
        _ = self.table.wake(at: Self.at(16))

        #expect(lost.map(\.host) == ["a.test"])
        #expect(late == .nothing)
        #expect(self.table.addresses == [:])
        #expect(self.table.begin(at: Self.at(16)).count == 1)
    }

    @Test("believes no addresses of a name that had SRV records until somebody says they are gone")
    mutating func guesses() {
        let service = HostAddress.Service(name: "b.test", port: 81, weight: 5)
        let known = [HostAddress(.v4(9), service: service)]
        self.table.setHosts(["a.test", "plain.test"], at: Self.at(0))
        for lookup in self.table.begin(at: Self.at(0)) {
            let outcome: ResolutionTable.Outcome =
                lookup.host == "a.test" ? .found(known, timeToLive: .seconds(5)) : Self.found(5)
            _ = self.table.receive(outcome, of: lookup, at: Self.at(0))
        }
        let guess = ResolutionTable.Outcome.guessed(
            [HostAddress(.v4(7))],
            timeToLive: .seconds(60)
        )
        _ = self.table.wake(at: Self.at(5))
        for lookup in self.table.begin(at: Self.at(5)) {
            _ = self.table.receive(guess, of: lookup, at: Self.at(5))
        }

        #expect(self.table.addresses == ["a.test": known, "plain.test": [HostAddress(.v4(7))]])
        #expect(self.table.isFailing("a.test"), "it is asked for again soon")
        _ = self.table.wake(at: Self.at(6))
        let again = self.table.begin(at: Self.at(6))
        #expect(again.map(\.host) == ["a.test"])
        _ = self.table.receive(Self.found(60), of: again[0], at: Self.at(6))
        #expect(self.table.addresses["a.test"] == [Self.one], "now somebody has said it")
    }

    @Test("spreads the look-ups of many names over time")
    mutating func manyNames() {
        self.table.setHosts(Set((0..<1_000).map { "h\($0).test" }), at: Self.at(0))
        var answered = 0
        for tick in 0..<200 {
            let now = Self.at(Double(tick) / 10)
            _ = self.table.wake(at: now)
            while case let lookups = self.table.begin(at: now), !lookups.isEmpty {
                answered += lookups.count
                for lookup in lookups { _ = self.table.receive(Self.found(1), of: lookup, at: now) }
            }
        }

        #expect(answered == 2_000, "1,000 names with a life of 1 s are asked for every 10 s")
    }

    @Test("remembers a name that left the configuration for a while")
    mutating func memory() {
        self.table.setHosts(["a.test"], at: Self.at(0))
        let lookup = self.table.begin(at: Self.at(0))[0]
        _ = self.table.receive(Self.found(60), of: lookup, at: Self.at(0))
        self.table.setHosts([], at: Self.at(1))
        _ = self.table.wake(at: Self.at(300))
        let kept = self.table.addresses
        _ = self.table.wake(at: Self.at(601))

        #expect(kept == ["a.test": [Self.one]])
        #expect(self.table.addresses == [:])
        #expect(self.table.begin(at: Self.at(601)) == [])
    }
}

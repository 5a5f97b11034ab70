import MeshPrimitives
import Testing

@testable import MeshTransport

@Suite("The troubles of a node's paths")
struct PathTroublesTests {
    private let peer = Endpoint(address: .v4(0x0A00_0007), port: 7_946)

    private static func second(_ seconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
    }

    @Test("are told once, again after a minute, then ever more rarely, with the count")
    func backsOff() {
        var troubles = PathTroubles()
        var told: [(second: Int64, count: UInt64)] = []
        for second in 0..<600 {
            let now = Self.second(Int64(second))
            guard let trouble = troubles.failed(.send, self.peer, "no route", at: now) else {
                continue
            }
            told.append((Int64(second), trouble.count))
        }

        #expect(told.map(\.second) == [0, 60, 180, 420])
        #expect(told.map(\.count) == [1, 61, 181, 421])
    }

    @Test("of streams and silent datagrams count from the third failure in a row")
    func needsProof() {
        var troubles = PathTroubles()
        for path in [PathTrouble.Path.stream, .datagrams] {
            #expect(troubles.failed(path, self.peer, "x", at: Self.second(0)) == nil)
            #expect(troubles.failed(path, self.peer, "x", at: Self.second(1)) == nil)
            troubles.worked(path, self.peer)
            #expect(troubles.failed(path, self.peer, "x", at: Self.second(2)) == nil)
            #expect(troubles.failed(path, self.peer, "x", at: Self.second(3)) == nil)
            #expect(troubles.current(at: Self.second(3)).allSatisfy { $0.path != path })
            #expect(troubles.failed(path, self.peer, "x", at: Self.second(4))?.count == 3)
            #expect(troubles.current(at: Self.second(4)).contains { $0.path == path })
        }
    }

    @Test("end when the path works, and are not told anew at each flap")
    func flaps() {
        var troubles = PathTroubles()
        #expect(troubles.failed(.send, self.peer, "x", at: Self.second(0)) != nil)
        troubles.worked(.send, self.peer)
        #expect(troubles.current(at: Self.second(0)).isEmpty)

        #expect(troubles.failed(.send, self.peer, "x", at: Self.second(1)) == nil)
        #expect(troubles.current(at: Self.second(1)).map(\.count) == [1])
    }

    @Test("are over when nothing is tried any more")
    func expire() {
        var troubles = PathTroubles()
        _ = troubles.failed(.send, self.peer, "x", at: Self.second(0))

        #expect(troubles.current(at: Self.second(59)).count == 1)
        #expect(troubles.current(at: Self.second(60)).isEmpty)
    }

    @Test("are bounded; the one that failed longest ago is forgotten")
    func bounded() {
        var troubles = PathTroubles()
        for number in 0...PathTroubles.limit {
            let peer = Endpoint(address: .v4(UInt32(number)), port: 1)
            let now = MonotonicInstant(nanoseconds: Int64(number))
            _ = troubles.failed(.send, peer, "x", at: now)
        }

        let current = troubles.current(at: Self.second(1))
        #expect(current.count == PathTroubles.limit)
        #expect(!current.contains { $0.endpoint.address == .v4(0) })
    }
}

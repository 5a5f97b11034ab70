import MeshObservations
import MeshPrimitives
import Testing

@testable import MeshWire

extension Fixture {
    /// A run of one observation of every kind.
    static var delta: ObservationDelta {
        var state = NodeState()
        state.generation = 300
        state.configurationHash = ContentHash(high: 1, low: 2)
        state.configurationSince = 3
        state.durableGeneration = 299
        state.startedAt = 4
        state.rejection = "bad"
        state.adminAddress = "é:1"
        let vote = TargetVote(
            stance: .down,
            reason: 3,
            isChecker: true,
            successes: 0,
            failures: 258
        )
        let target = TargetID(rawValue: 0x0102_0304_0506_0708)
        let sum = RegionVote(against: 2, stance: .suspect, reason: 4)
        let summary = RegionSummary(observer: "eu", region: "us", members: 9, alive: 7)
        let observations: [Observation] = [
            .state(state), .load(NodeLoad(permille: 500, inFlight: 0x01_0203)), .abstaining(true),
            .vote(target, vote), .vote(target, nil), .regionVote(target, sum),
            .regionVote(target, nil), .regions([summary]),
        ]
        return ObservationDelta(
            owner: Self.beta,
            boot: 5,
            base: 128,
            head: 150,
            newest: 151,
            entries: observations.enumerated().map {
                .init(sequence: UInt64(129 + $0.offset), observation: $0.element)
            }
        )
    }

    /// Messages of every shape.
    static var observations: [ObservationMessage] {
        var full = ObservationMessage()
        full.flags = [.relay, .byDatagram]
        full.deltas = [Self.delta, Self.delta]
        let version = ObservationVersion(boot: 1 << 40, sequence: ObservationVersion.limit)
        full.digest = [ObservationDigest(owner: Self.alpha, version: version)]
        full.wants = [ObservationDigest(owner: Self.gamma, version: .none)]
        return [ObservationMessage(), full]
    }
}

@Suite("Observations on the wire")
struct ObservationCodingTests {
    /// A body with one observation record around this content.
    private func body(_ content: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(8)
        writer.append(0)
        writer.write(sized: content)
        return writer.bytes
    }

    private func decode(_ content: [UInt8]) throws(WireError) -> ObservationMessage? {
        let messages = try ClusterMessage.decode(self.body(content), from: Fixture.alpha)
        guard case .observations(let message) = messages.first else { return nil }
        return message
    }

    @Test("take these bytes")
    func goldenBytes() {
        var message = ObservationMessage()
        message.flags = .answer
        let owner = NodeID(high: 0x0A, low: 0x0B)
        message.digest = [
            ObservationDigest(owner: owner, version: ObservationVersion(boot: 2, sequence: 300))
        ]
        message.deltas = [
            ObservationDelta(
                owner: owner,
                boot: 2,
                base: 300,
                head: 301,
                newest: 303,
                entries: [
                    .init(
                        sequence: 301,
                        observation: .load(NodeLoad(permille: 1_000, inFlight: 65_536))
                    )
                ]
            )
        ]
        let name: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0x0B]
        let delta: [UInt8] =
            name + [2, 0xAC, 0x02, 1, 2] + [2, 0, 7, 0xAD, 0x02, 0x03, 0xE8, 1, 0, 0]
        let content: [UInt8] =
            [8, 0, 1] + name + [2, 0xAC, 0x02] + [0, 0]
            + [1, 0, 0, 0, 0, UInt8(delta.count)] + delta

        #expect(ClusterMessage.observations(message).encoded == self.body(content))
    }

    @Test("take no more bytes than the core counts with")
    func sizes() {
        for message in Fixture.observations {
            #expect(ClusterMessage.observations(message).encoded.count <= message.wireByteCount)
        }
    }

    @Test("clamp what a peer says where it is read: no load and no region traps a sum")
    func clamps() throws {
        let name = [UInt8](repeating: 7, count: 16)
        let load: [UInt8] = [2, 0, 6, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        let regions: [UInt8] = [6, 0, 11, 2, 1, 0, 0, 0, 1, 0x61, 0, 3, 0xFF, 0xFF]
        let delta = name + [1, 0, 2, 0] + load + regions
        let item: [UInt8] = [1, 0, 0, 0, 0, UInt8(delta.count)] + delta

        let message = try #require(try self.decode([0, 0, 0, 0, 0] + item))
        let entries = try #require(message.deltas.first?.entries)
        let summary = RegionSummary(observer: "", region: "a", members: 3, alive: 3)
        #expect(entries.last?.observation == .regions([summary]))
        #expect(
            entries.first?.observation
                == .load(NodeLoad(permille: 1_000, inFlight: NodeLoad.inFlightLimit))
        )
    }

    @Test("keep kinds that are newer than this software, and skip such words of known ones")
    func skipsTheNew() throws {
        let name = [UInt8](repeating: 7, count: 16)
        let future: [UInt8] = [99, 0, 2, 1, 2]
        let stance: [UInt8] =
            [4, 0, 16, 1] + [0, 0, 0, 0, 0, 0, 0, 9, 1] + [0x55, 0, 0, 0, 0, 0]
        let known: [UInt8] = [3, 0, 2, 2, 1]
        let delta = name + [1, 0, 2, 0] + future + stance + known
        let item: [UInt8] = [1, 0, 0, 0, 0, UInt8(delta.count)] + delta

        let message = try self.decode([0xE0, 0, 0, 0, 0] + item)
        let newer = try #require(UnknownObservation(kind: 99, content: [2]))
        #expect(
            message?.deltas.first?.entries.map(\.observation)
                == [.unknown(newer), .abstaining(true)]
        )
    }

    @Test("refuse numbers that do not fit, and numbers that never end")
    func refusesBadNumbers() {
        let name = [UInt8](repeating: 7, count: 16)
        for number in [
            [UInt8](repeating: 0x80, count: 11), [UInt8](repeating: 0xFF, count: 9) + [2],
        ] {
            #expect(throws: WireError.malformed) {
                _ = try self.decode([0, 0, 1] + name + number + [0, 0, 0])
            }
        }
        let highest = [UInt8](repeating: 0xFF, count: 9) + [1]
        let delta = name + highest + highest + highest + highest
        let item: [UInt8] = [1, 0, 0, 0, 0, UInt8(delta.count)] + delta
        let message = try? self.decode([0, 0, 0, 0, 0] + item)
        #expect(message?.deltas.first?.newest == ObservationVersion.limit)
    }

    @Test("never trap, whatever byte is changed or cut")
    func survivesNoise() {
        let bytes = Fixture.observations.map { ClusterMessage.observations($0).encoded }
        var generator = SeededGenerator(seed: 1)
        for original in bytes {
            for _ in 0..<2_000 {
                var changed = original
                changed[generator.next(below: changed.count)] = UInt8(
                    truncatingIfNeeded: generator.next()
                )
                changed.removeLast(generator.next(below: changed.count))
                _ = try? ClusterMessage.decode(changed, from: Fixture.alpha)
            }
        }
    }
}

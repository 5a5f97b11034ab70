import Foundation
import MeshPrimitives
import Testing

@testable import MeshWire

@Suite("The fuzz targets of gossip")
struct WireFuzzTests {
    /// Inputs of each target: 2,000, or as many as `MESH_FUZZ_INPUTS` says.
    private static let inputs =
        ProcessInfo.processInfo.environment["MESH_FUZZ_INPUTS"].flatMap { Int($0) } ?? 2_000

    /// One message of every shape, and what else comes from outside.
    private static let corpus: [[UInt8]] =
        Fixture.messages.map(\.encoded) + [
            Array(Fixture.ring.text.utf8), Fixture.ring.document, [],
            StreamHandshake(keys: Self.foreign, node: Fixture.alpha).hello,
        ]

    private static let foreign = ClusterKeys(ring: .generated(), clusterName: "fuzz")

    @Test("take one message of every shape and what is near it", arguments: [0, 1, 2, 3])
    func replays(target: Int) throws {
        let run = WireFuzz.targets[target].run
        for input in Self.corpus { run(input) }
        let before = try #require(Self.mostMemory)
        var generator = SeededGenerator(seed: UInt64(target) + 1)
        for _ in 0..<Self.inputs {
            var near = Self.corpus[generator.next(below: Self.corpus.count)]
            for _ in 0...generator.next(below: 4) { Self.damage(&near, using: &generator) }
            run(near)
        }
        let grown = try #require(Self.mostMemory) - before
        #expect(grown < Self.memoryLimit, "a length was believed: \(grown) bytes more")
    }

    /// Above what threads and the allocator take, below what a length of four bytes set to ones would.
    private static let memoryLimit = 512 << 20

    /// The most address space that this process has ever had, in bytes: what was asked for counts though
    /// it was never touched.
    private static var mostMemory: Int? {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmPeak:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first.map { $0 * 1_024 }
    }

    /// Changes, drops, repeats or moves some bytes; numbers become extreme.
    private static func damage(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        guard !bytes.isEmpty else {
            bytes = (0..<generator.next(below: 64)).map { _ in
                UInt8(truncatingIfNeeded: generator.next())
            }
            return
        }
        let place = generator.next(below: bytes.count)
        let end = min(bytes.count, place + 1 + generator.next(below: 16))
        switch generator.next(below: 6) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        case 1: bytes[place] ^= 1 << UInt8(generator.next(below: 8))
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 4: for index in place..<end { bytes[index] = 0xFF }
        default:
            let other = Self.corpus[generator.next(below: Self.corpus.count)]
            bytes = Array(bytes[..<place]) + other.suffix(generator.next(below: other.count + 1))
        }
    }
}

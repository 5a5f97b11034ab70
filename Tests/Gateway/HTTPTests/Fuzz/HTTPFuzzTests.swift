import Foundation
import MeshPrimitives
import Testing

@Suite("A fuzz target of HTTP/1")
struct HTTPFuzzTests {
    /// The inputs of one target, by file name.
    private static func corpus(_ target: String) throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Corpus/\(target)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted()
        return try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) }
    }

    @Test("takes its corpus and what is near it", arguments: HTTPFuzz.targets.keys.sorted())
    func replays(target: String) throws {
        let inputs = try Self.corpus(target)
        let run = try #require(HTTPFuzz.targets[target])
        #expect(inputs.count >= 3)
        var generator = SeededGenerator(seed: 1)
        for input in inputs {
            input.withUnsafeBytes(run)
            for _ in 0..<200 where !input.isEmpty {
                var near = input
                for _ in 0..<(1 + generator.next(below: 3)) {
                    let place = generator.next(below: near.count)
                    let byte = UInt8(truncatingIfNeeded: generator.next())
                    switch generator.next(below: 3) {
                    case 0: near[place] = byte
                    case 1: near.insert(input[generator.next(below: input.count)], at: place)
                    default: if near.count > 1 { near.remove(at: place) }
                    }
                }
                near.withUnsafeBytes(run)
            }
        }
    }
}

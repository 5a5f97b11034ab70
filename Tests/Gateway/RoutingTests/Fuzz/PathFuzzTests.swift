import Foundation
import MeshPrimitives
import Testing

@Suite("The fuzz target of paths")
struct PathFuzzTests {
    /// The inputs of one target, by file name.
    private static func corpus(_ target: String) throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Corpus/\(target)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted()
        return try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) }
    }

    @Test("takes its corpus and what is near it")
    func replays() throws {
        let inputs = try Self.corpus("request-path")
        #expect(inputs.count >= 3)
        var generator = SeededGenerator(seed: 1)
        for input in inputs {
            input.withUnsafeBytes(PathFuzz.requestPath)
            for _ in 0..<500 where !input.isEmpty {
                var near = input
                let place = generator.next(below: near.count)
                near[place] = UInt8(truncatingIfNeeded: generator.next())
                near.insert(input[generator.next(below: input.count)], at: place)
                near.withUnsafeBytes(PathFuzz.requestPath)
            }
        }
    }
}

import CMeshSystem
import MeshPrimitives
import MeshRouting
import Testing

@Suite("A plain path")
struct PlainPathTests {
    private static func isPlain(_ path: [UInt8]) -> Bool {
        path.withUnsafeBytes { mesh_is_plain_path($0.baseAddress, $0.count) != 0 }
    }

    @Test(
        "has nothing to decode, merge, resolve or escape",
        arguments: [
            ("/", true), ("/a", true), ("/a/b.c-d_e~f/9", true), ("/a/", true),
            ("/a.b/c/d/e/f/g/h/i/j/k", true), ("/0123456789abcd/ef", true), ("", false),
            ("a", false), ("//", false), ("/a//b", false), ("/.a", false), ("/a/..", false),
            ("/a%20b", false), ("/a b", false), ("/a?b", false), ("/0123456789abcde//f", false),
            ("/0123456789abcd//f", false), ("/0123456789abcd/.f", false), ("/\u{e9}", false),
        ]
    )
    func examples(path: String, isPlain: Bool) {
        #expect(Self.isPlain(Array(path.utf8)) == isPlain)
    }

    @Test("is its own normal form, and is written as it is")
    func normal() {
        var generator = SeededGenerator(seed: 7)
        let bytes = Array("abz09AZ-_~.../%#?:@ ;\u{7F}\u{e9}".utf8)
        var count = 0
        for _ in 0..<20_000 {
            var path: [UInt8] = [0x2F]
            for _ in 0..<generator.next(below: 40) {
                // Mostly what a plain path may have.
                let choices = generator.next(below: 30) == 0 ? bytes.count : 13
                path.append(bytes[generator.next(below: choices)])
            }
            guard Self.isPlain(path) else { continue }
            count += 1
            var room = [UInt8](repeating: 0, count: path.count)
            let written = path.withUnsafeBytes { raw in
                room.withUnsafeMutableBytes { RequestPath.normalize(raw, into: $0) }
            }
            #expect(written == path.count && room == path)
            #expect(path.withUnsafeBytes { PathEscape.firstUnsafe(in: $0) } == path.count)
        }
        #expect(count > 1_000)
    }
}

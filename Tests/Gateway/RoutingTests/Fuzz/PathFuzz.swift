import MeshPrimitives
import MeshRouting

/// What a fuzzer calls with any bytes: returns when all is well and traps when it is not.
enum PathFuzz {
    /// A normal path escaped is printable, and normalizes to itself.
    static func requestPath(_ bytes: UnsafeRawBufferPointer) {
        let size = max(1, bytes.count)
        let normal = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        let escaped = UnsafeMutableRawBufferPointer.allocate(byteCount: size * 3 + 1, alignment: 8)
        let again = UnsafeMutableRawBufferPointer.allocate(byteCount: size * 3 + 1, alignment: 8)
        defer {
            normal.deallocate()
            escaped.deallocate()
            again.deallocate()
        }
        guard let count = RequestPath.normalize(bytes, into: normal) else { return }
        precondition(count <= size && normal[0] == UInt8(ascii: "/"))
        let path = UnsafeRawBufferPointer(rebasing: normal[..<count])
        guard let sent = PathEscape.write(path, into: escaped) else { fatalError("room suffices") }
        let line = UnsafeRawBufferPointer(rebasing: escaped[..<sent])
        precondition(line.allSatisfy { (0x21..<0x7F).contains($0) })
        precondition(
            !line.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
        )
        guard let second = RequestPath.normalize(line, into: again) else {
            fatalError("what was accepted is accepted again")
        }
        precondition(again[..<second].elementsEqual(path))
    }
}

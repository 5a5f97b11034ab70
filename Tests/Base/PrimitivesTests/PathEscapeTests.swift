import MeshPrimitives
import Testing

@Suite("The escapes of a path")
struct PathEscapeTests {
    private static let safe = Set(
        "!#$&'()*+,/:;=?@[]-_.~%ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8
    )

    @Test("are found for every byte at every place of a word and behind it")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            for count in [1, 7, 8, 9, 17] {
                for place in 0..<count {
                    var bytes = [UInt8](repeating: UInt8(ascii: "~"), count: count)
                    bytes[place] = byte
                    let found = bytes.withUnsafeBytes { PathEscape.firstUnsafe(in: $0) }
                    #expect(found == (Self.safe.contains(byte) ? count : place), "byte \(byte)")
                }
            }
        }
    }

    @Test("are written only where they fit")
    func room() {
        let path = Array("/a b".utf8)
        for room in 0...7 {
            var output = [UInt8](repeating: 0, count: room)
            let count = path.withUnsafeBytes { path in
                output.withUnsafeMutableBytes { PathEscape.write(path, into: $0) }
            }
            #expect(count == (room < 6 ? nil : 6))
            if let count { #expect(output.prefix(count).elementsEqual("/a%20b".utf8)) }
        }
    }
}

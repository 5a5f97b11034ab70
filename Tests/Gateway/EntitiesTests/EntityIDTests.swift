import MeshEntities
import Testing

@Suite("Identities of entities")
struct EntityIDTests {
    /// A UUID by the book (RFC 9562 section 4), digit by digit.
    private static func text(_ id: EntityID) -> String {
        let digits = [id.high, id.low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        .joined()
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text += "-" }
            text.append(digit)
        }
        return text
    }

    @Test("are written as UUIDs in lower case, and read in either case")
    func texts() {
        var generator = SystemRandomNumberGenerator()
        var ids = [
            EntityID(high: 0, low: 0), EntityID(high: .max, low: .max),
            EntityID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
        ]
        for _ in 0..<1_000 {
            ids.append(EntityID(high: generator.next(), low: generator.next()))
        }
        for id in ids {
            let text = Self.text(id)
            #expect(id.description == text)
            #expect(EntityID(text) == id)
            #expect(EntityID(text.uppercased()) == id)
        }
    }

    @Test("are nothing else, whatever byte stands at whatever place")
    func others() {
        let text = Array("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0".utf8)
        let digits = Set("0123456789abcdefABCDEF".utf8)
        for place in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[place] = byte
                let isDash = [8, 13, 18, 23].contains(place)
                let isGood = isDash ? byte == UInt8(ascii: "-") : digits.contains(byte)
                // Bytes that are no UTF-8 become three others.
                let read = EntityID(String(decoding: changed, as: UTF8.self))
                #expect((read != nil) == isGood, "\(byte) at \(place)")
            }
        }
        for count in 0..<40 where count != 36 {
            #expect(EntityID(String(repeating: "0", count: count)) == nil)
        }
    }
}

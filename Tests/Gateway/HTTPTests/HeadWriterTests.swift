import MeshHTTP
import Testing

@Suite("A head writer")
struct HeadWriterTests {
    @Test(
        "writes numbers in decimal and hexadecimal",
        arguments: [
            (UInt64(0), "0", "0"), (9, "9", "9"), (10, "10", "a"), (255, "255", "ff"),
            (99, "99", "63"), (100, "100", "64"), (1_000, "1000", "3e8"), (9_999, "9999", "270f"),
            (10_000, "10000", "2710"), (65_535, "65535", "ffff"), (100_907, "100907", "18a2b"),
            (9_990_000_000, "9990000000", "253734d80"),
            (4_096, "4096", "1000"), (.max, "18446744073709551615", "ffffffffffffffff"),
        ]
    )
    func numbers(value: UInt64, decimal: String, hexadecimal: String) {
        #expect(written { $0.write(decimal: value) } == decimal)
        #expect(written { $0.write(hexadecimal: value) } == hexadecimal)
    }

    @Test("writes every length and carry of decimal numbers, also where they just fit")
    func everyLength() {
        var samples = (0..<20_000).map { UInt64($0) * 7 }
        var power: UInt64 = 1
        for _ in 0..<19 {
            power *= 10
            samples += [power - 1, power, power + 1, power / 2 * 3, power / 7 * 9]
        }
        for value in samples {
            let text = "\(value)"
            #expect(written(text.count) { $0.write(decimal: value) } == text)
            #expect(written(text.count - 1) { $0.write(decimal: value) } == nil)
        }
    }

    @Test("pads hexadecimal numbers to the digits asked for")
    func padding() {
        #expect(written { $0.write(hexadecimal: 0xAB, digitCount: 4) } == "00ab")
        #expect(written { $0.write(hexadecimal: 0xABCDE, digitCount: 4) } == "bcde")
        #expect(written { $0.write(hexadecimal: 1, digitCount: 18) } == "000000000000000001")
    }

    @Test("reports an overflow instead of writing half")
    func overflow() {
        #expect(written(3) { $0.write("abc") } == "abc")
        #expect(written(3) { $0.write("abcd") } == nil)
        #expect(
            written(3) {
                $0.write("abcd")
                $0.write("a")
            } == nil
        )
        #expect(written(0) { $0.write(byte: 1) } == nil)
        #expect(written(0) { $0.write("") } == "")
    }

    @Test("lets another writer use the room that is left, within bounds")
    func append() {
        let text = written(4) { writer in
            writer.write("ab")
            writer.append { room in
                room[0] = UInt8(ascii: "c")
                return 1
            }
        }

        #expect(text == "abc")
        #expect(written(4) { $0.append { _ in nil } } == nil)
        #expect(written(4) { $0.append { _ in 5 } } == nil)
        #expect(written(4) { $0.append { _ in -1 } } == nil)
    }

    @Test("copies what is forwarded in runs, and leaves out every mix of dropped fields")
    func runs() {
        for mask in 0..<32 {
            let lines = (0..<5).map { index in
                mask >> index & 1 == 1 ? "TE: \(index)\r\n" : "X-\(index):  v \r\n"
            }
            let parsed = Parsed(
                request: "GET / HTTP/1.0\r\n" + lines.joined() + "\r\n"
            )
            let copied = parsed.bytes.withUnsafeBytes { bytes in
                written { writer in
                    writer.write(
                        fields: parsed.fields,
                        count: parsed.request.fieldCount,
                        from: bytes,
                        kinds: parsed.request.kinds,
                        dropping: HeaderKindSet(.te)
                    )
                }
            }
            #expect(copied == lines.filter { !$0.hasPrefix("TE") }.joined())
        }
    }

    @Test("never reads past a bad byte of a value, wherever it stands")
    func scan() {
        for count in 0..<50 {
            for position in 0..<count {
                for (bad, fault) in [
                    (UInt8(0), HTTPFault.malformedFieldValue), (0x7F, .malformedFieldValue),
                    (0x0A, .bareLineEnd), (0x1F, .malformedFieldValue),
                ] {
                    var value = [UInt8](repeating: 0xFF, count: count)
                    if position > 0 { value[position - 1] = 0x09 }
                    value[position] = bad
                    let bytes = Array("GET / HTTP/1.0\r\nX:".utf8) + value + Array("\r\n\r\n".utf8)
                    #expect(Parsed(requestBytes: bytes).fault == fault)
                }
            }
        }
    }

    @Test("takes exactly the bytes that a target and a host's name may have, wherever they stand")
    func targetAndHostScan() {
        let names = Set("-._~".utf8).union(0x30...0x39).union(0x41...0x5A).union(0x61...0x7A)
        for count in [3, 15, 16, 17, 40] {
            for position in Set([0, 1, count / 2, count - 2]) {
                for byte in UInt8.min...UInt8.max {
                    var text = [UInt8](repeating: 0x7A, count: count)
                    text[position] = byte
                    let target = Array("GET /".utf8) + text + Array(" HTTP/1.0\r\n\r\n".utf8)
                    let isTaken = byte > 0x20 && byte != 0x23 && byte != 0x7F
                    #expect(Parsed(requestBytes: target).isComplete == isTaken, "byte \(byte)")
                    guard byte != 0x3A, byte != 0x5B, byte != 0x20, byte != 0x09 else { continue }
                    let host = Array("GET / HTTP/1.1\r\nHost:".utf8) + text
                    let parsed = Parsed(requestBytes: host + Array("\r\n\r\n".utf8))
                    #expect(parsed.isComplete == names.contains(byte), "byte \(byte)")
                }
            }
        }
    }

    @Test("takes exactly the characters of RFC 9110 section 5.6.2 in a name, wherever they stand")
    func tokenScan() {
        let tokens = Set("!#$%&'*+-.^_`|~".utf8)
            .union(0x30...0x39).union(0x41...0x5A).union(0x61...0x7A)
        for count in [1, 15, 16, 17, 40] {
            for position in Set([0, count / 2, count - 1]) {
                for byte in UInt8.min...UInt8.max where byte != 0x3A {
                    var name = [UInt8](repeating: 0x7A, count: count)
                    name[position] = byte
                    let line = name + Array(": long enough for a block\r\n\r\n".utf8)
                    let parsed = Parsed(requestBytes: Array("GET / HTTP/1.0\r\n".utf8) + line)
                    #expect(parsed.isComplete == tokens.contains(byte), "byte \(byte)")
                }
            }
        }
    }

    @Test("lowers letters and escapes bytes above 0x7F, wherever they stand")
    func loweredAndEscaped() {
        for count in [1, 7, 8, 9, 17] {
            for position in 0..<count {
                for byte in UInt8.min...UInt8.max {
                    var text = [UInt8](repeating: UInt8(ascii: "Z"), count: count)
                    text[position] = byte
                    let isLetter = (0x41...0x5A).contains(byte)
                    var lowered = [UInt8](repeating: UInt8(ascii: "z"), count: count)
                    lowered[position] = isLetter ? byte | 0x20 : byte
                    let digits = String(byte, radix: 16, uppercase: true)
                    let escaped =
                        Array(text[..<position]) + (byte < 0x80 ? [byte] : Array("%\(digits)".utf8))
                        + Array(text[(position + 1)...])
                    text.withUnsafeBytes { text in
                        #expect(Self.bytes { $0.write(lowercased: text) } == lowered)
                        #expect(Self.bytes { $0.write(escapingNonASCII: text) } == escaped)
                    }
                }
            }
        }
    }

    private static func bytes(_ body: (inout HeadWriter) -> Void) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            var writer = HeadWriter(UnsafeMutableRawBufferPointer(buffer))
            body(&writer)
            count = writer.count
        }
    }
}

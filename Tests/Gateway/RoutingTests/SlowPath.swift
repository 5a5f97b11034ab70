/// What Kong does to paths, written for reading: the model that ``RequestPath`` must agree with.
enum SlowPath {
    private static let reserved = Set("!*'();:@&=+$,/?%#[]".utf8)
    private static let safe = Set(
        ("!#$&'()*+,/:;=?@[]-_.~%" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "abcdefghijklmnopqrstuvwxyz"
            + "0123456789").utf8
    )

    static func normalized(_ raw: [UInt8]) -> [UInt8]? {
        guard !raw.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "#") }) else {
            return nil
        }
        guard let decoded = Self.decoded(raw) else { return nil }
        let segments = decoded.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true)
        var kept: [[UInt8]] = []
        for segment in segments.map(Array.init) where segment != Array(".".utf8) {
            if segment == Array("..".utf8) { _ = kept.popLast() } else { kept.append(segment) }
        }
        let isFolder = ["/", "/.", "/.."].contains {
            decoded.suffix($0.utf8.count) == Array($0.utf8)[...]
        }
        let joined = kept.flatMap { [UInt8(ascii: "/")] + $0 }
        return joined + (isFolder || joined.isEmpty ? [UInt8(ascii: "/")] : [])
    }

    private static func decoded(_ raw: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = raw[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard rest.count >= 2, digits.allSatisfy(\.isHexDigit),
                let value = UInt8(digits, radix: 16), value != 0
            else { return nil }
            rest = rest.dropFirst(2)
            result +=
                Self.reserved.contains(value) ? Array("%\(digits.uppercased())".utf8) : [value]
        }
        return result
    }

    static func escaped(_ path: [UInt8]) -> [UInt8] {
        path.flatMap { byte -> [UInt8] in
            if Self.safe.contains(byte) { return [byte] }
            let digits = String(byte, radix: 16, uppercase: true)
            return Array("%\(digits.utf8.count == 1 ? "0" : "")\(digits)".utf8)
        }
    }
}

internal import MeshPrimitives

/// Kong's two rewritings of a path: before the router sees it, and before the upstream does.
///
/// Source: Kong 3.x, `kong.tools.uri` (normalize) and `kong.router.utils` (`get_upstream_uri_v0`).
public enum RequestPath {
    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// Writes the normal form of a request's path and returns its length.
    ///
    /// Every escape but those of the reserved characters ``!*'();:@&=+$,/?%#[]`` is decoded, those
    /// get upper-case digits, runs of slashes become one, `.` and `..` segments are resolved
    /// (never above the root). The result is never longer than the input (an empty path becomes
    /// `/`), so `output` may be the same memory as `raw`. It may hold any byte but NUL: write it
    /// with ``PathEscape`` only.
    ///
    /// - Parameters:
    ///   - raw: the request target up to its query; may be hostile.
    ///   - output: where to write.
    /// - Returns: the bytes written; `nil` for a path that does not start with a slash, an escape
    ///   that is not two hexadecimal digits, an escaped NUL, a bare control, space or `#`, or too
    ///   little room.
    public static func normalize(
        _ raw: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        guard output.count >= max(raw.count, 1) else { return nil }
        guard !raw.isEmpty else {
            output[0] = Self.slash
            return 1
        }
        guard raw[0] == Self.slash else { return nil }
        if Self.isNormal(raw) {
            output.copyMemory(from: raw)
            return raw.count
        }
        return Self.rewrite(raw, into: output)
    }

    private static func rewrite(
        _ raw: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        output[0] = Self.slash
        var written = 1
        var segment = 1
        var index = 1
        while index < raw.count {
            var byte = raw[index]
            index += 1
            switch byte {
            case Self.slash:
                written = Self.closeSegment(output, from: segment, to: written)
                if output[written - 1] != Self.slash {
                    output[written] = Self.slash
                    written += 1
                }
                segment = written
                continue
            case UInt8(ascii: "%"):
                guard let value = Self.escapedByte(raw, at: index), value != 0 else { return nil }
                index += 2
                if Self.isReserved(value) {
                    output[written] = UInt8(ascii: "%")
                    output[written + 1] = PathEscape.digit(value >> 4)
                    output[written + 2] = PathEscape.digit(value & 15)
                    written += 3
                    continue
                }
                byte = value
            case 0...0x20, 0x7F, UInt8(ascii: "#"):
                return nil
            default:
                break
            }
            output[written] = byte
            written += 1
        }
        return Self.closeSegment(output, from: segment, to: written)
    }

    /// Writes the path that the upstream gets and returns its length; the caller adds the query.
    ///
    /// What ``normalize(_:into:)`` decoded is escaped again where a request line needs it.
    ///
    /// Stripping works by bytes, not by segments, as in Kong: `/routereq` on route `/route` leaves
    /// `req`. A dot segment that only the strip uncovered is dropped, so that nobody climbs out of
    /// the service's path.
    ///
    /// - Parameters:
    ///   - servicePath: the service's path, already escaped; empty means `/`.
    ///   - path: the normalized path of the request.
    ///   - matched: ``RouteMatch/prefixLength``.
    ///   - strip: the route's `strip_path`.
    ///   - output: where to write; must not overlap the inputs.
    /// - Returns: the bytes written; `nil` when there is too little room.
    public static func writeUpstream(
        servicePath: UnsafeRawBufferPointer,
        path: UnsafeRawBufferPointer,
        matched: Int,
        strip: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        // The base without its last slash is what both parts have in common in all eight cases.
        let endsInSlash = servicePath.isEmpty || servicePath[servicePath.count - 1] == Self.slash
        let baseCount = servicePath.isEmpty ? 0 : servicePath.count - (endsInSlash ? 1 : 0)
        let base = UnsafeRawBufferPointer(rebasing: servicePath[0..<baseCount])
        let pathEndsInSlash = !path.isEmpty && path[path.count - 1] == Self.slash

        let first = strip ? Self.postfixStart(path, matched: matched) : 0
        let rest = UnsafeRawBufferPointer(rebasing: path[first..<path.count])
        if strip ? rest.isEmpty : (!endsInSlash && rest.count == 1 && rest[0] == Self.slash) {
            let wantsSlash = strip && pathEndsInSlash && (endsInSlash || path.count > 1)
            return Self.write(base, slash: wantsSlash || base.isEmpty, rest: nil, into: output)
        }
        let needsSlash = strip && rest[0] != Self.slash
        return Self.write(base, slash: needsSlash, rest: rest, into: output)
    }

    /// Where the part of the path that a strip leaves begins.
    private static func postfixStart(_ path: UnsafeRawBufferPointer, matched: Int) -> Int {
        let start = min(max(matched, 1), path.count)
        guard start < path.count, path[start] == Self.dot else { return start }
        var dots = 1
        if start + 1 < path.count, path[start + 1] == Self.dot { dots = 2 }
        let after = start + dots
        if after == path.count { return after }
        return path[after] == Self.slash ? after + 1 : start
    }

    private static func write(
        _ base: UnsafeRawBufferPointer,
        slash: Bool,
        rest: UnsafeRawBufferPointer?,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var written = base.count
        guard written + (slash ? 1 : 0) <= output.count else { return nil }
        output.copyMemory(from: base)
        if slash {
            output[written] = Self.slash
            written += 1
        }
        guard let rest else { return written }
        let room = UnsafeMutableRawBufferPointer(rebasing: output[written...])
        guard let count = PathEscape.write(rest, into: room) else { return nil }
        return written + count
    }

    /// Whether there is nothing to decode, merge, resolve or refuse; eight bytes at a time.
    ///
    /// May say no for a path that is normal (`/.well-known`), never yes for one that is not.
    private static func isNormal(_ raw: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        var slashBefore: UInt64 = 0
        while index + 8 <= raw.count {
            let word = UInt64(
                littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            )
            let slashes = Self.places(of: Self.slash, in: word)
            let suspects = slashes | Self.places(of: Self.dot, in: word)
            // The top bit of bytes up to the space, and perhaps of bytes above such a one.
            let controls =
                (word &- 0x2121_2121_2121_2121) & ~word & 0x8080_8080_8080_8080
            let refused =
                Self.places(of: UInt8(ascii: "%"), in: word)
                | Self.places(of: UInt8(ascii: "#"), in: word)
                | Self.places(of: 0x7F, in: word) | controls
            guard refused | ((slashes << 8 | slashBefore) & suspects) == 0 else { return false }
            slashBefore = slashes >> 56
            index += 8
        }
        var isAfterSlash = slashBefore != 0
        while index < raw.count {
            switch raw[index] {
            case UInt8(ascii: "%"), UInt8(ascii: "#"), 0...0x20, 0x7F: return false
            case Self.slash:
                if isAfterSlash { return false }
                isAfterSlash = true
            case Self.dot where isAfterSlash: return false
            default: isAfterSlash = false
            }
            index += 1
        }
        return true
    }

    /// The top bit of every byte of `word` that equals `byte`.
    @inline(__always)
    private static func places(of byte: UInt8, in word: UInt64) -> UInt64 {
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let difference = word ^ (UInt64(byte) &* 0x0101_0101_0101_0101)
        return ~(((difference & low) &+ low) | difference | low)
    }

    /// Drops a segment that is `.`, or `..` with the segment before it; returns the new length.
    private static func closeSegment(
        _ output: UnsafeMutableRawBufferPointer,
        from segment: Int,
        to written: Int
    ) -> Int {
        let count = written - segment
        guard count == 1 || count == 2, output[segment] == Self.dot else { return written }
        guard count == 2 else { return segment }
        guard output[segment + 1] == Self.dot else { return written }
        var end = segment - 1
        while end > 0, output[end - 1] != Self.slash { end -= 1 }
        return max(end, 1)
    }

    private static func escapedByte(_ raw: UnsafeRawBufferPointer, at index: Int) -> UInt8? {
        guard index + 1 < raw.count else { return nil }
        guard let high = Self.nibble(raw[index]), let low = Self.nibble(raw[index + 1]) else {
            return nil
        }
        return high << 4 | low
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Whether an escape of this byte means something else than the byte itself, as Kong decides;
    /// RFC 3986 section 2.2 and the `%`.
    private static func isReserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: ","), UInt8(ascii: "/"),
            UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "?"),
            UInt8(ascii: "@"), UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default: false
        }
    }
}

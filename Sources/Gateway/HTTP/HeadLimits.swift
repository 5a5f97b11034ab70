/// How large a head may be.
public struct HeadLimits: Equatable, Sendable {
    /// Longest request or status line without its CRLF.
    ///
    /// Default 16 KiB, as HAProxy; 1 to 60 KiB. Longer request lines are answered 414.
    public var startLineByteCount = 16_384

    /// Longest whole head, start line and empty line included.
    ///
    /// Default 60 KiB, as Envoy; at most 65,535 bytes, since fields keep 16-bit offsets. Longer
    /// request heads are answered 431.
    public var headByteCount = 61_440

    /// Most fields in one head.
    ///
    /// Default 200. More are answered 431.
    public var fieldCount = 200

    /// Creates the defaults.
    public init() {}

    /// ``headByteCount``, kept inside what the offsets can say.
    var effectiveHeadByteCount: Int { min(self.headByteCount, Int(UInt16.max)) }
}

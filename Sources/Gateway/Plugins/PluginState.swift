import MeshHTTP

/// What plugins remember of one request until its response; 136 bytes, kept by the data plane.
public struct PluginState: Sendable {
    /// Longest correlation value that is echoed to the client; longer ones are forwarded only.
    static let correlationByteCount = 128

    private var storage: InlineArray<128, UInt8>
    private var count: UInt8

    /// Creates the state of a request that no plugin has seen.
    public init() {
        self.storage = InlineArray(repeating: 0)
        self.count = 0
    }

    /// Keeps a correlation value.
    mutating func keep(_ value: UnsafeRawBufferPointer) {
        guard value.count <= Self.correlationByteCount else { return }
        for index in 0..<value.count { self.storage[index] = value[index] }
        self.count = UInt8(value.count)
    }

    var hasCorrelation: Bool { self.count > 0 }

    func writeCorrelation(into writer: inout HeadWriter) {
        for index in 0..<Int(self.count) { writer.write(byte: self.storage[index]) }
    }
}

/// Cuts server-sent events out of bytes as they arrive; comments and retry hints are dropped.
///
/// Source: the HTML standard, section 9.2.6, "Interpreting an event stream".
public struct EventStreamParser: Sendable {
    /// The longest line that is kept, 1 MiB; a longer one is an error of the sender.
    public static let maximumLineByteCount = 1 << 20

    /// A line was longer than ``maximumLineByteCount``.
    public struct LineTooLong: Error, Equatable, Sendable {}

    private var line: [UInt8] = []
    private var payload: [String] = []

    /// Creates a parser at the start of a stream.
    public init() {}

    /// Takes in bytes and returns the `data` of every event that they complete.
    ///
    /// - Throws: ``LineTooLong``; the stream cannot be read further then.
    public mutating func receive(_ bytes: some Sequence<UInt8>) throws(LineTooLong) -> [String] {
        var events: [String] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                guard self.line.count < Self.maximumLineByteCount else { throw LineTooLong() }
                self.line.append(byte)
                continue
            }
            if self.line.last == UInt8(ascii: "\r") { self.line.removeLast() }
            if let event = self.endLine() { events.append(event) }
            self.line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func endLine() -> String? {
        if self.line.isEmpty {
            defer { self.payload = [] }
            return self.payload.isEmpty ? nil : self.payload.joined(separator: "\n")
        }
        let text = String(decoding: self.line, as: UTF8.self)
        if text.hasPrefix("data:") {
            let value = text.dropFirst(5)
            self.payload.append(String(value.hasPrefix(" ") ? value.dropFirst() : value))
        }
        return nil
    }
}

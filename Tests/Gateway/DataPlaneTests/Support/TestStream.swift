import Synchronization

/// Bytes that were read too early and wait for the next read.
final class KeptBytes: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func take(_ limit: Int) -> [UInt8] {
        self.bytes.withLock { bytes in
            let taken = Array(bytes.prefix(limit))
            bytes.removeFirst(taken.count)
            return taken
        }
    }

    func giveBack(_ more: [UInt8]) { self.bytes.withLock { $0 = more + $0 } }
}

/// A blocking connection of a test, plain or TLS.
protocol TestStream: AnyObject, Sendable {
    var kept: KeptBytes { get }

    /// Sends everything; `false` when the peer is gone.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool

    /// Reads some bytes; `nil` at the end, after the deadline, or when broken.
    func readMore(limit: Int) -> [UInt8]?
}

extension TestStream {
    /// Sends everything; `false` when the peer is gone.
    @discardableResult
    func send(_ text: String) -> Bool { self.send(Array(text.utf8)) }

    /// Reads some bytes more; `nil` at the end, after the deadline, or when broken.
    func receive(limit: Int = 65_536) -> [UInt8]? {
        let kept = self.kept.take(limit)
        return kept.isEmpty ? self.readMore(limit: limit) : kept
    }

    /// Reads exactly so many bytes; `nil` when they do not come.
    func receive(exactly count: Int) -> [UInt8]? {
        var result: [UInt8] = []
        while result.count < count {
            guard let more = self.receive(limit: count - result.count) else { return nil }
            result += more
        }
        return result
    }

    /// Reads through the first `mark`; `nil` when it does not come.
    func receive(through mark: String) -> String? {
        var result: [UInt8] = []
        let wanted = Array(mark.utf8)
        while let more = self.receive(limit: 4_096) {
            result += more
            guard let end = Self.end(of: wanted, in: result) else { continue }
            self.kept.giveBack(Array(result[end...]))
            return String(decoding: result[..<end], as: UTF8.self)
        }
        return nil
    }

    /// Reads to the end of the connection.
    func receiveAll() -> [UInt8] {
        var result: [UInt8] = []
        while let more = self.receive() { result += more }
        return result
    }

    private static func end(of mark: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= mark.count else { return nil }
        for start in 0...(bytes.count - mark.count)
        where bytes[start] == mark[0] && bytes[start..<(start + mark.count)].elementsEqual(mark) {
            return start + mark.count
        }
        return nil
    }
}

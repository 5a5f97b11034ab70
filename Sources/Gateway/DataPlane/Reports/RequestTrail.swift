internal import CMeshSystem
internal import MeshHTTP
internal import Synchronization

/// The newest requests of one worker, each written over the oldest.
///
/// The worker never waits: what it cannot write at once, since somebody reads just then, is left out. A
/// reader holds it up for a few records at a time.
final class RequestTrail: Sendable {
    /// Bytes of one record.
    static let slotByteCount = 768
    /// Records that a reader copies at one time.
    private static let copyCount = 8

    /// Texts of a record.
    private static let textCount = 9
    /// Bytes for the names of plugins that changed something.
    static let changedByByteCount = 96
    /// Bytes of a correlation id that are kept.
    private static let correlationByteCount = 64

    private struct Record {
        var requestID: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        var milliseconds: UInt64 = 0
        var requestMicroseconds: UInt64 = 0
        var upstreamMicroseconds: Int64 = -1
        var received: UInt64 = 0
        var returned: UInt64 = 0
        var tries: UInt32 = 0
        var status: UInt16 = 0
        var cause: UInt8 = 0
        var isCut = false
        var counts = SIMD16<UInt16>(repeating: 0)
    }

    private static let textStart = MemoryLayout<Record>.stride

    /// Records that are kept.
    let capacity: Int
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    /// How many records were ever written; guards the memory.
    private let written = Mutex<UInt64>(0)

    /// - Parameter capacity: records that are kept; above 0.
    init(capacity: Int) {
        self.capacity = capacity
        // The system gives pages when they are first written to.
        self.base = .allocate(byteCount: capacity * Self.slotByteCount, alignment: 64)
    }

    deinit { self.base.deallocate() }

    /// Remembers a finished request; worker thread only.
    ///
    /// - Parameters:
    ///   - entry: as the access log tells it.
    ///   - failure: why it failed, if it did.
    ///   - plugins: what plugins had to do with it.
    @inline(__always)
    func append(_ entry: AccessLogEntry, _ failure: ProxyFailure, _ plugins: Plugins) {
        _ = self.written.withLockIfAvailable { written in
            let slot =
                self.base + Int(written % UInt64(self.capacity)) * Self.slotByteCount
            Self.write(entry, failure, plugins, to: slot)
            written += 1
        }
    }

    /// What plugins had to do with a request.
    struct Plugins {
        /// Who answered in place of a target; empty for nobody.
        let answering: UnsafeRawBufferPointer
        /// Who changed the request or its answer, between commas.
        let changing: UnsafeRawBufferPointer
        /// The value that `correlation-id` found or made.
        let correlation: UnsafeRawBufferPointer

        /// Nothing.
        static var none: Plugins {
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            return Plugins(answering: nothing, changing: nothing, correlation: nothing)
        }
    }

    /// As much of a correlation id as is kept.
    static func kept(correlation: String) -> String {
        String(decoding: correlation.utf8.prefix(Self.correlationByteCount), as: UTF8.self)
    }

    private static func write(
        _ entry: AccessLogEntry,
        _ failure: ProxyFailure,
        _ plugins: Plugins,
        to slot: UnsafeMutableRawPointer
    ) {
        var record = Record()
        if entry.requestID.count == 32, let id = entry.requestID.baseAddress {
            withUnsafeMutableBytes(of: &record.requestID) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: id, count: 32))
            }
        }
        record.milliseconds = entry.milliseconds
        record.requestMicroseconds = entry.requestMicroseconds
        record.upstreamMicroseconds = entry.upstreamMicroseconds.map { Int64(clamping: $0) } ?? -1
        record.received = entry.requestByteCount
        record.returned = entry.responseByteCount
        record.tries = UInt32(clamping: entry.tries)
        record.status = entry.status
        record.cause = failure.cause.rawValue
        record.isCut = entry.cut != nil
        var offset = Self.textStart
        record.counts[0] = Self.put(entry.routeMembers, 160, slot, &offset)
        record.counts[1] = Self.put(entry.upstreamMember, 72, slot, &offset)
        record.counts[2] = Self.put(plugins.answering, 32, slot, &offset)
        record.counts[3] = Self.put(plugins.correlation, Self.correlationByteCount, slot, &offset)
        record.counts[4] = Self.put(entry.method, 16, slot, &offset)
        record.counts[5] = Self.put(entry.client, 46, slot, &offset)
        record.counts[6] = Self.put(entry.host, 64, slot, &offset)
        record.counts[7] = Self.put(plugins.changing, Self.changedByByteCount, slot, &offset)
        record.counts[8] = Self.put(Self.path(of: entry.target), 512, slot, &offset)
        slot.storeBytes(of: record, as: Record.self)
    }

    /// Writes a text behind the ones before, cut to its limit and to what room is left.
    @inline(__always)
    private static func put(
        _ text: UnsafeRawBufferPointer,
        _ limit: Int,
        _ slot: UnsafeMutableRawPointer,
        _ offset: inout Int
    ) -> UInt16 {
        let count = min(text.count, limit, Self.slotByteCount - offset)
        guard count > 0, let start = text.baseAddress else { return 0 }
        mesh_copy_short(slot + offset, start, count)
        offset += count
        return UInt16(truncatingIfNeeded: count)
    }

    /// A target without its query, and without scheme and authority: either may hold credentials.
    private static func path(of target: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var end = mesh_find_byte(target.baseAddress, 0, target.count, 0x3F)
        end = mesh_find_byte(target.baseAddress, 0, end, 0x23)
        let path = target.prefix(end)
        guard path.first != 0x2F, let scheme = path.firstIndex(of: 0x3A) else {
            return UnsafeRawBufferPointer(rebasing: path)
        }
        let authority = path[scheme...].dropFirst().drop { $0 == 0x2F }
        return UnsafeRawBufferPointer(rebasing: authority.drop { $0 != 0x2F })
    }

    /// The numbers of the oldest record that is kept and of the next one.
    var window: Range<UInt64> {
        let next = self.written.withLock { $0 }
        return (next - min(next, UInt64(self.capacity)))..<next
    }

    /// Hands over records from a number on, the oldest first, until `take` returns `false`.
    ///
    /// - Returns: how many had been written over before they could be read.
    func read(from first: UInt64, _ take: (RecentRequest) -> Bool) -> UInt64 {
        var next = first
        var lost: UInt64 = 0
        let copy = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.copyCount * Self.slotByteCount,
            alignment: 64
        )
        defer { copy.deallocate() }
        while true {
            let count = self.copy(from: &next, &lost, to: copy)
            guard count > 0, let start = copy.baseAddress else { return lost }
            for index in 0..<count {
                guard take(Self.decode(start + index * Self.slotByteCount)) else { return lost }
            }
        }
    }

    private func copy(
        from next: inout UInt64,
        _ lost: inout UInt64,
        to copy: UnsafeMutableRawBufferPointer
    ) -> Int {
        self.written.withLock { written in
            let oldest = written - min(written, UInt64(self.capacity))
            lost += oldest - min(oldest, next)
            next = max(next, oldest)
            let count = Int(min(written - min(written, next), UInt64(Self.copyCount)))
            for index in 0..<count {
                let slot = Int((next + UInt64(index)) % UInt64(self.capacity))
                copy.baseAddress.map {
                    ($0 + index * Self.slotByteCount).copyMemory(
                        from: self.base + slot * Self.slotByteCount,
                        byteCount: Self.slotByteCount
                    )
                }
            }
            next += UInt64(count)
            return count
        }
    }

    private static func decode(_ slot: UnsafeMutableRawPointer) -> RecentRequest {
        let record = slot.load(as: Record.self)
        var texts: [String] = []
        var offset = Self.textStart
        for place in 0..<Self.textCount {
            let count = Int(record.counts[place])
            let bytes = UnsafeRawBufferPointer(start: slot + offset, count: count)
            texts.append(String(decoding: bytes, as: UTF8.self))
            offset += count
        }
        var request = RecentRequest()
        request.id = withUnsafeBytes(of: record.requestID) { String(decoding: $0, as: UTF8.self) }
        request.milliseconds = record.milliseconds
        request.requestMicroseconds = record.requestMicroseconds
        request.upstreamMicroseconds =
            record.upstreamMicroseconds < 0 ? nil : UInt64(record.upstreamMicroseconds)
        request.received = record.received
        request.returned = record.returned
        request.attempts = Int(record.tries)
        request.status = Int(record.status)
        let failure = ProxyFailure(cause: ProxyFailure.Cause(rawValue: record.cause) ?? .none)
        if failure != .none {
            request.failure = ("\(failure.ownerName)", "\(failure.causeName)")
        }
        request.isCut = record.isCut
        (request.routeMembers, request.upstreamMember) = (texts[0], texts[1])
        (request.plugin, request.correlation) = (texts[2], texts[3])
        (request.method, request.client) = (texts[4], texts[5])
        (request.host, request.path) = (texts[6], texts[8])
        request.changedBy = texts[7].split(separator: ",").map(String.init)
        return request
    }
}

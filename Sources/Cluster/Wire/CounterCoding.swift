import MeshCounters
import MeshPrimitives

extension ByteWriter {
    /// Writes a report record's content: the earliest end 4, then per window key 8 and varints: its end
    /// above the earliest, own count, what is known above that.
    mutating func write(_ report: CounterReport) {
        let entries = report.entries.prefix(MeshCounters.messageLimit)
        let base = entries.map(\.window.end).min() ?? 0
        self.write(base)
        for entry in entries {
            self.write(entry.window.key)
            self.write(varint: UInt64(entry.window.end - base))
            self.write(varint: UInt64(entry.own))
            self.write(varint: UInt64(max(entry.known, entry.own) - entry.own))
        }
    }

    /// Writes a totals record's content: the earliest end 4, then per window key 8 and varints: its end
    /// above the earliest, what is included, the sum above that, the floor above the sum, who counts.
    mutating func write(_ totals: CounterTotals) {
        let entries = totals.entries.prefix(MeshCounters.messageLimit)
        let base = entries.map(\.window.end).min() ?? 0
        self.write(base)
        for entry in entries {
            let total = max(entry.total, entry.included)
            self.write(entry.window.key)
            self.write(varint: UInt64(entry.window.end - base))
            self.write(varint: UInt64(entry.included))
            self.write(varint: UInt64(total - entry.included))
            self.write(varint: UInt64(max(entry.floor, total) - total))
            self.write(varint: UInt64(entry.sharers))
        }
    }
}

extension WireReader {
    /// Reads a report record; every number comes out within its range.
    mutating func readCounterReport() throws(WireError) -> CounterReport {
        let base: UInt32 = try self.read()
        var entries: [CounterReport.Entry] = []
        while self.remaining > 0 {
            guard entries.count < MeshCounters.messageLimit else { throw .malformed }
            let window = try self.readCounterWindow(base)
            let own = try self.readCount(above: 0)
            let known = try self.readCount(above: own)
            entries.append(CounterReport.Entry(window: window, own: own, known: known))
        }
        return CounterReport(entries: entries)
    }

    /// Reads a totals record; every number comes out within its range.
    mutating func readCounterTotals() throws(WireError) -> CounterTotals {
        let base: UInt32 = try self.read()
        var entries: [CounterTotals.Entry] = []
        while self.remaining > 0 {
            guard entries.count < MeshCounters.messageLimit else { throw .malformed }
            let window = try self.readCounterWindow(base)
            let included = try self.readCount(above: 0)
            let total = try self.readCount(above: included)
            let floor = try self.readCount(above: total)
            entries.append(
                CounterTotals.Entry(
                    window: window,
                    total: total,
                    included: included,
                    floor: floor,
                    sharers: UInt16(clamping: try self.readVarint())
                )
            )
        }
        return CounterTotals(entries: entries)
    }

    private mutating func readCounterWindow(_ base: UInt32) throws(WireError) -> CounterWindow {
        CounterWindow(key: try self.read(), end: try self.readCount(above: base))
    }

    private mutating func readCount(above base: UInt32) throws(WireError) -> UInt32 {
        let more = UInt32(clamping: try self.readVarint())
        let (sum, isTooLarge) = base.addingReportingOverflow(more)
        return isTooLarge ? .max : sum
    }
}

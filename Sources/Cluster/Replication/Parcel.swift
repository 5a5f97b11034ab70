/// What goes into one datagram, counted to the byte.
struct Parcel: Equatable, Sendable {
    /// Whole records.
    private(set) var records: [Record] = []
    /// Records that fit no datagram, by name: receivers pull them over a stream.
    private(set) var offers: [RecordSummary] = []
    /// Bytes left.
    private(set) var room: Int
    private let byteCount: Int

    /// Creates an empty parcel.
    init(byteCount: Int) {
        self.byteCount = byteCount
        self.room = byteCount
    }

    /// Whether there is nothing to send.
    var isEmpty: Bool { self.records.isEmpty && self.offers.isEmpty }

    /// Adds a record, or its summary when an empty parcel could not hold it.
    ///
    /// - Parameters:
    ///   - entry: what to add.
    ///   - reserve: bytes to leave free for others.
    /// - Returns: whether it fit.
    mutating func add(_ entry: RecordTable.Entry, leaving reserve: Int = 0) -> Bool {
        let size = entry.record.wireByteCount
        if size <= self.byteCount {
            guard size <= self.room - reserve else { return false }
            self.room -= size
            self.records.append(entry.record)
            return true
        }
        let summary = entry.summary
        guard summary.wireByteCount <= self.room - reserve else { return false }
        self.room -= summary.wireByteCount
        self.offers.append(summary)
        return true
    }

    /// The message that carries it.
    func message(relays: UInt8 = 0) -> ReplicationMessage {
        .push(records: self.records, offers: self.offers, relays: relays)
    }

    /// Fills as many parcels as the entries need, in order.
    static func fill(_ entries: [RecordTable.Entry], byteCount: Int) -> [Parcel] {
        var parcels: [Parcel] = []
        var open = Parcel(byteCount: byteCount)
        for entry in entries where !open.add(entry) {
            parcels.append(open)
            open = Parcel(byteCount: byteCount)
            _ = open.add(entry)
        }
        if !open.isEmpty { parcels.append(open) }
        return parcels
    }
}

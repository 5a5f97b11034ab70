/// The SRV records of a DNS message (RFC 1035 section 4.1, RFC 2782).
///
/// Reads what a name server, or somebody in its name, has sent: every length is checked, names are
/// followed through at most ``jumpLimit`` pointers, and records after the first ``recordLimit`` are
/// left out.
struct ServiceAnswer: Equatable {
    /// One record.
    struct Record: Equatable {
        let priority: UInt16
        let weight: UInt16
        let port: UInt16
        /// In lower case, without a dot at its end; empty when there is no such service.
        let target: String
        /// Seconds.
        let timeToLive: UInt32
    }

    /// Most records that are read: 64.
    static let recordLimit = 64
    private static let jumpLimit = 32
    private static let serviceType: UInt16 = 33
    private static let internet: UInt16 = 1

    /// In the order they came.
    private(set) var records: [Record] = []

    /// Reads a message; what is behind a fault is left out.
    init(_ message: [UInt8]) {
        var reader = MessageReader(bytes: message)
        reader.position = 4
        guard let questions = reader.number(), let answers = reader.number() else { return }
        reader.position = 12
        for _ in 0..<questions {
            guard reader.name() != nil, reader.skip(4) else { return }
        }
        for _ in 0..<answers where self.records.count < Self.recordLimit {
            guard reader.name() != nil, let type = reader.number(), let family = reader.number(),
                let high = reader.number(), let low = reader.number(),
                let length = reader.number()
            else { return }
            let end = reader.position + Int(length)
            if type == Self.serviceType, family == Self.internet {
                guard let priority = reader.number(), let weight = reader.number(),
                    let port = reader.number(), let target = reader.name()
                else { return }
                self.records.append(
                    Record(
                        priority: priority,
                        weight: weight,
                        port: port,
                        target: target.lowercased(),
                        timeToLive: UInt32(high) << 16 | UInt32(low)
                    )
                )
            }
            reader.position = end
        }
    }

    /// The records of the lowest priority that name a host.
    var preferred: [Record] {
        let usable = self.records.filter { !$0.target.isEmpty }
        let best = usable.map(\.priority).min()
        return usable.filter { $0.priority == best }
    }

    /// Walks over a message.
    private struct MessageReader {
        let bytes: [UInt8]
        var position = 0

        mutating func number() -> UInt16? {
            guard self.position + 2 <= self.bytes.count else { return nil }
            defer { self.position += 2 }
            return UInt16(self.bytes[self.position]) << 8 | UInt16(self.bytes[self.position + 1])
        }

        mutating func skip(_ count: Int) -> Bool {
            self.position += count
            return self.position <= self.bytes.count
        }

        /// Reads a name, compressed or not, and moves behind it.
        mutating func name() -> String? {
            var labels: [String] = []
            var place = self.position
            var end: Int?
            var jumps = 0
            while true {
                guard place < self.bytes.count else { return nil }
                let length = Int(self.bytes[place])
                switch length >> 6 {
                case 0 where length == 0:
                    self.position = end ?? place + 1
                    return labels.joined(separator: ".")
                case 0:
                    guard place + 1 + length <= self.bytes.count, labels.count < 128 else {
                        return nil
                    }
                    let label = self.bytes[place + 1..<place + 1 + length]
                    guard label.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2E }) else {
                        return nil
                    }
                    labels.append(String(decoding: label, as: UTF8.self))
                    place += 1 + length
                case 3:
                    guard place + 1 < self.bytes.count, jumps < ServiceAnswer.jumpLimit else {
                        return nil
                    }
                    jumps += 1
                    end = end ?? place + 2
                    place = (length & 0x3F) << 8 | Int(self.bytes[place + 1])
                default: return nil
                }
            }
        }
    }
}

import MeshObservations
import MeshPrimitives

/// The first byte of an observation.
private enum ObservationCode: UInt8 {
    case state = 1
    case load = 2
    case abstaining = 3
    case vote = 4
    case regionVote = 5
    case regions = 6
    case returns = 7
    case coordinate = 8
}

extension ByteWriter {
    /// Writes an observation record's content: flags 1, digest and wishes with 16-bit counts, then
    /// the runs as inner records.
    mutating func write(_ message: ObservationMessage) {
        self.append(message.flags.rawValue)
        self.write(message.digest)
        self.write(message.wants)
        for delta in message.deltas {
            self.writeItem { $0.write(delta) }
        }
    }

    private mutating func write(_ digest: [ObservationDigest]) {
        let entries = digest.prefix(ObservationMessage.listLimit)
        self.write(UInt16(clamping: entries.count))
        for entry in entries {
            self.write(entry.owner)
            self.write(varint: entry.version.boot)
            self.write(varint: entry.version.sequence)
        }
    }

    /// Writes owner 16, start, base, head above the base, newest above the head, then entries of
    /// kind 1, length 2, number and content.
    private mutating func write(_ delta: ObservationDelta) {
        self.write(delta.owner)
        self.write(varint: delta.boot)
        self.write(varint: delta.base)
        self.write(varint: delta.head - delta.base)
        self.write(varint: delta.newest - delta.head)
        for entry in delta.entries {
            var content = ByteWriter(capacity: 32)
            content.write(varint: entry.sequence)
            content.write(entry.observation)
            self.append(entry.observation.code)
            self.write(UInt16(clamping: content.bytes.count))
            self.append(contentsOf: content.bytes)
        }
    }

    private mutating func write(_ observation: Observation) {
        switch observation {
        case .state(let state): self.write(state)
        case .load(let load):
            self.write(load.permille)
            self.append(UInt8(truncatingIfNeeded: load.inFlight >> 16))
            self.write(UInt16(truncatingIfNeeded: load.inFlight))
        case .abstaining(let isAbstaining): self.append(isAbstaining ? 1 : 0)
        case .vote(let target, let vote):
            self.write(target.rawValue)
            self.append(vote == nil ? 0 : 1)
            guard let vote else { return }
            self.append(vote.stance.rawValue | (vote.isChecker ? 0x80 : 0))
            self.append(vote.reason)
            self.write(vote.successes)
            self.write(vote.failures)
        case .regionVote(let target, let vote):
            self.write(target.rawValue)
            self.append(vote == nil ? 0 : 1)
            guard let vote else { return }
            self.write(vote.against)
            self.append(vote.stance.rawValue)
            self.append(vote.reason)
        case .regions(let regions):
            self.append(UInt8(clamping: regions.count))
            for summary in regions.prefix(Int(UInt8.max)) { self.write(summary) }
        case .returns(let returns):
            self.append(UInt8(clamping: returns.count))
            for one in returns.prefix(Int(UInt8.max)) {
                self.write(one.number)
                self.write(one.start)
            }
        case .coordinate(let coordinate):
            for number in coordinate.place + [coordinate.height, coordinate.error] {
                self.write(number.bitPattern)
            }
        case .unknown(let word): self.append(contentsOf: word.content)
        }
    }

    private mutating func write(_ state: NodeState) {
        // Reserved: the mode is in the member's record, which it signs.
        self.append(0)
        self.write(varint: state.generation)
        self.write(state.configurationHash)
        self.write(state.configurationSince)
        self.write(varint: state.durableGeneration)
        self.write(state.startedAt)
        self.write(state.rejection)
        self.write(state.adminAddress)
    }

    private mutating func write(_ summary: RegionSummary) {
        self.write(summary.observer)
        self.write(summary.region)
        self.write(UInt16(clamping: summary.members))
        self.write(UInt16(clamping: summary.alive))
    }

    /// Writes a number, seven bits a byte, the lowest first; all but the last byte have the top bit.
    mutating func write(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.append(UInt8(truncatingIfNeeded: rest))
    }
}

extension WireReader {
    /// Reads an observation record; every value comes out within its range.
    mutating func readObservations() throws(WireError) -> ObservationMessage {
        var message = ObservationMessage()
        message.flags = ObservationMessage.Flags(rawValue: try self.read())
        message.digest = try self.readDigestEntries()
        message.wants = try self.readDigestEntries()
        message.deltas = try self.readItems { reader throws(WireError) in
            try reader.readDelta()
        }
        return message
    }

    private mutating func readDigestEntries() throws(WireError) -> [ObservationDigest] {
        let count: UInt16 = try self.read()
        guard count <= ObservationMessage.listLimit else { throw .malformed }
        var entries: [ObservationDigest] = []
        for _ in 0..<count {
            entries.append(
                ObservationDigest(
                    owner: try self.readNodeID(),
                    version: ObservationVersion(
                        boot: try self.readVarint(),
                        sequence: try self.readVarint()
                    )
                )
            )
        }
        return entries
    }

    private mutating func readDelta() throws(WireError) -> ObservationDelta {
        let owner = try self.readNodeID()
        let boot = try self.readVarint()
        let base = min(try self.readVarint(), ObservationVersion.limit)
        let head = min(base + min(try self.readVarint(), ObservationVersion.limit), .max / 4)
        let newest = head + min(try self.readVarint(), ObservationVersion.limit)
        var entries: [ObservationDelta.Entry] = []
        while self.remaining > 0 {
            let kind: UInt8 = try self.read()
            let count: UInt16 = try self.read()
            var content = WireReader(try self.read(count: Int(count)))
            let sequence = try content.readVarint()
            guard let observation = try content.readObservation(kind) else { continue }
            entries.append(.init(sequence: sequence, observation: observation))
        }
        return ObservationDelta(
            owner: owner,
            boot: boot,
            base: base,
            head: head,
            newest: newest,
            entries: entries
        )
    }

    /// Reads one observation; `nil` when a kind that is known uses a word that is newer than this software.
    private mutating func readObservation(
        _ kind: UInt8
    ) throws(WireError) -> Observation? {
        guard let code = ObservationCode(rawValue: kind) else {
            let content = Array(try self.read(count: self.remaining))
            return UnknownObservation(kind: kind, content: content).map { .unknown($0) }
        }
        switch code {
        case .state: return .state(try self.readNodeState())
        case .load:
            let permille: UInt16 = try self.read()
            let high: UInt8 = try self.read()
            let low: UInt16 = try self.read()
            return .load(NodeLoad(permille: permille, inFlight: Int(high) << 16 | Int(low)))
        case .abstaining: return .abstaining(try self.read(UInt8.self) == 1)
        case .vote:
            let target = TargetID(rawValue: try self.read())
            guard try self.read(UInt8.self) == 1 else { return .vote(target, nil) }
            return try self.readVote().map { .vote(target, $0) }
        case .regionVote:
            let target = TargetID(rawValue: try self.read())
            guard try self.read(UInt8.self) == 1 else { return .regionVote(target, nil) }
            let against: UInt16 = try self.read()
            let stance = TargetVote.Stance(rawValue: try self.read())
            let reason: UInt8 = try self.read()
            return stance.map {
                .regionVote(target, RegionVote(against: against, stance: $0, reason: reason))
            }
        case .regions: return .regions(try self.readRegions())
        case .returns: return .returns(try self.readReturns())
        case .coordinate: return try self.readCoordinate().map { .coordinate($0) }
        }
    }

    /// Reads a place; `nil` for numbers that are none.
    private mutating func readCoordinate() throws(WireError) -> NetworkCoordinate? {
        var numbers: [Float] = []
        for _ in 0..<(NetworkCoordinate.dimensions + 2) {
            numbers.append(Float(bitPattern: try self.read()))
        }
        return NetworkCoordinate(
            place: Array(numbers.prefix(NetworkCoordinate.dimensions)),
            height: numbers[NetworkCoordinate.dimensions],
            error: numbers[NetworkCoordinate.dimensions + 1]
        )
    }

    private mutating func readVote() throws(WireError) -> TargetVote? {
        let flags: UInt8 = try self.read()
        let reason: UInt8 = try self.read()
        let successes: UInt16 = try self.read()
        let failures: UInt16 = try self.read()
        return TargetVote.Stance(rawValue: flags & 0x7F).map {
            TargetVote(
                stance: $0,
                reason: reason,
                isChecker: flags & 0x80 != 0,
                successes: successes,
                failures: failures
            )
        }
    }

    private mutating func readNodeState() throws(WireError) -> NodeState {
        _ = try self.read(UInt8.self)
        var state = NodeState()
        state.generation = try self.readVarint()
        state.configurationHash = try self.readHash()
        state.configurationSince = try self.read()
        state.durableGeneration = try self.readVarint()
        state.startedAt = try self.read()
        state.rejection = try self.readString()
        state.adminAddress = try self.readString()
        return state
    }

    private mutating func readRegions() throws(WireError) -> [RegionSummary] {
        let count: UInt8 = try self.read()
        var regions: [RegionSummary] = []
        for _ in 0..<min(Int(count), RegionSummary.countLimit) {
            regions.append(
                RegionSummary(
                    observer: try self.readString(),
                    region: try self.readString(),
                    members: Int(try self.read(UInt16.self)),
                    alive: Int(try self.read(UInt16.self))
                )
            )
        }
        return regions
    }

    private mutating func readReturns() throws(WireError) -> [RegionReturn] {
        let count: UInt8 = try self.read()
        var returns: [RegionReturn] = []
        for _ in 0..<min(Int(count), RegionReturn.countLimit) {
            returns.append(RegionReturn(number: try self.read(), start: try self.read()))
        }
        return returns
    }

    /// Reads a number of at most ten bytes; one that does not fit 64 bits is malformed.
    mutating func readVarint() throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte: UInt8 = try self.read()
            let bits = UInt64(byte & 0x7F)
            guard shift < 63 || bits <= 1 else { throw .malformed }
            value |= bits << shift
            if byte & 0x80 == 0 { return value }
        }
        throw .malformed
    }
}

extension Observation {
    /// Its first byte.
    fileprivate var code: UInt8 {
        let known: ObservationCode
        switch self {
        case .state: known = .state
        case .load: known = .load
        case .abstaining: known = .abstaining
        case .vote: known = .vote
        case .regionVote: known = .regionVote
        case .regions: known = .regions
        case .returns: known = .returns
        case .coordinate: known = .coordinate
        case .unknown(let word): return word.kind
        }
        return known.rawValue
    }
}

import MeshMembership
import MeshPrimitives

/// The first byte of a membership record.
private enum KindCode: UInt8 {
    case ping = 1
    case ack = 2
    case nack = 3
    case pingRequest = 4
    case gossip = 5
    case sync = 6
    case syncAnswer = 7
    case refusal = 8
    case compare = 9
    case comparison = 10
    case difference = 11
}

extension ByteWriter {
    /// Writes a membership record's content: kind 1, incarnation 8, digest 16, mesh 8, standing 1, the
    /// kind's fields, then the updates as inner records.
    mutating func write(_ message: MembershipMessage) {
        self.append(message.kind.code.rawValue)
        self.write(message.senderIncarnation)
        self.write(message.digest)
        self.write(message.mesh.id.value)
        self.append(message.mesh.standing.rawValue)
        switch message.kind {
        case .ping(let sequence, let target):
            self.write(sequence)
            self.write(target)
        case .ack(let sequence), .nack(let sequence):
            self.write(sequence)
        case .pingRequest(let sequence, let target, let endpoint):
            self.write(sequence)
            self.write(target)
            self.write(endpoint)
        case .gossip, .sync, .syncAnswer, .difference:
            break
        case .compare(let digests):
            self.write(UInt16(clamping: digests.count))
            for digest in digests { self.write(digest) }
        case .comparison(let differing):
            self.write(UInt16(clamping: differing.count))
            self.append(contentsOf: differing)
        case .refusal(let holder):
            self.write(holder)
        }
        for update in message.updates {
            self.writeItem(update.itemType) { $0.write(update) }
        }
    }

    /// Writes a piece of news: a member's record as it signed it, or an accusation.
    mutating func write(_ update: MemberUpdate) {
        switch update {
        case .record(let signed, let age):
            self.write(age)
            self.append(contentsOf: signed.signature)
            self.write(sized: signed.bytes)
        case .accusation(let accusation):
            self.write(accusation.subject)
            self.write(accusation.incarnation)
            self.append(accusation.verdict.rawValue)
            self.write(accusation.accuser)
            self.append(accusation.evidence.relaysAsked)
            self.append(accusation.evidence.relaysDenied)
            self.append(accusation.evidence.triedStream ? 1 : 0)
            self.append(accusation.evidence.isByOperator ? 1 : 0)
            self.write(accusation.age)
        }
    }
}

extension WireReader {
    /// Reads a membership record; `nil` when its kind is newer than this software.
    mutating func readMembership(
        from sender: NodeID
    ) throws(WireError) -> MembershipMessage? {
        guard let code = KindCode(rawValue: try self.read()) else { return nil }
        let incarnation: UInt64 = try self.read()
        let digest = try self.readHash()
        let mesh = try self.readMesh()
        let kind = try self.readKind(code)
        let updates = try self.readUpdates()
        return MembershipMessage(
            kind: kind,
            sender: sender,
            senderIncarnation: incarnation,
            digest: digest,
            mesh: mesh,
            updates: updates
        )
    }

    private mutating func readMesh() throws(WireError) -> MeshClaim {
        let id = MeshID(try self.read())
        guard let standing = MeshClaim.Standing(rawValue: try self.read()) else { throw .malformed }
        return MeshClaim(id: id, standing: standing)
    }

    private mutating func readKind(_ code: KindCode) throws(WireError) -> MembershipMessage.Kind {
        switch code {
        case .ping: .ping(sequence: try self.read(), target: try self.readNodeID())
        case .ack: .ack(sequence: try self.read())
        case .nack: .nack(sequence: try self.read())
        case .pingRequest:
            .pingRequest(
                sequence: try self.read(),
                target: try self.readNodeID(),
                endpoint: try self.readEndpoint()
            )
        case .gossip: .gossip
        case .sync: .sync
        case .syncAnswer: .syncAnswer
        case .refusal: .refusal(nameHolder: try self.readNodeID())
        case .compare: .compare(digests: try self.readDigests())
        case .comparison:
            .comparison(differing: Array(try self.read(count: Int(try self.read(UInt16.self)))))
        case .difference: .difference
        }
    }

    /// Reads hashes of a view; no more than the bytes that are there.
    private mutating func readDigests() throws(WireError) -> [UInt32] {
        let count: UInt16 = try self.read()
        guard Int(count) * 4 <= self.remaining else { throw .malformed }
        var digests: [UInt32] = []
        for _ in 0..<count { digests.append(try self.read()) }
        return digests
    }

    /// Reads news of members; what newer software adds is skipped.
    private mutating func readUpdates() throws(WireError) -> [MemberUpdate] {
        var updates: [MemberUpdate] = []
        while self.remaining > 0 {
            let (type, content) = try self.readRecord()
            var reader = WireReader(content)
            switch InnerRecordType(rawValue: type) {
            case .item: if let update = try reader.readSignedRecord() { updates.append(update) }
            case .accusation:
                if let accusation = try reader.readAccusation() {
                    updates.append(.accusation(accusation))
                }
            case nil: continue
            }
        }
        return updates
    }

    /// Reads a member's record; `nil` for one of a format that only newer software knows.
    ///
    /// Its signature is not checked here.
    ///
    /// - Throws: ``WireError/unusableAddress`` for an address of nobody, of many, or of port 0.
    private mutating func readSignedRecord() throws(WireError) -> MemberUpdate? {
        let age: UInt32 = try self.read()
        let signature = Array(try self.read(count: SignedRecord.signatureByteCount))
        let bytes = try self.readSized()
        guard bytes.first.map({ SignedRecord.formats.contains($0) }) ?? true else { return nil }
        let signed: SignedRecord
        do throws(ByteReaderError) {
            signed = try SignedRecord(
                decoding: bytes,
                signature: signature,
                identify: { NodeID(key: $0) }
            )
        } catch {
            throw .malformed
        }
        guard signed.record.profile.address.isDestination else { throw .unusableAddress }
        return .record(signed, age: age)
    }

    /// Reads an accusation; `nil` when it says what this software does not know.
    private mutating func readAccusation() throws(WireError) -> Accusation? {
        let subject = try self.readNodeID()
        let incarnation: UInt64 = try self.read()
        let verdict = Accusation.Verdict(rawValue: try self.read())
        let accuser = try self.readNodeID()
        let evidence = Accusation.Evidence(
            relaysAsked: try self.read(),
            relaysDenied: try self.read(),
            triedStream: try self.read(UInt8.self) != 0,
            isByOperator: try self.read(UInt8.self) != 0
        )
        let age: UInt32 = try self.read()
        return verdict.map {
            Accusation(
                subject: subject,
                incarnation: incarnation,
                verdict: $0,
                accuser: accuser,
                evidence: evidence,
                age: age
            )
        }
    }

    /// Reads an address of either family that something can be sent to.
    ///
    /// - Throws: ``WireError/unusableAddress`` for an address of nobody, of many, or of port 0.
    mutating func readEndpoint() throws(WireError) -> Endpoint {
        let address: IPAddress =
            switch try self.read(UInt8.self) {
            case 4: .v4(try self.read())
            case 6: .v6(high: try self.read(), low: try self.read())
            default: throw .malformed
            }
        let endpoint = Endpoint(address: address, port: try self.read())
        guard endpoint.isDestination else { throw .unusableAddress }
        return endpoint
    }
}

extension MembershipMessage.Kind {
    fileprivate var code: KindCode {
        switch self {
        case .ping: .ping
        case .ack: .ack
        case .nack: .nack
        case .pingRequest: .pingRequest
        case .gossip: .gossip
        case .sync: .sync
        case .syncAnswer: .syncAnswer
        case .refusal: .refusal
        case .compare: .compare
        case .comparison: .comparison
        case .difference: .difference
        }
    }
}

extension MemberUpdate {
    /// How the news is marked among the records of a message.
    fileprivate var itemType: InnerRecordType {
        switch self {
        case .record: .item
        case .accusation: .accusation
        }
    }
}

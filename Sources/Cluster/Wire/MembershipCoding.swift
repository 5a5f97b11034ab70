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
}

extension ByteWriter {
    /// Writes a membership record's content: kind 1, incarnation 8, digest 16, the kind's fields,
    /// then the updates as inner records.
    mutating func write(_ message: MembershipMessage) {
        self.append(message.kind.code.rawValue)
        self.write(message.senderIncarnation)
        self.write(message.digest)
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
        case .gossip, .sync, .syncAnswer:
            break
        case .refusal(let holder):
            self.write(holder)
        }
        for update in message.updates {
            self.writeItem { $0.write(update) }
        }
    }

    /// Writes a claim about a member.
    mutating func write(_ update: MemberUpdate) {
        let profile = update.profile
        self.write(profile.id)
        self.write(profile.name)
        self.write(profile.region)
        self.write(profile.zone)
        self.write(profile.address)
        self.write(profile.version)
        self.append(profile.protocolMinimum)
        self.append(profile.protocolMaximum)
        self.write(update.incarnation)
        self.append(update.state.rawValue)
        self.write(update.reporter)
    }

    /// Writes family 1 (4 or 6), address 4 or 16, port 2.
    mutating func write(_ endpoint: Endpoint) {
        switch endpoint.address {
        case .v4(let address):
            self.append(4)
            self.write(address)
        case .v6(let high, let low):
            self.append(6)
            self.write(high)
            self.write(low)
        }
        self.write(endpoint.port)
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
        let kind = try self.readKind(code)
        let updates = try self.readItems { reader throws(WireError) in
            try reader.readMemberUpdate()
        }
        return MembershipMessage(
            kind: kind,
            sender: sender,
            senderIncarnation: incarnation,
            digest: digest,
            updates: updates
        )
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
        }
    }

    /// Reads a claim about a member; `nil` when its state is newer than this software.
    mutating func readMemberUpdate() throws(WireError) -> MemberUpdate? {
        let id = try self.readNodeID()
        let name = try self.readString()
        let region = try self.readString()
        let zone = try self.readString()
        let address = try self.readEndpoint()
        let profile = MemberProfile(
            id: id,
            name: name,
            region: region,
            zone: zone,
            address: address,
            version: try self.readString(),
            protocolMinimum: try self.read(),
            protocolMaximum: try self.read()
        )
        let incarnation: UInt64 = try self.read()
        let state = MemberState(rawValue: try self.read())
        let reporter = try self.readNodeID()
        return state.map {
            MemberUpdate(
                profile: profile,
                incarnation: incarnation,
                state: $0,
                reporter: reporter
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
        }
    }
}

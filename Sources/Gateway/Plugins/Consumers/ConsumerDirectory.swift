public import MeshEntities
internal import MeshHTTP

/// Place of a consumer in the directory of its snapshot.
public struct ConsumerPlace: Hashable, Sendable {
    /// The place; -1 for nobody.
    public let rawValue: Int32
    /// No consumer.
    public static let nobody = ConsumerPlace(rawValue: -1)

    init(rawValue: Int32) { self.rawValue = rawValue }

    /// Whether it is the place of a consumer at all.
    public var isSome: Bool { self.rawValue >= 0 }
}

/// A consumer as steps see it; an object, so that reading one costs one reference.
public final class ConsumerEntry: Sendable {
    /// Primary key.
    public let id: EntityID
    /// User name, if it has one.
    public let username: String?
    /// Identity in another system, if it has one.
    public let customID: String?
    /// The consumer groups it belongs to, ascending.
    public let groups: [EntityID]
    /// The names of the consumer groups, ascending.
    let groupNames: [String]
    /// Its groups of the plugin `acl`, in the order of the configuration.
    public let accessGroups: [String]
    init(
        _ consumer: Consumer,
        groups: [EntityID],
        groupNames: [String],
        accessGroups: [String]
    ) {
        self.id = consumer.id
        self.username = consumer.username
        self.customID = consumer.customID
        self.groups = groups.sorted()
        self.groupNames = groupNames.sorted()
        self.accessGroups = accessGroups
    }
}

/// What every request of a consumer needs of it, side by side.
struct ConsumerMark: Sendable {
    let id: EntityID
    let place: ConsumerPlace
    /// Which of the table's lines tell the target of it.
    let lines: Range<UInt32>
}

/// The consumers of a configuration and their credentials, found in constant time; immutable, shared
/// by all workers.
///
/// What did not change is taken over from the directory before, table by table.
public final class ConsumerDirectory: Sendable {
    /// Without consumers.
    public static let empty = ConsumerDirectory(.empty)

    let keys: CredentialTable<KeyCredential>
    let passwords: CredentialTable<BasicCredential>
    private let tokens: CredentialTable<JWTSecret>
    /// By number of a token's credential: who signs.
    private let signers: TokenSigners
    let signatures: CredentialTable<HMACCredential>
    let certificates: CertificateNames
    let authorities: AuthorityTable
    private let people: ConsumerTable
    /// By number of a key: whose it is.
    private let keyOwners: KeyOwners

    /// Makes the directory of a configuration.
    public init(_ configuration: GatewayConfiguration, reusing previous: ConsumerDirectory? = nil) {
        self.people = ConsumerTable.make(configuration, reusing: previous?.people)
        self.keys = .make(configuration.keyCredentials, reusing: previous?.keys)
        if let previous, previous.keys === self.keys, previous.people === self.people {
            self.keyOwners = previous.keyOwners
        } else {
            self.keyOwners = KeyOwners(self.keys.credentials, self.people)
        }
        self.passwords = .make(configuration.basicCredentials, reusing: previous?.passwords)
        self.tokens = .make(configuration.jwtSecrets, reusing: previous?.tokens)
        self.signatures = .make(configuration.hmacCredentials, reusing: previous?.signatures)
        self.certificates = .make(
            configuration.certificateCredentials,
            reusing: previous?.certificates
        )
        self.authorities = .make(configuration.caCertificates, reusing: previous?.authorities)
        if let previous, previous.tokens === self.tokens, previous.people === self.people {
            self.signers = previous.signers
        } else {
            let people = self.people
            self.signers = TokenSigners(self.tokens.credentials, reusing: previous?.signers) {
                people.mark(of: $0)
            }
        }
    }

    /// Whose a key is that a client shows; nil when it is nobody's.
    func owner(ofKey key: UnsafeRawBufferPointer) -> KeyOwner? {
        self.keys.number(of: key).map { self.keyOwners.all[$0] }
    }

    /// Who signs tokens that name a key; nil when nobody does.
    func signer(named key: String) -> TokenSigner? {
        var key = key
        return key.withUTF8 { self.tokens.number(of: UnsafeRawBufferPointer($0)) }
            .map { self.signers.all[$0] }
    }

    /// What requests of the consumer at a place need; nil for nobody.
    func mark(of place: ConsumerPlace) -> ConsumerMark? {
        let index = Int(place.rawValue)
        return self.people.marks.indices.contains(index) ? self.people.marks[index] : nil
    }

    /// Writes what a target is told of a consumer: whole lines.
    func writeLines(of mark: ConsumerMark, into writer: inout HeadWriter) {
        self.people.lines.withUnsafeBytes { lines in
            let range = Int(mark.lines.lowerBound)..<Int(mark.lines.upperBound)
            writer.write(UnsafeRawBufferPointer(rebasing: lines[range]))
        }
    }

    /// The consumers by place.
    public var entries: [ConsumerEntry] { self.people.entries }

    /// The consumer at a place; nil for nobody.
    public subscript(place: ConsumerPlace) -> ConsumerEntry? {
        let index = Int(place.rawValue)
        return self.people.entries.indices.contains(index) ? self.people.entries[index] : nil
    }

    /// The consumer with this id.
    public func place(of id: EntityID) -> ConsumerPlace? { self.people.places[id] }

    /// The consumer with this user name.
    func place(username: String) -> ConsumerPlace? { self.people.usernames[username] }

    /// The consumer with this identity in another system.
    func place(customID: String) -> ConsumerPlace? { self.people.customIDs[customID] }

    /// The consumer with this id or user name.
    public func place(named key: String) -> ConsumerPlace? {
        EntityID(key).flatMap { self.people.places[$0] } ?? self.people.usernames[key]
    }
}

/// Whose keys are, side by side, so that finding out is one look at memory.
private final class KeyOwners: Sendable {
    let all: [KeyOwner]

    init(_ credentials: EntityList<KeyCredential>, _ people: ConsumerTable) {
        self.all = credentials.map { credential in
            KeyOwner(
                credential: credential.id,
                consumer: people.mark(of: credential.consumer)
            )
        }
    }
}

/// Whose a key is.
struct KeyOwner: Sendable {
    let credential: EntityID
    /// Nil when the configuration has no such consumer.
    let consumer: ConsumerMark?
}

/// The consumers of a configuration with their groups.
private final class ConsumerTable: Sendable {
    let entries: [ConsumerEntry]
    /// By place.
    let marks: [ConsumerMark]
    /// What targets are told of all, one after the other.
    let lines: [UInt8]
    let places: [EntityID: ConsumerPlace]
    let usernames: [String: ConsumerPlace]
    let customIDs: [String: ConsumerPlace]
    private let consumers: EntityList<Consumer>
    private let groups: EntityList<ConsumerGroup>
    private let members: EntityList<GroupMember>
    private let access: EntityList<ACLGroup>

    static func make(
        _ configuration: GatewayConfiguration,
        reusing previous: ConsumerTable?
    ) -> ConsumerTable {
        if let previous, previous.consumers == configuration.consumers,
            previous.groups == configuration.consumerGroups,
            previous.members == configuration.groupMembers,
            previous.access == configuration.aclGroups
        {
            return previous
        }
        return ConsumerTable(configuration)
    }

    private init(_ configuration: GatewayConfiguration) {
        self.consumers = configuration.consumers
        self.groups = configuration.consumerGroups
        self.members = configuration.groupMembers
        self.access = configuration.aclGroups
        var groups: [EntityID: [EntityID]] = [:]
        for member in configuration.groupMembers {
            groups[member.consumer, default: []].append(member.consumerGroup)
        }
        var access: [EntityID: [String]] = [:]
        for group in configuration.aclGroups {
            access[group.consumer, default: []].append(group.group)
        }
        let names = Dictionary(
            configuration.consumerGroups.map { ($0.id, $0.name) },
            uniquingKeysWith: { first, _ in first }
        )
        let entries = configuration.consumers.map { consumer in
            let own = groups[consumer.id] ?? []
            return ConsumerEntry(
                consumer,
                groups: own,
                groupNames: own.compactMap { names[$0] },
                accessGroups: access[consumer.id] ?? []
            )
        }
        var places: [EntityID: ConsumerPlace] = [:]
        var usernames: [String: ConsumerPlace] = [:]
        places.reserveCapacity(entries.count)
        usernames.reserveCapacity(entries.count)
        var customIDs: [String: ConsumerPlace] = [:]
        for (index, entry) in entries.enumerated() {
            let place = ConsumerPlace(rawValue: Int32(truncatingIfNeeded: index))
            places[entry.id] = place
            if let name = entry.username { usernames[name] = place }
            if let id = entry.customID { customIDs[id] = place }
        }
        self.entries = entries
        (self.marks, self.lines) = Self.marks(of: configuration.consumers)
        self.places = places
        self.usernames = usernames
        self.customIDs = customIDs
    }

    func mark(of consumer: EntityID) -> ConsumerMark? {
        self.places[consumer].map { self.marks[Int($0.rawValue)] }
    }

    private static func marks(
        of consumers: EntityList<Consumer>
    ) -> (marks: [ConsumerMark], lines: [UInt8]) {
        var marks: [ConsumerMark] = []
        marks.reserveCapacity(consumers.count)
        var lines: [UInt8] = []
        for (index, consumer) in consumers.enumerated() {
            let start = UInt32(lines.count)
            lines += "X-Consumer-ID: \(consumer.id)\r\n".utf8
            // A name that is no field value is not told.
            if let text = consumer.customID, FieldText.isValue(text) {
                lines += "X-Consumer-Custom-ID: \(text)\r\n".utf8
            }
            if let text = consumer.username, FieldText.isValue(text) {
                lines += "X-Consumer-Username: \(text)\r\n".utf8
            }
            marks.append(
                ConsumerMark(
                    id: consumer.id,
                    place: ConsumerPlace(rawValue: Int32(truncatingIfNeeded: index)),
                    lines: start..<UInt32(lines.count)
                )
            )
        }
        return (marks, lines)
    }
}

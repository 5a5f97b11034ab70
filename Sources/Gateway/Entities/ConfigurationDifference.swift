/// What changes between two configurations, entity by entity, with short hashes for secrets.
public struct ConfigurationDifference: Equatable, Sendable {
    /// What happens to one entity.
    public enum Action: String, Sendable {
        /// Is new.
        case create
        /// Changes.
        case update
        /// Goes.
        case delete
    }

    /// One field that changes.
    public struct FieldChange: Equatable, Sendable {
        /// The field's dotted path inside the entity.
        public var field: String
        /// What it was; `nil` when there was nothing.
        public var old: DocumentValue?
        /// What it becomes; `nil` when it goes.
        public var new: DocumentValue?
    }

    /// One entity that changes.
    public struct Change: Equatable, Sendable {
        /// Its collection.
        public var kind: EntityKind
        /// Its primary key.
        public var id: EntityID
        /// Its name, when it has one.
        public var name: String?
        /// What happens to it.
        public var action: Action
        /// The fields that change; of a new or lost entity those that are not null.
        public var fields: [FieldChange]
    }

    /// What changes, in an order in which it can be carried out: what is referred to is created
    /// first and deleted last.
    public var changes: [Change]

    /// Whether nothing changes.
    public var isEmpty: Bool { self.changes.isEmpty }

    /// Compares two configurations; times of creation and change do not count.
    public init(from old: GatewayConfiguration, to new: GatewayConfiguration) {
        self.changes =
            EntityKind.allCases.flatMap { Self.written($0, old, new) }
            + EntityKind.allCases.reversed().flatMap { Self.deleted($0, old, new) }
    }

    /// How many entities are created, changed and deleted.
    public func count(_ action: Action) -> Int {
        self.changes.count { $0.action == action }
    }

    /// The difference as a document: `summary` and `changes`.
    public var document: DocumentValue {
        .record([
            "summary": .record([
                "create": DocumentValue(self.count(.create)),
                "update": DocumentValue(self.count(.update)),
                "delete": DocumentValue(self.count(.delete)),
            ]),
            "changes": .list(self.changes.map(\.document)),
        ])
    }

    private static func written(
        _ kind: EntityKind,
        _ old: GatewayConfiguration,
        _ new: GatewayConfiguration
    ) -> [Change] {
        switch kind {
        case .services: Self.written(old.services, new.services)
        case .routes: Self.written(old.routes, new.routes)
        case .upstreams: Self.written(old.upstreams, new.upstreams)
        case .targets: Self.written(old.targets, new.targets)
        case .plugins: Self.written(old.plugins, new.plugins)
        case .consumers: Self.written(old.consumers, new.consumers)
        case .consumerGroups: Self.written(old.consumerGroups, new.consumerGroups)
        case .groupMembers: Self.written(old.groupMembers, new.groupMembers)
        case .keyCredentials: Self.written(old.keyCredentials, new.keyCredentials)
        case .basicCredentials: Self.written(old.basicCredentials, new.basicCredentials)
        case .jwtSecrets: Self.written(old.jwtSecrets, new.jwtSecrets)
        case .hmacCredentials: Self.written(old.hmacCredentials, new.hmacCredentials)
        case .certificateCredentials:
            Self.written(old.certificateCredentials, new.certificateCredentials)
        case .aclGroups: Self.written(old.aclGroups, new.aclGroups)
        case .certificates: Self.written(old.certificates, new.certificates)
        case .snis: Self.written(old.snis, new.snis)
        case .caCertificates: Self.written(old.caCertificates, new.caCertificates)
        case .vaults: Self.written(old.vaults, new.vaults)
        case .keySets: Self.written(old.keySets, new.keySets)
        case .keys: Self.written(old.keys, new.keys)
        }
    }

    /// What is created and updated; documents are made only of what differs.
    private static func written<Entity: GatewayEntity>(
        _ old: EntityList<Entity>,
        _ new: EntityList<Entity>
    ) -> [Change] {
        guard old != new else { return [] }
        let places = Dictionary(
            old.enumerated().map { ($1.id, $0) },
            uniquingKeysWith: { $1 }
        )
        return new.enumerated().compactMap { index, entity in
            let place = places[entity.id]
            if let place, new.isEqual(at: index, to: old, at: place) { return nil }
            let before = place.map { old[$0] }
            let fields = Self.fields(before?.document, entity.document)
            guard before == nil || !fields.isEmpty else { return nil }
            return Self.change(
                GatewayConfiguration.Entry(entity),
                before == nil ? .create : .update,
                fields
            )
        }
    }

    private static func deleted(
        _ kind: EntityKind,
        _ old: GatewayConfiguration,
        _ new: GatewayConfiguration
    ) -> [Change] {
        let kept = Set(new.collection(kind).map(\.id))
        return old.collection(kind).reversed().compactMap { entity in
            guard !kept.contains(entity.id) else { return nil }
            let entry = GatewayConfiguration.Entry(entity)
            return Self.change(entry, .delete, Self.fields(entry.document, nil))
        }
    }

    private static func change(
        _ entry: GatewayConfiguration.Entry,
        _ action: Action,
        _ fields: [FieldChange]
    ) -> Change {
        Change(kind: entry.kind, id: entry.id, name: entry.name, action: action, fields: fields)
    }

    private static func fields(_ old: DocumentValue?, _ new: DocumentValue?) -> [FieldChange] {
        var changes: [FieldChange] = []
        Self.compare(old ?? .null, new ?? .null, "", &changes)
        return changes.filter { !["id", "created_at", "updated_at"].contains($0.field) }
    }

    private static func compare(
        _ old: DocumentValue,
        _ new: DocumentValue,
        _ path: String,
        _ changes: inout [FieldChange]
    ) {
        guard old != new else { return }
        guard old.fields != nil || new.fields != nil, old.fields != nil || old.isNull,
            new.fields != nil || new.isNull
        else {
            changes.append(
                FieldChange(
                    field: path,
                    old: old.isNull ? nil : Secrets.hashed(old, at: path),
                    new: new.isNull ? nil : Secrets.hashed(new, at: path)
                )
            )
            return
        }
        var names = (old.fields ?? []).map(\.name)
        names += (new.fields ?? []).map(\.name).filter { !names.contains($0) }
        for name in names {
            let inner = path.isEmpty ? name : "\(path).\(name)"
            Self.compare(old[name] ?? .null, new[name] ?? .null, inner, &changes)
        }
    }
}

extension ConfigurationDifference.Change {
    var document: DocumentValue {
        .record([
            "kind": .string(self.kind.rawValue),
            "id": .string(self.id.description),
            "name": DocumentValue(self.name),
            "action": .string(self.action.rawValue),
            "fields": .list(
                self.fields.map {
                    .record([
                        "field": .string($0.field), "old": $0.old ?? .null, "new": $0.new ?? .null,
                    ])
                }
            ),
        ])
    }
}

/// Which fields hold secrets, and what is shown instead of them.
public enum Secrets {
    /// What is shown of a secret.
    public static let mask = "******"

    private static let names = ["key", "key_alt", "jwk"].map { Array($0.utf8) }
    private static let words = [
        "password", "secret", "private", "token", "credential", "api_key",
    ].map { Array($0.utf8) }

    /// The value, or the mask when the field's path names a secret.
    public static func masked(_ value: DocumentValue, at path: String) -> DocumentValue {
        Self.replaced(value, at: path, hidesInTexts: false) { _ in Self.mask }
    }

    /// The value, or the mask with a hash when the field's path names a secret, so that two secrets
    /// can be told apart.
    ///
    /// The hash has 32 bits, far too few to find a good secret by.
    public static func hashed(_ value: DocumentValue, at path: String) -> DocumentValue {
        Self.replaced(value, at: path, hidesInTexts: true) { secret in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in secret.canonicalJSON { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            let digits = String((hash ^ hash >> 32) & 0xFFFF_FFFF, radix: 16)
            return "\(Self.mask)#" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
        }
    }

    private static func replaced(
        _ value: DocumentValue,
        at path: String,
        hidesInTexts: Bool,
        by shown: (DocumentValue) -> String
    ) -> DocumentValue {
        if Self.isSecret(path), Self.mayHide(value) { return .string(shown(value)) }
        switch value {
        case .object(let fields):
            return .object(
                fields.map { field in
                    let inner = "\(path).\(field.name)"
                    let value = Self.replaced(
                        field.node.value,
                        at: inner,
                        hidesInTexts: hidesInTexts,
                        by: shown
                    )
                    return DocumentField(field.name, value)
                }
            )
        case .array(let nodes):
            return .list(
                nodes.map {
                    Self.replaced($0.value, at: path, hidesInTexts: hidesInTexts, by: shown)
                }
            )
        case .string(let text):
            guard hidesInTexts else { return value }
            return .string(Self.withoutCredentials(text, at: path, by: shown))
        case .null, .bool, .integer, .number: return value
        }
    }

    /// A text without the user of a URL in it, and without the value of a field `Authorization`.
    private static func withoutCredentials(
        _ text: String,
        at path: String,
        by shown: (DocumentValue) -> String
    ) -> String {
        let field = "authorization:"
        if path.lowercased().hasSuffix(".authorization") { return shown(.string(text)) }
        if let first = text.utf8.first, first | 0x20 == field.utf8.first,
            text.prefix(field.count).lowercased() == field
        {
            return text.prefix(field.count) + shown(.string(text))
        }
        guard text.utf8.contains(UInt8(ascii: "@")), let scheme = text.firstRange(of: "://") else {
            return text
        }
        let rest = text[scheme.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        guard let at = rest[..<end].lastIndex(of: "@") else { return text }
        return text[..<scheme.upperBound] + shown(.string(String(rest[..<at]))) + text[at...]
    }

    /// Whether a value may be a secret: no flag is one, and no number.
    ///
    /// `hide_credentials` and `token_expiration` are named after secrets that they are not.
    private static func mayHide(_ value: DocumentValue) -> Bool {
        switch value {
        case .string, .array, .object: true
        case .null, .bool, .integer, .number: false
        }
    }

    /// Byte by byte: this is asked of every field of every entity that changes.
    private static func isSecret(_ path: String) -> Bool {
        var path = path
        return path.withUTF8 { bytes in
            let dot = bytes.lastIndex(of: UInt8(ascii: "."))
            let name = UnsafeBufferPointer(rebasing: bytes[(dot.map { $0 + 1 } ?? 0)...])
            return Self.names.contains {
                $0.count == name.count && Self.isFound($0, in: name, at: 0)
            }
                || Self.words.contains { word in
                    word.count <= name.count
                        && (0...name.count - word.count).contains {
                            Self.isFound(word, in: name, at: $0)
                        }
                }
        }
    }

    /// Whether a word in lower case is there, but for the case of ASCII letters.
    private static func isFound(
        _ word: [UInt8],
        in name: UnsafeBufferPointer<UInt8>,
        at start: Int
    ) -> Bool {
        for place in word.indices {
            let byte = name[start + place]
            let lower = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
            guard lower == word[place] else { return false }
        }
        return true
    }
}

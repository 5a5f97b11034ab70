internal import MeshPrimitives

/// A text that stands for a secret kept elsewhere: `{vault://env/my-key}`.
///
/// The configuration holds the reference; each node looks the secret up for itself, so that it is
/// never shared. The vault is `env`, the node's own environment, or the prefix of a ``Vault``.
///
/// Source: Kong's `kong/pdk/vault.lua` and `kong/vaults/env/init.lua`, version 3.9.
public struct VaultReference: Equatable, Sendable {
    /// The vault's name or prefix.
    public let vault: String
    /// What is asked of it, such as `my-key`.
    public let resource: String
    /// A field of the secret when that is a JSON object.
    public let field: String?
    /// Goes before the resource, `?prefix=` of the reference.
    public let prefix: String?

    /// Reads a reference; `nil` for a text that is none.
    public init?(_ text: String) {
        guard text.hasPrefix("{vault://"), text.hasSuffix("}") else { return nil }
        let inner = text.dropFirst("{vault://".count).dropLast()
        let halves = inner.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.vault = String(parts[0])
        self.resource = String(parts[1])
        self.field = parts.count == 3 ? String(parts[2]) : nil
        let options = halves.count == 2 ? halves[1].split(separator: "&") : []
        let prefix = options.first { $0.hasPrefix("prefix=") }
        self.prefix = prefix.map { String($0.dropFirst("prefix=".count)) }
    }

    /// Why a text in a field that may be a reference cannot be used; `nil` when it can, or is none.
    static func refusal(of text: String) -> String? {
        guard text.hasPrefix("{vault://"), VaultReference(text) == nil else { return nil }
        return "'\(text)' is no reference: expected {vault://env/name} or "
            + "{vault://env/name/field}"
    }

    /// Whether a value holds a text that looks like a reference.
    static func isIn(_ value: DocumentValue) -> Bool {
        switch value {
        case .string(let text): text.hasPrefix("{vault://")
        case .array(let nodes): nodes.contains { Self.isIn($0.value) }
        case .object(let fields): fields.contains { Self.isIn($0.node.value) }
        case .null, .bool, .integer, .number: false
        }
    }

    /// Every reference in a value.
    static func all(in value: DocumentValue) -> [VaultReference] {
        Self.texts(in: value).compactMap(VaultReference.init)
    }

    /// Every reference in a value, as written.
    fileprivate static func texts(in value: DocumentValue) -> [String] {
        switch value {
        case .string(let text): VaultReference(text) == nil ? [] : [text]
        case .array(let nodes): nodes.flatMap { Self.texts(in: $0.value) }
        case .object(let fields): fields.flatMap { Self.texts(in: $0.node.value) }
        case .null, .bool, .integer, .number: []
        }
    }
}

extension DocumentValue {
    /// The vaults that references in this value name, in no order, some perhaps more than once.
    public var vaults: [String] { VaultReference.all(in: self).map(\.vault) }
}

/// A secret that is not where a reference says, or is no such thing.
public struct MissingSecret: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reference as written.
    public let reference: String
    /// The variable that was looked for; `nil` when there is no such vault.
    public let variable: String?
    /// What is wrong with what stands there; `nil` when nothing does.
    public var flaw: String?

    /// What to do.
    public var description: String {
        guard let variable else {
            return "\(self.reference): there is no such vault; add it to 'vaults', "
                + "or write {vault://env/…}"
        }
        let task = "\(self.reference): set \(variable) in the environment of this node"
        return self.flaw.map { "\(task) to what is needed here: \($0)" } ?? task
    }
}

extension GatewayConfiguration {
    /// The same configuration with the secrets that its certificates and enabled plugins refer to.
    ///
    /// - Parameter variable: the node's environment.
    /// - Returns: what a node serves by; never stored, shown or sent.
    /// - Throws: ``MissingSecret`` for the first reference that stands for nothing, or for no PEM text
    ///   where one is needed.
    public func resolved(
        _ variable: (String) -> String?
    ) throws(MissingSecret) -> GatewayConfiguration {
        try withoutActuallyEscaping(variable) { (variable) throws(MissingSecret) in
            try self.resolved(SecretLookup(vaults: self.vaults, variable: variable))
        }
    }

    fileprivate func resolved(
        _ secrets: SecretLookup
    ) throws(MissingSecret) -> GatewayConfiguration {
        var resolved = self
        for index in self.certificates.indices {
            let old = self.certificates[index]
            let texts = [old.cert, old.key, old.certAlt ?? "", old.keyAlt ?? ""]
            guard texts.contains(where: { VaultReference($0) != nil }) else { continue }
            resolved.certificates[index].cert = try secrets.certificate(old.cert)
            resolved.certificates[index].key = try secrets.key(old.key)
            if let text = old.certAlt {
                resolved.certificates[index].certAlt = try secrets.certificate(text)
            }
            if let text = old.keyAlt {
                resolved.certificates[index].keyAlt = try secrets.key(text)
            }
        }
        for index in self.plugins.indices
        where self.plugins[index].refersToVault && self.plugins[index].enabled {
            resolved.plugins[index].config = try secrets.value(self.plugins[index].config)
        }
        return resolved
    }
}

extension EntityCatalogue {
    /// Looks up what the changed entities refer to that they did not before, and after a change of a
    /// vault all that any entity refers to by its name; changes without either cost nothing.
    ///
    /// A change that takes a vault away from others is not refused here: no set of entities may be
    /// without it, which is told where that is checked.
    ///
    /// - Parameters:
    ///   - changes: what is about to be written.
    ///   - variable: the node's environment.
    /// - Returns: the certificates and plugins in question with their secrets, but for those that this
    ///   node lacked secrets of before; never stored, shown or sent.
    /// - Throws: ``MissingSecret`` for the first reference that stands for nothing, or for no PEM text
    ///   where one is needed.
    public func checkSecrets(
        after changes: [EntityChange],
        _ variable: (String) -> String?
    ) throws(MissingSecret) -> GatewayConfiguration {
        var found = GatewayConfiguration()
        let changesVault = changes.contains { $0.kind == .vaults }
        let refers = changes.contains { $0.document.map(VaultReference.isIn) ?? false }
        guard changesVault || refers else { return found }
        var next = self
        for change in changes { next.apply(change) }
        let vaults = next.vaults
        let prefixes = Set(vaults.filter { self.differs(from: $0) }.map(\.prefix))
        let keys =
            prefixes.isEmpty
            ? changes.map { ($0.kind, $0.id) }
            : [.certificates, .plugins].flatMap { kind in next.ids(of: kind).map { (kind, $0) } }
        try withoutActuallyEscaping(variable) { (variable) throws(MissingSecret) in
            let secrets = SecretLookup(vaults: vaults, variable: variable)
            for (kind, id) in keys {
                let before = Set(self.row(kind, id)?.references ?? [])
                let asked = next.row(kind, id)?.references.filter { text in
                    !before.contains(text)
                        || VaultReference(text).map { prefixes.contains($0.vault) } ?? false
                }
                guard let asked, !asked.isEmpty else { continue }
                for text in asked {
                    do throws(MissingSecret) {
                        _ = try secrets.text(text)
                    } catch {
                        guard error.variable == nil, changesVault else { throw error }
                    }
                }
                do throws(MissingSecret) {
                    let resolved = try next.single(kind, id).resolved(secrets)
                    found.certificates.append(allOf: resolved.certificates)
                    found.plugins.append(allOf: resolved.plugins)
                } catch {
                    guard error.flaw == nil else { throw error }
                }
            }
        }
        return found
    }

    private var vaults: EntityList<Vault> {
        let records = self.ids(of: .vaults).compactMap { self.row(.vaults, $0) }
            .map { ($0.kind, $0.id, $0.document) }
        // Whatever else is wrong with them is told by those who look for that.
        return (try? GatewayConfiguration(records: records))?.vaults ?? []
    }

    /// Whether a vault finds other secrets than the one that is held.
    private func differs(from vault: Vault) -> Bool {
        guard let held = self.single(.vaults, vault.id).vaults.first else { return true }
        return held.prefix != vault.prefix || held.variablePrefix != vault.variablePrefix
            || held.isBase64 != vault.isBase64
    }

    private func single(_ kind: EntityKind, _ id: EntityID) -> GatewayConfiguration {
        let row = self.row(kind, id)
        return row.flatMap {
            try? GatewayConfiguration(records: [($0.kind, $0.id, $0.document)])
        } ?? GatewayConfiguration()
    }
}

extension EntityRow {
    /// The references that a node looks up to serve by this entity.
    fileprivate var references: [String] {
        switch self.kind {
        case .certificates:
            ["cert", "key", "cert_alt", "key_alt"].compactMap { self.document[$0]?.text }
                .filter { VaultReference($0) != nil }
        case .plugins where self.document["enabled"] != .bool(false):
            self.document["config"].map(VaultReference.texts) ?? []
        default: []
        }
    }
}

/// Finds secrets by their references.
private struct SecretLookup {
    let vaults: EntityList<Vault>
    let variable: (String) -> String?

    /// The secret that a text stands for; the text itself when it is no reference.
    func text(_ text: String) throws(MissingSecret) -> String {
        guard let reference = VaultReference(text) else { return text }
        let vault = self.vaults.first { $0.prefix == reference.vault }
        let name = Self.variable(of: reference, in: vault)
        guard vault != nil || reference.vault == Vault.environment else {
            throw MissingSecret(reference: text, variable: nil)
        }
        let found = self.variable(name)
        let decoded =
            vault?.isBase64 == true
            ? found.flatMap { Base64.decode($0.utf8) }.map { String(decoding: $0, as: UTF8.self) }
            : found
        guard let field = reference.field else {
            guard let decoded else { throw MissingSecret(reference: text, variable: name) }
            return decoded
        }
        let fields = decoded.flatMap { try? JSONText.parse(Array($0.utf8)).value }
        guard let inner = fields?[field]?.text else {
            throw MissingSecret(reference: text, variable: name)
        }
        return inner
    }

    /// The certificate that a text is or stands for.
    func certificate(_ text: String) throws(MissingSecret) -> String {
        try self.text(text, PEMRule.certificate)
    }

    /// The private key that a text is or stands for.
    func key(_ text: String) throws(MissingSecret) -> String {
        try self.text(text, PEMRule.key)
    }

    private func text(
        _ text: String,
        _ rule: (String) -> String?
    ) throws(MissingSecret) -> String {
        let found = try self.text(text)
        // A reference leads to a text, never to another reference.
        guard found != text, let flaw = rule(found.replacing("{vault://", with: "")) else {
            return found
        }
        let reference = VaultReference(text)
        let vault = self.vaults.first { $0.prefix == reference?.vault }
        throw MissingSecret(
            reference: text,
            variable: reference.map { Self.variable(of: $0, in: vault) },
            flaw: flaw
        )
    }

    /// The same value with secrets in place of references.
    func value(_ value: DocumentValue) throws(MissingSecret) -> DocumentValue {
        switch value {
        case .string(let text): return .string(try self.text(text))
        case .array(let nodes):
            var values: [DocumentValue] = []
            for node in nodes { values.append(try self.value(node.value)) }
            return .list(values)
        case .object(let fields):
            var resolved: [DocumentField] = []
            for field in fields {
                resolved.append(DocumentField(field.name, try self.value(field.node.value)))
            }
            return .object(resolved)
        case .null, .bool, .integer, .number: return value
        }
    }

    /// The environment variable, as Kong forms its name; what the reference says of a prefix wins.
    private static func variable(of reference: VaultReference, in vault: Vault?) -> String {
        let prefix = reference.prefix ?? vault?.variablePrefix ?? ""
        return (prefix + reference.resource).uppercased().replacing("-", with: "_")
    }
}

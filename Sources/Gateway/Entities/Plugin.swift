/// A plugin, its configuration and the requests it applies to.
public struct Plugin: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Which plugin.
    public var name: String
    /// Unique name of this instance.
    public var instanceName: String?
    /// Applies to this route only.
    public var route: EntityID?
    /// Applies to this service only.
    public var service: EntityID?
    /// Applies to this consumer only.
    public var consumer: EntityID?
    /// Applies to consumers of this group only, as in Kong Enterprise.
    public var consumerGroup: EntityID?
    /// The plugin's own settings, an object.
    public var config: DocumentValue {
        didSet { self.refersToVault = VaultReference.isIn(self.config) }
    }
    /// Whether its settings name secrets of a vault.
    ///
    /// Follows ``config``, but for initializers, which set both.
    var refersToVault: Bool
    /// Protocols of the requests it applies to.
    public var protocols: [GatewayProtocol]
    /// Whether it runs.
    public var enabled = true
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a global plugin with Kong's defaults.
    public init(id: EntityID, name: String, config: DocumentValue = .object([])) {
        self.id = id
        self.name = name
        self.config = config
        self.refersToVault = VaultReference.isIn(config)
        self.protocols = Self.standardProtocols(of: name)
    }

    /// Kong's default of ``protocols``.
    public static func standardProtocols(of name: String) -> [GatewayProtocol] {
        let http: [GatewayProtocol] = [.grpc, .grpcs, .http, .https]
        return name == "ip-restriction" ? http + [.tcp, .tls] : http
    }
}

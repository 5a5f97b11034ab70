/// All entities that a node routes by.
public struct GatewayConfiguration: Equatable, Sendable {
    /// Services.
    public var services: EntityList<Service> = []
    /// Routes.
    public var routes: EntityList<Route> = []
    /// Upstreams.
    public var upstreams: EntityList<Upstream> = []
    /// Targets of all upstreams.
    public var targets: EntityList<Target> = []
    /// Plugins of every scope.
    public var plugins: EntityList<Plugin> = []
    /// Consumers.
    public var consumers: EntityList<Consumer> = []
    /// Groups of consumers.
    public var consumerGroups: EntityList<ConsumerGroup> = []
    /// Members of groups of consumers.
    public var groupMembers: EntityList<GroupMember> = []
    /// Keys of consumers.
    public var keyCredentials: EntityList<KeyCredential> = []
    /// User names and passwords of consumers.
    public var basicCredentials: EntityList<BasicCredential> = []
    /// What consumers' tokens are checked by.
    public var jwtSecrets: EntityList<JWTSecret> = []
    /// Secrets that consumers sign requests with.
    public var hmacCredentials: EntityList<HMACCredential> = []
    /// Names in certificates that stand for consumers.
    public var certificateCredentials: EntityList<CertificateCredential> = []
    /// Groups of the plugin `acl`.
    public var aclGroups: EntityList<ACLGroup> = []
    /// Certificates.
    public var certificates: EntityList<Certificate> = []
    /// Server names.
    public var snis: EntityList<SNI> = []
    /// Authorities' certificates.
    public var caCertificates: EntityList<CACertificate> = []

    /// Stores of secrets.
    public var vaults: EntityList<Vault> = []
    /// Sets of keys.
    public var keySets: EntityList<KeySet> = []
    /// Keys.
    public var keys: EntityList<Key> = []

    /// No entities at all.
    public static let empty = GatewayConfiguration()

    /// Creates a configuration without entities.
    public init() {}

    /// The service with this id or name.
    public func service(_ idOrName: String) -> Service? {
        self.services.first { $0.id.description == idOrName || $0.name == idOrName }
    }

    /// The route with this id or name.
    public func route(_ idOrName: String) -> Route? {
        self.routes.first { $0.id.description == idOrName || $0.name == idOrName }
    }

    /// The upstream with this id or name.
    public func upstream(_ idOrName: String) -> Upstream? {
        self.upstreams.first { $0.id.description == idOrName || $0.name == idOrName }
    }

    /// The consumer with this id or user name.
    public func consumer(_ idOrName: String) -> Consumer? {
        self.consumers.first { $0.id.description == idOrName || $0.username == idOrName }
    }

    /// The targets of an upstream, in the order of the configuration.
    public func targets(of upstream: EntityID) -> [Target] {
        self.targets.filter { $0.upstream == upstream }
    }

    /// The routes of a service, in the order of the configuration.
    public func routes(of service: EntityID) -> [Route] {
        self.routes.filter { $0.service == service }
    }
}

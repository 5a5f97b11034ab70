/// All entities that a node routes by.
public struct GatewayConfiguration: Equatable, Sendable {
    /// Services.
    public var services: [Service] = []
    /// Routes.
    public var routes: [Route] = []
    /// Upstreams.
    public var upstreams: [Upstream] = []
    /// Targets of all upstreams.
    public var targets: [Target] = []
    /// Plugins of every scope.
    public var plugins: [Plugin] = []
    /// Consumers.
    public var consumers: [Consumer] = []
    /// Groups of consumers.
    public var consumerGroups: [ConsumerGroup] = []
    /// Members of groups of consumers.
    public var groupMembers: [GroupMember] = []
    /// Keys of consumers.
    public var keyCredentials: [KeyCredential] = []
    /// User names and passwords of consumers.
    public var basicCredentials: [BasicCredential] = []
    /// What consumers' tokens are checked by.
    public var jwtSecrets: [JWTSecret] = []
    /// Secrets that consumers sign requests with.
    public var hmacCredentials: [HMACCredential] = []
    /// Names in certificates that stand for consumers.
    public var certificateCredentials: [CertificateCredential] = []
    /// Groups of the plugin `acl`.
    public var aclGroups: [ACLGroup] = []
    /// Certificates.
    public var certificates: [Certificate] = []
    /// Server names.
    public var snis: [SNI] = []
    /// Authorities' certificates.
    public var caCertificates: [CACertificate] = []

    /// Stores of secrets.
    public var vaults: [Vault] = []
    /// Sets of keys.
    public var keySets: [KeySet] = []
    /// Keys.
    public var keys: [Key] = []

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

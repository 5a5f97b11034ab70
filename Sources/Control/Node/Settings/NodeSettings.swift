import MeshDataPlane
public import MeshMembership
public import MeshPrimitives
import MeshTransport

/// One node's own settings: from defaults, a file, the environment and flags, in rising precedence.
///
/// What all nodes share (services, routes, upstreams) is not here; it is replicated.
public struct NodeSettings: Equatable, Sendable {
    /// Who the node is.
    public struct Identity: Equatable, Sendable {
        /// The member's name, 1 to 64 of `A-Z a-z 0-9 . _ -`, unique in the mesh.
        ///
        /// Default: the machine's host name.
        public var name: String
        /// The region, same alphabet; required.
        public var region = ""
        /// The zone within the region, same alphabet.
        ///
        /// Default: empty, none.
        public var zone = ""
        /// Where the node keeps its identity and the replicated configuration.
        ///
        /// Default: `/var/lib/meshgate`.
        public var dataDirectory = "/var/lib/meshgate"
    }

    /// The gossip layer.
    public struct Gossip: Equatable, Sendable {
        /// Where datagrams and streams are received.
        ///
        /// Default: `0.0.0.0:7946`.
        public var bind: Endpoint
        /// The address that other nodes use; required when ``bind`` is a wildcard and there are
        /// seeds.
        ///
        /// Default: ``bind``; for a wildcard the machine's first address that is not loopback.
        public var advertise: Endpoint?
        /// Members to join through: addresses or host names with port.
        ///
        /// Default: none, a mesh of one.
        public var seeds: [String] = []
        /// The key ring's file, mode 0600, or 0640 and less; required unless in development mode.
        public var keyring: String?
        /// The mesh's name; nodes of another name cannot join even with the same keys.
        ///
        /// Default: `meshgate`.
        public var cluster = ClusterConfiguration.defaultName
        /// The identity of the mesh, 16 hexadecimal digits: the node joins no other, and leaves the one
        /// it is in for it.
        ///
        /// Default: none, that of the members it joins through, drawn anew by the first.
        public var mesh: MeshID?
        /// Pace of probing: `lan`, `wan` or `local`.
        ///
        /// Default: `lan`. `local` suits several nodes on one machine.
        public var profile = "lan"
    }

    /// When a write of the configuration is answered as safe.
    public struct Durability: Equatable, Sendable {
        /// Nodes that must have it on disk, this one included; never more than the mesh has.
        ///
        /// Default: 3; 1 to 16.
        public var nodes = 3
        /// Regions among them; never more than the mesh has.
        ///
        /// Default: 2; 1 to 16.
        public var regions = 2
        /// How long a write waits for that before it is answered with who has it so far.
        ///
        /// Default: 2 s; 1 to 60 s.
        public var timeout = Duration.seconds(2)
    }

    /// Who the node is.
    public var node: Identity
    /// The proxy: listeners, limits, what it tells clients.
    public var proxy: ProxySettings
    /// Where the Admin API listens and who may use it.
    public var admin: AdminSettings
    /// Where the status listener (`/status`, `/status/ready`, `/metrics`) listens.
    ///
    /// Default: `0.0.0.0:8100`.
    public var statusListen: Endpoint
    /// The gossip layer.
    public var gossip: Gossip
    /// When a write of the configuration is answered as safe.
    public var durability = Durability()
    /// A declarative file that is applied when the node holds no configuration yet.
    ///
    /// Default: none.
    public var configurationFile: String?
    /// The least level that is logged: trace, debug, info, notice, warning, error.
    ///
    /// Default: `info`.
    public var logLevel = "info"

    /// Creates the defaults.
    public init(hostName: String) {
        let anywhere = IPAddress.v4(0)
        self.node = Identity(name: hostName)
        self.proxy = ProxySettings()
        self.proxy.dataPlane.listen = [ListenAddress(Endpoint(address: anywhere, port: 8_000))]
        self.proxy.dataPlane.tlsListen = [ListenAddress(Endpoint(address: anywhere, port: 8_443))]
        self.admin = AdminSettings(listen: Endpoint(address: .v4(0x7F00_0001), port: 8_001))
        self.statusListen = Endpoint(address: anywhere, port: 8_100)
        self.gossip = Gossip(bind: Endpoint(address: anywhere, port: 7_946))
    }

    /// The address that other nodes use for gossip.
    public var advertisedGossip: Endpoint { self.gossip.advertise ?? self.gossip.bind }

    /// Returns `self` if the settings hold together.
    ///
    /// - Returns: the same settings.
    /// - Throws: ``SettingsError`` for the first that does not.
    public func validated() throws(SettingsError) -> NodeSettings {
        guard !self.node.region.isEmpty else {
            throw .missing(
                field: "node.region",
                remedy: "set node.region in the file, MESH_NODE_REGION or --region"
            )
        }
        let isWildcard = [IPAddress.v4(0), .v6(high: 0, low: 0)].contains(
            self.advertisedGossip.address
        )
        // A wildcard stands for the machine's own address.
        if let advertise = self.gossip.advertise, !isWildcard, !advertise.isDestination {
            throw .conflict(
                field: "gossip.advertise",
                value: advertise.description,
                remedy: "nothing can be sent there; give one machine's address, and its port"
            )
        }
        guard !isWildcard || self.gossip.seeds.isEmpty else {
            throw .conflict(
                field: "gossip.advertise",
                value: self.advertisedGossip.description,
                remedy: "set gossip.advertise to an address that the seeds can reach"
            )
        }
        _ = try self.proxy.validated()
        _ = try self.admin.validated()
        return self
    }
}

/// A setting that the node refuses to start with.
///
/// Indirect, as every error enum with wide payloads here: release builds of Swift 6.3.1 hand a typed
/// error of more than four words to its catch with a wrong case.
public indirect enum SettingsError: Error, Equatable, Sendable {
    /// The file cannot be read or is not a map of settings.
    case unreadable(file: String, reason: String)
    /// No such setting exists.
    case unknown(field: String, source: String, suggestion: String?)
    /// The value is not one the setting takes.
    case invalid(field: String, value: String, source: String, allowed: String)
    /// A required setting is absent.
    case missing(field: String, remedy: String)
    /// Two settings cannot hold together.
    case conflict(field: String, value: String, remedy: String)
    /// More than one thing is wrong.
    case several([SettingsError])
}

extension SettingsError: CustomStringConvertible {
    /// A line for the operator for each thing that is wrong: field, value found, what to do.
    public var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .unknown(let field, let source, let suggestion):
            "\(field): no such setting (\(source))"
                + (suggestion.map { "; did you mean \($0)?" } ?? "")
        case .invalid(let field, let value, let source, let allowed):
            "\(field) is '\(value)' (\(source)), but must be \(allowed)"
        case .missing(let field, let remedy): "\(field) is not set; \(remedy)"
        case .conflict(let field, let value, let remedy): "\(field) is \(value); \(remedy)"
        case .several(let errors): errors.map(\.description).joined(separator: "\n")
        }
    }
}

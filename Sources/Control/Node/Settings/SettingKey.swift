import MeshEntities
import MeshMembership
import MeshPrimitives

/// One setting: its dotted name, what it takes, where it goes and how it is shown.
///
/// The same name is used in the file, in errors, in the Admin API and (upper case, `MESH_` before
/// it, `_` for `.`) in the environment.
struct SettingKey: Sendable {
    /// A place in the settings.
    typealias Place<Value> = any WritableKeyPath<NodeSettings, Value> & Sendable

    let name: String
    let allowed: String
    /// Puts the value in place; `false` when the value is not allowed.
    let apply: @Sendable (_ values: [String], _ settings: inout NodeSettings) -> Bool
    /// The value in force, in the form in which it is given; null when there is none.
    let show: @Sendable (_ settings: NodeSettings) -> DocumentValue

    var environmentName: String {
        "MESH_" + String(self.name.uppercased().map { $0 == "." ? "_" : $0 })
    }

    /// Every setting, in the order in which they are documented.
    static let all: [SettingKey] =
        Self.identity + Self.proxyListeners + Self.proxyTLS + Self.proxyClients + Self.proxyAnswers
        + Self.control

    private static let identity: [SettingKey] = [
        .name("node.name", \.node.name),
        .name("node.region", \.node.region),
        .name("node.zone", \.node.zone),
        .text("node.data_dir", allowed: "a path", \.node.dataDirectory),
    ]

    private static let control: [SettingKey] = [
        .endpoint("admin.listen", { $0.admin.listen }, { $0.admin.listen = $1 }),
        .path("admin.socket", \.admin.socket),
        .path("admin.tls_cert", \.admin.certificate),
        .path("admin.tls_key", \.admin.key),
        .path("admin.client_ca", \.admin.clientAuthorities),
        .path("admin.tokens_file", \.admin.tokens),
        .endpoint("status.listen", { $0.statusListen }, { $0.statusListen = $1 }),
        .endpoint("gossip.bind", { $0.gossip.bind }, { $0.gossip.bind = $1 }),
        .endpoint("gossip.advertise", { $0.advertisedGossip }, { $0.gossip.advertise = $1 }),
        .list(
            "gossip.seeds",
            allowed: "members like 10.0.0.8:7946 or eu-1.example:7946",
            \.gossip.seeds,
            read: { SeedAddress($0) == nil ? nil : $0 }
        ),
        .path("gossip.keyring", \.gossip.keyring),
        .name("gossip.cluster", \.gossip.cluster),
        .mesh("gossip.mesh", \.gossip.mesh),
        .choice("gossip.profile", of: ["lan", "wan", "local"], \.gossip.profile),
        .count("durability.nodes", in: 1...16, \.durability.nodes),
        .count("durability.regions", in: 1...16, \.durability.regions),
        .seconds("durability.timeout", in: 1...60, \.durability.timeout),
        .path("config", \.configurationFile),
        .choice(
            "log.level",
            of: ["trace", "debug", "info", "notice", "warning", "error"],
            \.logLevel
        ),
    ]
}

/// A member to join through: a host, by name or address, and a port.
struct SeedAddress: Equatable, Sendable {
    let host: String
    let port: UInt16

    /// Reads `host:port`, `192.0.2.1:7946` or `[2001:db8::1]:7946`.
    init?(_ text: String) {
        if let endpoint = Endpoint(text) {
            self.host = endpoint.address.description
            self.port = endpoint.port
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let port = UInt16(parts[1]), port > 0,
            !parts[0].isEmpty, parts[0].utf8.count <= 253, !parts[0].contains(" ")
        else { return nil }
        self.host = String(parts[0])
        self.port = port
    }
}

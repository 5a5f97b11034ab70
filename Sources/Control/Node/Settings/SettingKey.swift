import MeshPrimitives

/// One setting: its dotted name, what it takes and where it goes.
///
/// The same name is used in the file, in errors and (upper case, `MESH_` before it, `_` for `.`) in
/// the environment.
struct SettingKey: Sendable {
    let name: String
    let allowed: String
    /// Puts the value in place; `false` when the value is not allowed.
    let apply: @Sendable (_ values: [String], _ settings: inout NodeSettings) -> Bool

    var environmentName: String {
        "MESH_" + String(self.name.uppercased().map { $0 == "." ? "_" : $0 })
    }

    static let all: [SettingKey] = [
        .name("node.name") { $0.node.name = $1 },
        .name("node.region") { $0.node.region = $1 },
        .name("node.zone") { $0.node.zone = $1 },
        .text("node.data_dir", allowed: "a path") { $0.node.dataDirectory = $1 },
        SettingKey(name: "proxy.listen", allowed: "addresses like 0.0.0.0:8000") {
            values,
            settings in
            let endpoints = values.compactMap { Endpoint($0) }
            guard endpoints.count == values.count, !endpoints.isEmpty else { return false }
            settings.proxy.listen = endpoints
            return true
        },
        SettingKey(name: "proxy.tls_listen", allowed: "absent: TLS listeners are not built yet") {
            values,
            _ in values.isEmpty
        },
        SettingKey(name: "proxy.workers", allowed: "auto or 1 to 256") { values, settings in
            guard values.count == 1 else { return false }
            if values[0] == "auto" {
                settings.proxy.workers = 0
                return true
            }
            guard let count = Int(values[0]), (1...256).contains(count) else { return false }
            settings.proxy.workers = count
            return true
        },
        .text("proxy.access_log", allowed: "a path, off or -") { $0.proxy.accessLog = $1 },
        .seconds("proxy.drain_deadline", upTo: 3_600) { $0.proxy.drainDeadline = $1 },
        .seconds("proxy.drain_announce", upTo: 600) { $0.proxy.drainAnnounce = $1 },
        SettingKey(
            name: "admin.listen",
            allowed: "a loopback address like 127.0.0.1:8001: "
                + "TLS and tokens for it are not built yet"
        ) { values, settings in
            guard values.count == 1, let endpoint = Endpoint(values[0]),
                endpoint.address.isLoopback
            else { return false }
            settings.adminListen = endpoint
            return true
        },
        .endpoint("status.listen") { $0.statusListen = $1 },
        .endpoint("gossip.bind") { $0.gossip.bind = $1 },
        .endpoint("gossip.advertise") { $0.gossip.advertise = $1 },
        SettingKey(name: "gossip.seeds", allowed: "members like 10.0.0.8:7946 or eu-1.example:7946")
        {
            values,
            settings in
            guard values.allSatisfy({ SeedAddress($0) != nil }) else { return false }
            settings.gossip.seeds = values
            return true
        },
        .text("gossip.keyring", allowed: "a path") { $0.gossip.keyring = $1 },
        .name("gossip.cluster") { $0.gossip.cluster = $1 },
        .choice("gossip.profile", of: ["lan", "wan", "local"]) { $0.gossip.profile = $1 },
        .text("config", allowed: "a path") { $0.configurationFile = $1 },
        .choice("log.level", of: ["trace", "debug", "info", "notice", "warning", "error"]) {
            $0.logLevel = $1
        },
    ]

    private static func text(
        _ name: String,
        allowed: String,
        _ assign: @escaping @Sendable (inout NodeSettings, String) -> Void
    ) -> SettingKey {
        SettingKey(name: name, allowed: allowed) { values, settings in
            guard values.count == 1, !values[0].isEmpty else { return false }
            assign(&settings, values[0])
            return true
        }
    }

    private static func name(
        _ name: String,
        _ assign: @escaping @Sendable (inout NodeSettings, String) -> Void
    ) -> SettingKey {
        SettingKey(name: name, allowed: "1 to 64 of A-Z a-z 0-9 . _ -") { values, settings in
            guard values.count == 1, Self.isName(values[0]) else { return false }
            assign(&settings, values[0])
            return true
        }
    }

    /// Whether a text can name a member, region, zone or mesh.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy(Self.isNameByte)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func endpoint(
        _ name: String,
        _ assign: @escaping @Sendable (inout NodeSettings, Endpoint) -> Void
    ) -> SettingKey {
        SettingKey(name: name, allowed: "an address like 127.0.0.1:8001") { values, settings in
            guard values.count == 1, let endpoint = Endpoint(values[0]) else { return false }
            assign(&settings, endpoint)
            return true
        }
    }

    private static func seconds(
        _ name: String,
        upTo limit: Int64,
        _ assign: @escaping @Sendable (inout NodeSettings, Duration) -> Void
    ) -> SettingKey {
        SettingKey(name: name, allowed: "0 to \(limit) seconds") { values, settings in
            guard values.count == 1, let seconds = Int64(values[0]), (0...limit).contains(seconds)
            else { return false }
            assign(&settings, .seconds(seconds))
            return true
        }
    }

    private static func choice(
        _ name: String,
        of choices: [String],
        _ assign: @escaping @Sendable (inout NodeSettings, String) -> Void
    ) -> SettingKey {
        SettingKey(name: name, allowed: "one of \(choices.joined(separator: ", "))") {
            values,
            settings in
            guard values.count == 1, choices.contains(values[0]) else { return false }
            assign(&settings, values[0])
            return true
        }
    }
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

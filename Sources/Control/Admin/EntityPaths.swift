import Foundation
import MeshEntities

/// The paths of Kong's entities: one table of collections and references, no code per entity.
///
/// Source: Kong's `kong/api/endpoints.lua` and `kong/api/routes/*.lua`, version 3.9.
struct EntityPaths: Sendable {
    /// Kinds with a path of their own; targets stand below their upstream only.
    static let collections: [EntityKind] = [
        .services, .routes, .upstreams, .plugins, .consumers, .certificates, .snis, .caCertificates,
        .consumerGroups, .groupMembers, .keyCredentials, .basicCredentials, .jwtSecrets,
        .hmacCredentials, .certificateCredentials, .aclGroups, .vaults, .keySets, .keys,
    ]

    /// References that can be read and written from above, as `/services/{service}/routes`.
    static let nestings = ForeignKey.all.filter { key in
        !(key.child == .upstreams && key.parent == .certificates)
    }

    /// References that can be followed, as `/routes/{route}/service`.
    static let followed = ForeignKey.all.filter { key in
        key.child != .targets && key.child != .snis
    }

    let node: any AdminNode

    /// All paths; those that come first win.
    var all: [AdminPath] {
        Self.collections.flatMap(self.collection) + Self.nestings.flatMap(self.nested)
            + Self.followed.map(self.reference)
    }

    /// The reads of targets that the status listener offers too.
    var targets: [AdminPath] {
        Self.nestings.filter { $0.child == .targets }.flatMap(self.nested).map(\.readOnly)
    }

    private func collection(_ kind: EntityKind) -> [AdminPath] {
        let one = EntityEndpoint(node: self.node, kind: kind, nesting: nil)
        let name = kind.pathName
        return [
            AdminPath(
                name,
                [
                    .reading("List \(name)", .page(kind), one.list),
                    .creating("Create \(kind.article)", kind, one.create),
                ]
            ),
            AdminPath("\(name)/:\(name)", one.methods),
        ]
    }

    private func nested(_ key: ForeignKey) -> [AdminPath] {
        let parent = key.parent.pathName
        let child = key.child.nestedPathName
        let prefix = "\(parent)/:\(parent)/\(child)"
        let one = EntityEndpoint(node: self.node, kind: key.child, nesting: key)
        let list = AdminPath(
            prefix,
            [
                .reading("List \(child) of \(key.parent.article)", .page(key.child), one.list),
                .creating("Create \(key.child.article)", key.child, one.create),
            ]
        )
        let all =
            key.child == .targets
            ? [
                AdminPath(
                    "\(prefix)/all",
                    [.reading("List all targets", .page(.targets), one.list)]
                )
            ] : []
        return all + [list, AdminPath("\(prefix)/:\(child)", one.methods)]
    }

    private func reference(_ key: ForeignKey) -> AdminPath {
        let child = key.child.pathName
        let followed = FollowedEndpoint(node: self.node, key: key)
        return AdminPath(
            "\(child)/:\(child)/\(key.field)",
            [
                .reading(
                    "Read the \(key.field) of \(key.child.article)",
                    .entity(key.parent),
                    followed.read
                ),
                .writing("PUT", "Create or replace it", key.parent, followed.replace),
                .writing("PATCH", "Change it", key.parent, followed.update),
                AdminPath.Method(name: "DELETE", summary: "Refused") { exchange in
                    await followed.refuse(exchange)
                },
            ]
        )
    }
}

extension EntityKind {
    /// The collection's name in a path, as Kong's plugins name theirs.
    var pathName: String {
        switch self {
        case .keyCredentials: "key-auths"
        case .basicCredentials: "basic-auths"
        case .jwtSecrets: "jwts"
        case .hmacCredentials: "hmac-auths"
        case .certificateCredentials: "mtls-auths"
        case .services, .routes, .upstreams, .targets, .plugins, .consumers, .certificates, .snis,
            .caCertificates, .consumerGroups, .groupMembers, .aclGroups, .vaults, .keys:
            self.rawValue
        case .keySets: "key-sets"
        }
    }

    /// The collection's name in a path below what it belongs to.
    var nestedPathName: String {
        switch self {
        case .keyCredentials: "key-auth"
        case .basicCredentials: "basic-auth"
        case .jwtSecrets: "jwt"
        case .hmacCredentials: "hmac-auth"
        case .certificateCredentials: "mtls-auth"
        case .services, .routes, .upstreams, .targets, .plugins, .consumers, .certificates, .snis,
            .caCertificates, .consumerGroups, .groupMembers, .aclGroups, .vaults, .keySets, .keys:
            self.rawValue
        }
    }

    /// One entity of this kind, in a sentence.
    var article: String {
        let name = self.singular.split(separator: "_").joined(separator: " ")
        return "\("aeiou".contains(name.first ?? "x") ? "an" : "a") \(name)"
    }
}

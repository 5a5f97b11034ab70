internal import MeshEntities

/// What a file may legally say but probably does not mean.
enum DeclarationLint {
    static func warnings(
        _ entries: [DeclarationReader.Entry],
        _ format: DeclarationFormat
    ) -> [Finding] {
        entries.flatMap { entry -> [Finding] in
            switch entry.kind {
            case .routes: format == .current ? Self.paths(entry) : []
            case .targets: Self.weight(entry)
            case .services: Self.shorthand(entry)
            case .upstreams, .plugins, .consumers, .certificates, .snis, .caCertificates,
                .consumerGroups, .groupMembers, .keyCredentials, .basicCredentials, .jwtSecrets,
                .hmacCredentials, .certificateCredentials, .aclGroups, .vaults, .keySets, .keys:
                []
            }
        }
    }

    private static func paths(_ entry: DeclarationReader.Entry) -> [Finding] {
        (entry.node.value["paths"]?.nodes ?? []).enumerated().compactMap { index, node in
            guard let path = node.value.text, path.hasPrefix("/"),
                path.utf8.contains(where: { "\\^$*+?()[]{}|".utf8.contains($0) })
            else { return nil }
            return Finding(
                at: entry.location.field("paths").index(index),
                "'\(path)' looks like a regex but is a literal prefix; write '~\(path)' for a regex",
                line: node.line,
                column: node.column
            )
        }
    }

    private static func weight(_ entry: DeclarationReader.Entry) -> [Finding] {
        guard let field = entry.node.value.fields?.first(where: { $0.name == "weight" }),
            field.node.value == .integer(0)
        else { return [] }
        let message =
            "weight 0 takes no traffic, not even when all other targets fail; "
            + "write 'failover: true' for that"
        return [
            Finding(
                at: entry.location.field("weight"),
                message,
                line: field.node.line,
                column: field.node.column
            )
        ]
    }

    private static func shorthand(_ entry: DeclarationReader.Entry) -> [Finding] {
        guard let url = entry.node.value["url"], !url.isNull else { return [] }
        let covered = (entry.node.value.fields ?? []).filter {
            ["protocol", "host", "port", "path"].contains($0.name) && !$0.node.value.isNull
        }
        return covered.map { field in
            Finding(
                at: entry.location.field(field.name),
                "'url' wins over '\(field.name)', which has no effect",
                line: field.line,
                column: field.column
            )
        }
    }
}

import MeshEntities
import MeshHTTP

/// Kong's `acl`: lets in, or keeps out, consumers by the groups they are in.
///
/// Source: Kong's `kong/plugins/acl/handler.lua`, version 3.9.
struct ACL: Sendable {
    static let definition = PluginDefinition(
        name: "acl",
        priority: 950,
        fields: [
            FieldSchema("allow", .array(.string)), FieldSchema("deny", .array(.string)),
            .standard("hide_groups_header", .boolean, .bool(false)),
            .standard("always_use_authenticated_groups", .boolean, .bool(false)),
            .standard("include_consumer_groups", .boolean, .bool(false)),
        ],
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try ACL(settings)
            return PluginStep(access: { request, state, edits in
                plugin.access(request, state, &edits)
            })
        }
    )

    private static let nobody = PluginAnswer(status: 401, error: "Unauthorized")
    private static let kept = PluginAnswer(status: 403, error: "You cannot consume this service")

    /// In lists as short as these, comparing is faster than hashing.
    private let groups: [String]
    private let allows: Bool
    private let tellsGroups: Bool
    private let prefersVouched: Bool
    private let includesConsumerGroups: Bool

    private init(_ settings: PluginSettings) throws(PluginError) {
        let allow = try settings.texts("allow") ?? []
        let deny = try settings.texts("deny") ?? []
        guard allow.isEmpty || deny.isEmpty else {
            throw settings.wholeError(
                "only one of these fields must be non-empty: "
                    + "'config.allow', 'config.deny'"
            )
        }
        guard !allow.isEmpty || !deny.isEmpty else {
            throw settings.wholeError(
                "at least one of these fields must be non-empty: "
                    + "'config.allow', 'config.deny'"
            )
        }
        self.groups = allow + deny
        self.allows = !allow.isEmpty
        self.prefersVouched = try settings.flag("always_use_authenticated_groups") ?? false
        self.includesConsumerGroups = try settings.flag("include_consumer_groups") ?? false
        self.tellsGroups = try settings.flag("hide_groups_header") != true
    }

    private func access(
        _ request: PluginRequest,
        _ state: PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        let consumer = request.consumers[state.identity.consumer]
        let vouched =
            consumer == nil || self.prefersVouched ? Self.vouched(request, state.identity) : nil
        guard let own = vouched ?? consumer.map(self.groups(of:)) else {
            // Whom somebody else vouches for is known, and in no group.
            return .answer(state.identity.isVouched ? Self.kept : Self.nobody)
        }
        guard own.contains(where: { self.groups.contains($0) }) == self.allows else {
            return .answer(Self.kept)
        }
        guard self.tellsGroups else { return .next }
        edits.drop("x-consumer-groups")
        edits.drop("x-authenticated-groups")
        let told = own.filter { FieldText.isValue($0) }
        guard !told.isEmpty else { return .next }
        edits.lines.write(vouched == nil ? "X-Consumer-Groups: " : "X-Authenticated-Groups: ")
        for (index, group) in told.enumerated() {
            if index > 0 { edits.lines.write(", ") }
            var group = group
            group.withUTF8 { edits.lines.write(UnsafeRawBufferPointer($0)) }
        }
        edits.lines.write("\r\n")
        return .next
    }

    private func groups(of consumer: ConsumerEntry) -> [String] {
        guard self.includesConsumerGroups else { return consumer.accessGroups }
        return consumer.accessGroups
            + consumer.groupNames.filter { !consumer.accessGroups.contains($0) }
    }

    /// The groups that somebody else says the client is in; nil for none.
    private static func vouched(
        _ request: PluginRequest,
        _ identity: PluginIdentity
    ) -> [String]? {
        guard let group = identity.group, let peer = PeerCertificate(request.secured) else {
            return nil
        }
        switch group {
        case .commonName: return peer.commonName.map { [$0] }
        case .subject: return [peer.subject]
        }
    }
}

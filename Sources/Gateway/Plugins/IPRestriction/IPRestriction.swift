import MeshEntities
import MeshPrimitives

/// Kong's `ip-restriction`: only some addresses may, or all but some.
///
/// Connections of streams are closed without a word; datagrams are dropped.
///
/// Source: Kong 3.9, `kong/plugins/ip-restriction`.
struct IPRestriction: Sendable {
    static let definition = PluginDefinition(
        name: "ip-restriction",
        priority: 990,
        fields: IPRestriction.fields,
        takesStreams: true
    ) { settings throws(PluginError) in
        let step = try IPRestriction(settings)
        return PluginStep(
            access: { request, _, _ in step.access(request.clientAddress) },
            connection: { address in
                if case .next = step.access(address) { true } else { false }
            }
        )
    }

    private static let fields: [FieldSchema] = [
        FieldSchema("allow", .array(.string)),
        FieldSchema("deny", .array(.string)),
        FieldSchema("status", .number),
        FieldSchema("message", .string),
    ]

    private let allowed: AddressSet
    private let denied: AddressSet
    private let status: UInt16
    private let message: String?

    init(_ settings: PluginSettings) throws(PluginError) {
        self.allowed = try Self.addresses("allow", settings)
        self.denied = try Self.addresses("deny", settings)
        let status = try settings.number("status") ?? 403
        guard let whole = UInt16(exactly: status), (200...599).contains(whole) else {
            throw settings.error("status", "value should be between 200 and 599")
        }
        self.status = whole
        self.message = try settings.text("message")
        guard !self.allowed.isEmpty || !self.denied.isEmpty else {
            throw settings.missingAll(of: ["allow", "deny"])
        }
    }

    private static func addresses(
        _ name: String,
        _ settings: PluginSettings
    ) throws(PluginError) -> AddressSet {
        var blocks: [AddressBlock] = []
        for (index, text) in (try settings.texts(name) ?? []).enumerated() {
            guard let block = AddressBlock(text) else {
                throw settings.error(name, at: index, "invalid ip or cidr range: '\(text)'")
            }
            blocks.append(block)
        }
        return AddressSet(blocks)
    }

    /// Lets a client pass or not; one without an address may not.
    func access(_ address: IPAddress) -> PluginVerdict {
        guard address != .v4(0) else {
            return .answer(
                PluginAnswer(
                    status: 403,
                    error:
                        "Cannot identify the client IP address, unix domain sockets are not supported."
                )
            )
        }
        guard !self.denied.contains(address),
            self.allowed.isEmpty || self.allowed.contains(address)
        else {
            return .answer(
                PluginAnswer(
                    status: self.status,
                    error: self.message ?? "IP address not allowed: \(address)"
                )
            )
        }
        return .next
    }
}

import MeshEntities
import MeshHTTP

/// What `session` tells targets and clients of a session, in fields of their own.
///
/// Source: lua-resty-session 4, `lib/resty/session.lua`, as Kong's `kong/plugins/session/` uses it.
struct SessionTelling: Sendable {
    /// One thing that there is to tell.
    private enum Property: String, CaseIterable {
        case id
        case audience
        case subject
        case timeout
        case idling = "idling-timeout"
        case rolling = "rolling-timeout"
        case absolute = "absolute-timeout"

        var name: String {
            switch self {
            case .id: "Session-Id"
            case .audience: "Session-Audience"
            case .subject: "Session-Subject"
            case .timeout: "Session-Timeout"
            case .idling: "Session-Idling-Timeout"
            case .rolling: "Session-Rolling-Timeout"
            case .absolute: "Session-Absolute-Timeout"
            }
        }
    }

    /// The schema of a setting that lists what is told.
    static func field(_ name: String) -> FieldSchema {
        var field = FieldSchema(name, .set(.string))
        field.choices = Property.allCases.map(\.rawValue)
        return field
    }

    /// Characters of a cookie that its nonce takes: 24 bytes in Base64.
    private static let idCount = 32

    private let audience: String
    private let limits: SessionLimits
    private let toTargets: [Property]
    private let toClients: [Property]
    private let targetNames: [UInt8]
    private let clientNames: [UInt8]

    init(
        _ settings: PluginSettings,
        audience: String,
        _ limits: SessionLimits
    ) throws(PluginError) {
        self.audience = audience
        self.limits = limits
        self.toTargets = (try settings.texts("request_headers") ?? [])
            .compactMap(Property.init)
        self.toClients = (try settings.texts("response_headers") ?? [])
            .compactMap(Property.init)
        guard self.toTargets.isEmpty && self.toClients.isEmpty || FieldText.isValue(audience)
        else { throw settings.error("audience", "a header value has no control characters") }
        let names = { (told: [Property]) in
            PluginEdits.list(told.map { Array($0.name.lowercased().utf8) })
        }
        self.targetNames = names(self.toTargets)
        self.clientNames = names(self.toClients)
    }

    /// Takes away what a client claims of a session.
    func forget(_ edits: inout PluginEdits) {
        if !self.toTargets.isEmpty { edits.drop(names: self.targetNames) }
    }

    /// Tells both sides of a session that the client has shown in a cookie.
    func tell(
        _ ticket: SessionTicket,
        _ cookie: UnsafeRawBufferPointer,
        _ consumer: ConsumerEntry?,
        at now: Double,
        _ edits: inout PluginEdits
    ) {
        guard !self.toTargets.isEmpty || !self.toClients.isEmpty else { return }
        let id = String(decoding: cookie.prefix(Self.idCount), as: UTF8.self)
        Self.write(self.lines(self.toTargets, ticket, id, consumer, now), to: &edits.lines)
        Self.write(
            self.lines(self.toClients, ticket, id, consumer, now),
            to: &edits.responseLines
        )
    }

    /// Tells a client of a session that it gets, in the response phase.
    func tellClient(
        _ ticket: SessionTicket,
        _ cookie: String,
        _ consumer: ConsumerEntry?,
        at now: Double,
        _ edits: inout PluginEdits
    ) {
        guard !self.toClients.isEmpty else { return }
        edits.drop(names: self.clientNames)
        let id = String(cookie.prefix(Self.idCount))
        Self.write(self.lines(self.toClients, ticket, id, consumer, now), to: &edits.lines)
    }

    private static func write(_ lines: String, to writer: inout HeadWriter) {
        Array(lines.utf8).withUnsafeBytes { writer.write($0) }
    }

    private func lines(
        _ told: [Property],
        _ ticket: SessionTicket,
        _ id: String,
        _ consumer: ConsumerEntry?,
        _ now: Double
    ) -> String {
        let subject = consumer?.username ?? consumer?.customID ?? ticket.consumer.description
        let left = self.limits.left(ticket, at: now)
        return told.compactMap { property -> String? in
            let value: String? =
                switch property {
                case .id: id
                case .audience: self.audience
                case .subject: FieldText.isValue(subject) ? subject : nil
                case .timeout: left.all.map { "\($0)" }
                case .idling: left.idling.map { "\($0)" }
                case .rolling: left.rolling.map { "\($0)" }
                case .absolute: left.absolute.map { "\($0)" }
                }
            return value.map { "\(property.name): \($0)\r\n" }
        }
        .joined()
    }
}

extension SessionLimits {
    /// Seconds that a session has left by each of its times, nil where there is no limit, and by the first
    /// of them.
    func left(
        _ ticket: SessionTicket,
        at now: Double
    ) -> (idling: Int64?, rolling: Int64?, absolute: Int64?, all: Int64?) {
        let seconds = { (limit: Double, from: UInt64) -> Int64? in
            limit > 0 ? Int64(max(0, min(limit - (now - Double(from)), 1e15))) : nil
        }
        let left = (
            seconds(self.idling, ticket.touched), seconds(self.rolling, ticket.touched),
            seconds(self.absolute, ticket.began)
        )
        return (left.0, left.1, left.2, [left.0, left.1, left.2].compactMap(\.self).min())
    }
}

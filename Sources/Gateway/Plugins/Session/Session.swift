import MeshEntities
import MeshHTTP

/// Kong's `session`: a sealed cookie lets a client that was authenticated once go on without showing
/// its credential again.
///
/// The cookie holds all there is to a session, so that every node that has the secret opens it, and
/// no node keeps any. Those who log out lose their cookie; one that was copied before lasts until its
/// times are up. With `remember` a second cookie, sealed by a key of its own, outlasts the browser: a
/// client without a session, but with that one, is given a new session; the second cookie's absolute
/// time runs from the login on, whatever sessions there were since. The plugins that authenticate need
/// `anonymous`, as in Kong, to leave a request with a session alone. Without a `secret`, for which Kong
/// draws one per node, one is made of what the mesh's nodes share.
///
/// Source: Kong's `kong/plugins/session/`, version 3.9.
struct Session: Sendable {
    static let definition = PluginDefinition(
        name: "session",
        priority: 1_900,
        fields: [
            secretField, .standard("storage", .string, .string("cookie")),
            .standard("audience", .string, .string("default")),
            .standard("idling_timeout", .number, .integer(900)),
            .standard("rolling_timeout", .number, .integer(3_600)),
            .standard("absolute_timeout", .number, .integer(86_400)),
            .standard("stale_ttl", .number, .integer(10)),
            .standard("cookie_name", .string, .string("session")),
            .standard("cookie_path", .string, .string("/")), FieldSchema("cookie_domain", .string),
            .choice("cookie_same_site", ["Strict", "Lax", "None", "Default"], "Strict"),
            .standard("cookie_http_only", .boolean, .bool(true)),
            .standard("cookie_secure", .boolean, .bool(true)),
            .standard("remember", .boolean, .bool(false)),
            .standard("remember_cookie_name", .string, .string("remember")),
            .standard("remember_rolling_timeout", .number, .integer(604_800)),
            .standard("remember_absolute_timeout", .number, .integer(2_592_000)),
            SessionTelling.field("response_headers"), SessionTelling.field("request_headers"),
            methodsField,
            .standard("logout_query_arg", .string, .string("session_logout")),
            .standard("logout_post_arg", .string, .string("session_logout")),
            .standard("read_body_for_logout", .boolean, .bool(false)),
            // How Kong stores what our cookie holds sealed: without effect here.
            .standard("hash_subject", .boolean, .bool(false)),
            .standard("store_metadata", .boolean, .bool(false)),
        ],
        authenticates: true,
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try Session(settings)
            return PluginStep(
                access: { request, state, edits in plugin.access(request, &state, &edits) },
                response: { plugin.response($0, $1, &$2) }
            )
        }
    )

    private static let secretField: FieldSchema = {
        var field = FieldSchema("secret", .string)
        field.isSecret = true
        return field
    }()

    private static let methodsField: FieldSchema = {
        var field = FieldSchema.standard(
            "logout_methods",
            .set(.string),
            .list([.string("POST"), .string("DELETE")])
        )
        field.choices = ["GET", "POST", "DELETE"]
        return field
    }()

    private let seal: Seal
    private let limits: SessionLimits
    private let name: [UInt8]
    /// What follows the value of the cookie.
    private let attributes: [UInt8]
    /// What outlasts the browser; nil when nothing does.
    private let memory: Memory?
    private let logoutMethods: [[UInt8]]
    private let logoutArgument: [UInt8]
    /// What a body says to log out; nil when bodies are not looked at.
    private let logoutBodyArgument: [UInt8]?
    /// What is told of sessions, and to whom.
    private let telling: SessionTelling

    private init(_ settings: PluginSettings) throws(PluginError) {
        let storage = try settings.text("storage") ?? "cookie"
        guard storage == "cookie" else {
            throw settings.error("storage", "only 'cookie' is built: sessions are kept by clients")
        }
        let secret = try settings.text("secret")
        // Everybody knows what an empty one seals.
        guard secret?.isEmpty != true else {
            throw settings.error("secret", "length must be at least 1")
        }
        let audience = try settings.text("audience") ?? ""
        self.seal = Seal(settings, secret: secret, audience: audience)
        self.limits = SessionLimits(
            idling: try settings.number("idling_timeout") ?? 900,
            rolling: try settings.number("rolling_timeout") ?? 3_600,
            absolute: try settings.number("absolute_timeout") ?? 86_400
        )
        self.name = try Self.name("cookie_name", settings)
        self.attributes = try Self.attributes(settings)
        self.memory =
            try settings.flag("remember") == true
            ? try Memory(settings, secret: secret, audience: audience, otherName: self.name) : nil
        self.logoutMethods =
            try settings.texts("logout_methods")?.map { Array($0.utf8) } ?? []
        self.logoutArgument = Array((try settings.text("logout_query_arg") ?? "").utf8)
        let bodyArgument = try settings.text("logout_post_arg") ?? ""
        let readsBody = try settings.flag("read_body_for_logout") ?? false
        self.logoutBodyArgument =
            readsBody && !bodyArgument.isEmpty ? Array(bodyArgument.utf8) : nil
        self.telling = try SessionTelling(settings, audience: audience, self.limits)
    }

    /// The cookie that outlasts the browser.
    private struct Memory {
        let name: [UInt8]
        let seal: Seal
        let limits: SessionLimits
        /// Seconds that clients are told to keep it.
        let seconds: Int64

        /// Told for no end: 400 days, longer than which browsers keep nothing.
        private static let longest = 34_560_000.0

        init(
            _ settings: PluginSettings,
            secret: String?,
            audience: String,
            otherName: [UInt8]
        ) throws(PluginError) {
            self.name = try Session.name("remember_cookie_name", settings)
            guard self.name != otherName else {
                throw settings.error("remember_cookie_name", "'cookie_name' has the same name")
            }
            self.seal = Seal(settings, secret: secret, audience: "\(audience)\nremember")
            let rolling = try settings.number("remember_rolling_timeout") ?? 604_800
            let absolute = try settings.number("remember_absolute_timeout") ?? 2_592_000
            self.limits = SessionLimits(idling: 0, rolling: rolling, absolute: absolute)
            let seconds = [rolling, absolute].filter { $0 > 0 }.min() ?? Self.longest
            // 0 would have clients forget it at once.
            self.seconds = Int64(min(seconds, 4_294_967_295).rounded(.up))
        }
    }

    private static func name(
        _ field: String,
        _ settings: PluginSettings
    ) throws(PluginError) -> [UInt8] {
        let name = try settings.text(field) ?? ""
        guard FieldText.isName(name) else {
            throw settings.error(field, "'\(name)' is no cookie name")
        }
        return Array(name.utf8)
    }

    /// What seals cookies.
    private struct Seal {
        /// Of the written secret; nil without one.
        private let written: SessionSeal?
        /// Whose sessions they are.
        private let owner: String

        init(_ settings: PluginSettings, secret: String?, audience: String) {
            self.written = secret.map { SessionSeal(secret: Array($0.utf8), audience: audience) }
            self.owner = "\(audience)\n\(settings.plugin.id)"
        }

        /// The value of a cookie, sealed with the written secret or the first of those that the mesh's
        /// nodes share; nil where both are missing.
        func close(_ ticket: SessionTicket, _ shared: PluginShared) -> String? {
            let seal = self.written ?? shared.sessionKeys().first.map(self.seal)
            return seal?.close(ticket, random: shared.random)
        }

        /// What a cookie holds; nil when it was made with none of these secrets.
        func open(_ cookie: UnsafeRawBufferPointer, _ shared: PluginShared?) -> SessionTicket? {
            if let written { return written.open(cookie) }
            return shared?.sessionKeys().lazy.compactMap { self.seal($0).open(cookie) }.first
        }

        private func seal(_ key: [UInt8]) -> SessionSeal {
            SessionSeal(secret: key, audience: self.owner)
        }
    }

    private static func attributes(_ settings: PluginSettings) throws(PluginError) -> [UInt8] {
        var text = ""
        for (field, attribute) in [("cookie_path", "Path"), ("cookie_domain", "Domain")] {
            guard let value = try settings.text(field), !value.isEmpty else { continue }
            guard FieldText.isValue(value), !value.contains(";") else {
                throw settings.error(field, "a cookie's attribute has no ';'")
            }
            text += "; \(attribute)=\(value)"
        }
        let site = try settings.text("cookie_same_site") ?? "Strict"
        if site != "Default" { text += "; SameSite=\(site)" }
        if try settings.flag("cookie_secure") ?? true { text += "; Secure" }
        if try settings.flag("cookie_http_only") ?? true { text += "; HttpOnly" }
        return Array(text.utf8)
    }

    private func access(
        _ request: PluginRequest,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        let now = Double(request.wallMilliseconds / 1_000)
        self.telling.forget(&edits)
        guard let (ticket, cookie, isRemembered) = self.ticket(request, at: now) else {
            return .next
        }
        switch self.logout(request) {
        case .asked:
            return .answer(
                PluginAnswer(status: 200, lines: self.farewell, contentType: "", body: [])
            )
        case .unread: return .gather(byteLimit: Self.bodyByteLimit)
        case .unasked: break
        }
        guard let place = request.consumers.place(of: ticket.consumer) else { return .next }
        AuthenticationRules.admit(
            request.consumers,
            place,
            ticket.credential,
            &state,
            &edits
        )
        self.telling.tell(ticket, cookie, request.consumers[place], at: now, &edits)
        if isRemembered {
            state.session.rememberBegan = ticket.began
        } else {
            state.session.began = ticket.began
            state.session.isFresh = self.limits.renewed(ticket, at: now) == nil
            if !state.session.isFresh, let memory = self.remembered(request, at: now)?.ticket,
                memory.consumer == ticket.consumer
            {
                state.session.rememberBegan = memory.began
            }
        }
        return .next
    }

    /// What the client shows: a session, or else what outlasts it.
    private func ticket(
        _ request: PluginRequest,
        at now: Double
    ) -> (ticket: SessionTicket, cookie: UnsafeRawBufferPointer, isRemembered: Bool)? {
        if let cookie = request.cookie(self.name),
            let ticket = self.seal.open(cookie, request.shared),
            self.limits.allow(ticket, at: now)
        {
            return (ticket, cookie, false)
        }
        return self.remembered(request, at: now).map { ($0.ticket, $0.cookie, true) }
    }

    /// What outlasts the session, if the client shows it.
    private func remembered(
        _ request: PluginRequest,
        at now: Double
    ) -> (ticket: SessionTicket, cookie: UnsafeRawBufferPointer)? {
        guard let memory, let cookie = request.cookie(memory.name),
            let ticket = memory.seal.open(cookie, request.shared),
            memory.limits.allow(ticket, at: now)
        else { return nil }
        return (ticket, cookie)
    }

    private func response(
        _ consumers: ConsumerDirectory,
        _ state: PluginState,
        _ edits: inout PluginEdits
    ) {
        guard !state.session.isFresh, let consumer = state.identity.consumerID,
            let credential = state.identity.credential
        else { return }
        let now = state.beganMilliseconds / 1_000
        func ticket(_ began: UInt64) -> SessionTicket {
            SessionTicket(
                consumer: consumer,
                credential: credential,
                began: began > 0 ? began : now,
                touched: now
            )
        }
        let made = ticket(state.session.began)
        if let cookie = self.write(self.name, made, by: self.seal, seconds: nil, &edits) {
            let entry = consumers[state.identity.consumer]
            self.telling.tellClient(made, cookie, entry, at: Double(now), &edits)
        }
        // A session that goes on without its memory may have outlasted that, and makes no new one.
        guard let memory, state.session.rememberBegan > 0 || state.session.began == 0 else {
            return
        }
        self.write(
            memory.name,
            ticket(state.session.rememberBegan),
            by: memory.seal,
            seconds: memory.seconds,
            &edits
        )
    }

    /// Sets a cookie; returns its value, nil when there is none.
    @discardableResult
    private func write(
        _ name: [UInt8],
        _ ticket: SessionTicket,
        by seal: Seal,
        seconds: Int64?,
        _ edits: inout PluginEdits
    ) -> String? {
        guard let shared = edits.shared,
            let value = seal.close(ticket, shared)
        else { return nil }
        edits.lines.write("Set-Cookie: ")
        name.withUnsafeBytes { edits.lines.write($0) }
        edits.lines.write("=")
        Array(value.utf8).withUnsafeBytes { edits.lines.write($0) }
        if let seconds {
            edits.lines.write("; Max-Age=")
            edits.lines.write(decimal: UInt64(seconds))
        }
        self.attributes.withUnsafeBytes { edits.lines.write($0) }
        edits.lines.write("\r\n")
        return value
    }

    private var farewell: String {
        let attributes = String(decoding: self.attributes, as: UTF8.self)
        return [self.name, self.memory?.name].compactMap(\.self).map { name in
            let name = String(decoding: name, as: UTF8.self)
            return "Set-Cookie: \(name)=; Max-Age=0\(attributes)\r\n"
        }
        .joined()
    }

    /// Whether a client logs out.
    private enum Logout {
        case asked
        case unasked
        /// The body has to come first.
        case unread
    }

    /// Most bytes of a body that may say so: 1 MiB.
    private static let bodyByteLimit = 1_024 * 1_024

    private func logout(_ request: PluginRequest) -> Logout {
        let method = request.head.methodName.bytes(of: request.bytes)
        guard self.logoutMethods.contains(where: { method.elementsEqual($0) }) else {
            return .unasked
        }
        if !self.logoutArgument.isEmpty {
            var arguments = QueryArguments(request.head.query.bytes(of: request.bytes))
            while let argument = arguments.next() {
                if argument.isNamed(self.logoutArgument) { return .asked }
            }
        }
        guard let argument = self.logoutBodyArgument else { return .unasked }
        if BodyFields.isAwaited(request) { return .unread }
        return BodyFields(of: request)?.has(argument) == true ? .asked : .unasked
    }
}

/// What `session` has found of one request; trivial.
struct SessionState: Sendable {
    /// Unix seconds when the session at hand began; 0 without one.
    var began: UInt64 = 0
    /// Unix seconds when what outlasts sessions began, if the client showed that instead of a session, or
    /// beside one that is written anew; 0 otherwise.
    var rememberBegan: UInt64 = 0
    /// Whether the client's cookie will do.
    var isFresh = false
}

/// How long sessions last, seconds; 0 for no limit.
struct SessionLimits: Sendable {
    let idling: Double
    let rolling: Double
    let absolute: Double

    /// Seconds after which a cookie is written anew, so that not every response carries one.
    private static let interval = 60.0

    /// Whether a session still lasts.
    func allow(_ ticket: SessionTicket, at now: Double) -> Bool {
        let age = now - Double(ticket.began)
        let idle = now - Double(ticket.touched)
        // A time ahead is another node's clock.
        return (self.absolute <= 0 || age < self.absolute)
            && (self.idling <= 0 || idle < self.idling)
            && (self.rolling <= 0 || idle < self.rolling)
    }

    /// The session as it is written anew; nil when the cookie at hand will do.
    func renewed(_ ticket: SessionTicket, at now: Double) -> SessionTicket? {
        let idle = now - Double(ticket.touched)
        let interval = self.idling > 0 ? min(Self.interval, self.idling / 4) : Self.interval
        guard idle >= interval else { return nil }
        var ticket = ticket
        ticket.touched = UInt64(max(0, now))
        return ticket
    }
}

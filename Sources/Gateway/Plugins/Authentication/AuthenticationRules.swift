import MeshEntities
import MeshHTTP

/// What all plugins that authenticate have in common: who is let in as nobody in particular, when
/// they leave a request alone, and what the target is told.
///
/// Several of them on one route must all succeed, unless they have `anonymous`: then the first that
/// succeeds is enough, and the others leave the request alone.
///
/// Source: Kong's `kong/plugins/key-auth/handler.lua` and its siblings, version 3.9.
struct AuthenticationRules: Sendable {
    /// What came of looking at a request.
    enum Outcome {
        /// A credential was shown, and it is right.
        case known(consumer: EntityID, credential: EntityID)
        /// The same, of a consumer that is found already.
        case found(ConsumerMark, credential: EntityID)
        /// A consumer was recognized by what is no credential of its own.
        case recognized(consumer: EntityID)
        /// Somebody else vouches for the client, which is no consumer; `identifier` is told to the
        /// target.
        case vouched(identifier: [UInt8]?)
        /// None was shown, or a wrong one; `anonymous` lets such a request in.
        case refused(PluginAnswer)
        /// Whether it is right cannot be told; not even `anonymous` lets such a request in.
        case undecided(PluginAnswer)
        /// It will be known later.
        case suspended(milliseconds: Int64, status: UInt16)
        /// It cannot be told before the body has come, of which so many bytes are looked at.
        case needsContent(byteLimit: Int)
    }

    /// The setting that all of them have; empty for nobody.
    static let anonymousField: FieldSchema = {
        var field = FieldSchema("anonymous", .string)
        field.takesEmpty = true
        return field
    }()
    /// The setting that some of them have.
    static let preflightField = FieldSchema.standard("run_on_preflight", .boolean, .bool(true))
    /// Whether the target does not see the credential.
    static let hidingField = FieldSchema.standard("hide_credentials", .boolean, .bool(false))

    private let anonymous: String?
    private let runsOnPreflight: Bool

    init(_ settings: PluginSettings) throws(PluginError) {
        self.anonymous = try settings.text("anonymous").flatMap { $0.isEmpty ? nil : $0 }
        self.runsOnPreflight = try settings.flag("run_on_preflight") ?? true
    }

    /// Lets a request in or answers it; `authenticate` is handed the request, which is large to keep.
    func access(
        _ request: PluginRequest,
        _ state: inout PluginState,
        _ edits: inout PluginEdits,
        _ authenticate: (PluginRequest, inout PluginEdits) -> Outcome
    ) -> PluginVerdict {
        if !self.runsOnPreflight, request.head.method == .options { return .next }
        if self.anonymous != nil, state.identity.isKnown { return .next }
        switch authenticate(request, &edits) {
        case .known(let consumer, let credential):
            guard let place = request.consumers.place(of: consumer) else {
                return .answer(Self.unexpected)
            }
            Self.admit(request.consumers, place, credential, &state, &edits)
            return .next
        case .found(let mark, let credential):
            Self.admit(request.consumers, mark, credential, &state, &edits)
            return .next
        case .recognized(let consumer):
            guard let place = request.consumers.place(of: consumer) else {
                return .answer(Self.unexpected)
            }
            Self.admit(request.consumers, place, consumer, isTold: false, &state, &edits)
            return .next
        case .vouched(let identifier):
            Self.vouch(identifier, request.shared, &state, &edits)
            return .next
        case .refused(let answer):
            guard let anonymous = self.anonymous else { return .answer(answer) }
            guard let place = request.consumers.place(named: anonymous) else {
                let message = "anonymous consumer \(anonymous) is configured but doesn't exist"
                return .answer(PluginAnswer(status: 500, error: message))
            }
            Self.admit(request.consumers, place, nil, &state, &edits)
            return .next
        case .undecided(let answer): return .answer(answer)
        case .suspended(let milliseconds, let status):
            return .suspend(milliseconds: milliseconds, status: status)
        case .needsContent(let limit): return .gather(byteLimit: limit)
        }
    }

    /// Kong's answer when something is wrong with the gateway itself.
    static let unexpected = PluginAnswer(status: 500, error: "An unexpected error occurred")

    /// The value of `WWW-Authenticate` as a whole line.
    static func challenge(_ scheme: String, realm: String?, suffix: String = "") -> String {
        let realm = realm.map { " realm=\"\($0)\"" } ?? ""
        return "WWW-Authenticate: \(scheme)\(realm)\(suffix)\r\n"
    }

    /// Refuses a realm that would be no quoted string (RFC 9110 section 5.6.4).
    static func realm(_ settings: PluginSettings) throws(PluginError) -> String? {
        guard let realm = try settings.text("realm") else { return nil }
        guard FieldText.isValue(realm), !realm.utf8.contains(where: { "\"\\".utf8.contains($0) })
        else {
            throw settings.error("realm", "a realm has no quotes and no control characters")
        }
        return realm
    }

    /// Remembers who sends a request and tells the target.
    static func admit(
        _ consumers: ConsumerDirectory,
        _ place: ConsumerPlace,
        _ credential: EntityID?,
        isTold: Bool = true,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) {
        guard let mark = consumers.mark(of: place) else { return }
        Self.admit(consumers, mark, credential, isTold: isTold, &state, &edits)
    }

    private static func admit(
        _ consumers: ConsumerDirectory,
        _ mark: ConsumerMark,
        _ credential: EntityID?,
        isTold: Bool = true,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) {
        let isSame =
            state.identity.consumerID == mark.id && state.identity.credential == credential
        // Whoever shows another credential than the session was made with logs in anew.
        if !isSame { state.session = SessionState() }
        state.identity = PluginIdentity()
        state.identity.consumer = mark.place
        state.identity.consumerID = mark.id
        state.identity.credential = credential
        state.identity.isAnonymous = credential == nil
        edits.drop(names: Self.ownFields)
        consumers.writeLines(of: mark, into: &edits.lines)
        if let credential, isTold {
            edits.lines.write("X-Credential-Identifier: ")
            edits.lines.write(credential)
            edits.lines.write("\r\n")
        } else if credential == nil {
            edits.lines.write("X-Anonymous-Consumer: true\r\n")
        }
    }

    /// Remembers that somebody else vouches for the client, and tells the target.
    private static func vouch(
        _ identifier: [UInt8]?,
        _ shared: PluginShared?,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) {
        state.identity = PluginIdentity()
        state.identity.isVouched = true
        edits.drop(names: Self.ownFields)
        guard let identifier else { return }
        state.identity.vouched = shared.map { LimitSubject.id(of: identifier, $0.limits) }
        edits.lines.write("X-Credential-Identifier: ")
        identifier.withUnsafeBytes { edits.lines.write($0) }
        edits.lines.write("\r\n")
    }

    /// What the target is told in, which clients may not claim.
    private static let ownFields = PluginEdits.list(
        [
            "x-consumer-id", "x-consumer-custom-id", "x-consumer-username",
            "x-credential-identifier", "x-anonymous-consumer",
        ].map { Array($0.utf8) }
    )
}

extension HeadWriter {
    /// Appends an id as a lower-case UUID.
    mutating func write(_ id: EntityID) {
        self.append { room in
            guard room.count >= EntityID.textByteCount else { return nil }
            id.writeText(to: room)
            return EntityID.textByteCount
        }
    }
}

import MeshEntities
import MeshHTTP
internal import MeshPrimitives

/// Kong's `ldap-auth`: a directory says whether the password that a client shows is right.
///
/// The directory is asked outside of the worker; the request waits. When it does not answer, the request
/// is answered 500: not even `anonymous` lets it in.
///
/// Source: Kong's `kong/plugins/ldap-auth/access.lua`, version 3.9.
struct LDAPAuth: Sendable {
    static let definition = PluginDefinition(
        name: "ldap-auth",
        priority: 1_200,
        fields: LDAPAuth.fields,
        authenticates: true,
        takesConsumers: false,
        compile: { settings throws(PluginError) in
            let plugin = try LDAPAuth(settings)
            return PluginStep(access: { request, state, edits in
                let note = state.note
                return plugin.rules.access(request, &state, &edits) {
                    plugin.authenticate($0, note, &$1)
                }
            })
        }
    )

    private static let fields: [FieldSchema] = [
        .required("ldap_host", .string),
        .standard("ldap_port", .integer, .integer(389), in: 0...65_535),
        .standard("ldaps", .boolean, .bool(false)),
        .standard("start_tls", .boolean, .bool(false)),
        .standard("verify_ldap_host", .boolean, .bool(false)),
        .required("base_dn", .string), .required("attribute", .string),
        .standard("cache_ttl", .number, .integer(60)), AuthenticationRules.hidingField,
        .standard("timeout", .number, .integer(10_000)),
        .standard("keepalive", .number, .integer(60_000)), AuthenticationRules.anonymousField,
        .standard("header_type", .string, .string("ldap")), FieldSchema("realm", .string),
    ]

    /// What the directory's answer tells the step that runs again: the number of the right login plus 1.
    private enum Note {
        static let isWrong: UInt64 = 100
        static let isUndecided: UInt64 = 101
    }

    /// Most milliseconds that a setting may ask for.
    private static let longest = 86_400_000.0

    private let rules: AuthenticationRules
    private let place: DirectoryPlace
    private let suffix: String
    private let attribute: String
    private let scheme: [UInt8]
    private let hides: Bool
    private let refusal: PluginAnswer
    private let cache: LoginCache
    private static let busy = PluginAnswer(status: 503, error: "Service unavailable")

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.rules = try AuthenticationRules(settings)
        self.place = try Self.place(settings)
        self.suffix = try settings.text("base_dn") ?? ""
        self.attribute = try settings.text("attribute") ?? ""
        let isName = self.attribute.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isName, !self.attribute.isEmpty else {
            throw settings.error("attribute", "expected the name of an attribute (RFC 4512)")
        }
        let type = try settings.text("header_type") ?? "ldap"
        guard FieldText.isName(type) else {
            throw settings.error("header_type", "expected the name of a scheme (RFC 9110)")
        }
        self.scheme = Array(type.lowercased().utf8)
        self.hides = try settings.flag("hide_credentials") ?? false
        self.refusal = PluginAnswer(
            status: 401,
            error: "Unauthorized",
            lines: AuthenticationRules.challenge(
                type == "ldap" ? "LDAP" : type,
                realm: try AuthenticationRules.realm(settings)
            )
        )
        let seconds = try Self.number("cache_ttl", 60, settings)
        self.cache = LoginCache(settings.memoryID, milliseconds: UInt64(seconds * 1_000))
    }

    private static func number(
        _ name: String,
        _ standard: Double,
        _ settings: PluginSettings
    ) throws(PluginError) -> Double {
        let number = try settings.number(name) ?? standard
        guard (0...Self.longest).contains(number) else {
            throw settings.error(name, "value should be between 0 and 86400000")
        }
        return number
    }

    private static func place(_ settings: PluginSettings) throws(PluginError) -> DirectoryPlace {
        let host = try settings.text("ldap_host") ?? ""
        let isHost = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: ":"):
                true
            default: false
            }
        }
        guard isHost, !host.isEmpty else {
            throw settings.error("ldap_host", "invalid value: \(host)")
        }
        let isSecure = try settings.flag("ldaps") ?? false
        let startsTLS = try settings.flag("start_tls") ?? false
        guard !isSecure || !startsTLS else {
            throw settings.wholeError("'ldaps' and 'start_tls' cannot be enabled simultaneously")
        }
        return DirectoryPlace(
            host: host,
            port: UInt16(clamping: try settings.integer("ldap_port") ?? 389),
            security: isSecure ? .always : startsTLS ? .started : .none,
            verifies: try settings.flag("verify_ldap_host") ?? false,
            milliseconds: Int64(max(1, try Self.number("timeout", 10_000, settings))),
            keptMilliseconds: Int64(try Self.number("keepalive", 60_000, settings))
        )
    }

    private func authenticate(
        _ request: PluginRequest,
        _ note: UInt64,
        _ edits: inout PluginEdits
    ) -> AuthenticationRules.Outcome {
        let pairs = [Self.proxyField, Self.field].compactMap { name in
            request.value(named: name).flatMap { self.pair($0) }
        }
        guard !pairs.isEmpty else { return .refused(self.refusal) }
        guard let shared = request.shared else { return .undecided(Self.busy) }
        switch note {
        case 0: break
        case Note.isWrong: return .refused(self.refusal)
        case let number where number <= UInt64(pairs.count):
            return self.known(pairs[Int(number) - 1], &edits)
        default: return .undecided(AuthenticationRules.unexpected)
        }
        let marks = pairs.map { pair in
            self.cache.marks(pair.name, pair.password, shared, at: request.wallMilliseconds)
        }
        for (index, mark) in marks.enumerated() {
            switch LoginCache.isRight(mark, shared) {
            case true?: return self.known(pairs[index], &edits)
            case false?: continue
            case nil: return self.ask(pairs, marks, from: index, request, shared)
            }
        }
        return .refused(self.refusal)
    }

    private func known(
        _ pair: (name: [UInt8], password: [UInt8]),
        _ edits: inout PluginEdits
    ) -> AuthenticationRules.Outcome {
        if self.hides {
            edits.drop("authorization")
            edits.drop("proxy-authorization")
        }
        return .vouched(identifier: pair.name)
    }

    /// Has the directory asked, for all logins from one on.
    private func ask(
        _ pairs: [(name: [UInt8], password: [UInt8])],
        _ marks: [LoginCache.Marks?],
        from first: Int,
        _ request: PluginRequest,
        _ shared: PluginShared
    ) -> AuthenticationRules.Outcome {
        guard let resumption = request.resumption else { return .undecided(Self.busy) }
        let logins = pairs[first...].map { pair in
            DirectoryLogin(
                name: "\(self.attribute)=\(DistinguishedName.escaped(pair.name)),\(self.suffix)",
                password: pair.password
            )
        }
        let isAsked = shared.directory.check(self.place, logins) { findings in
            for (index, finding) in findings.enumerated() {
                let mark = marks[first + index]
                switch finding {
                case .right:
                    LoginCache.insert(mark, true, shared)
                    return resumption.resume(.again(note: UInt64(first + index + 1)))
                case .wrong: LoginCache.insert(mark, false, shared)
                case .undecided: return resumption.resume(.again(note: Note.isUndecided))
                }
            }
            let isWhole = findings.count == logins.count
            resumption.resume(.again(note: isWhole ? Note.isWrong : Note.isUndecided))
        }
        guard isAsked else { return .undecided(Self.busy) }
        // Connecting, TLS and the answer have each their time, for each login.
        let limit = self.place.milliseconds * 3 * Int64(logins.count) + 1_000
        return .suspended(milliseconds: min(limit, 86_400_000), status: 503)
    }

    private static let field = Array("authorization".utf8)
    private static let proxyField = Array("proxy-authorization".utf8)

    /// The name and the password of a field's value; nil when it is of another scheme, or damaged, or
    /// when one of them is empty.
    private func pair(
        _ value: UnsafeRawBufferPointer
    ) -> (name: [UInt8], password: [UInt8])? {
        let words = value.split(separator: 0x20, maxSplits: 1)
        guard words.count == 2,
            words[0].map({ (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }) == self.scheme,
            let decoded = Base64.decode(words[1].drop { $0 == 0x20 }),
            let colon = decoded.firstIndex(of: UInt8(ascii: ":")),
            colon > 0, colon + 1 < decoded.count
        else { return nil }
        let name = Array(decoded[..<colon])
        // It is told to the target.
        guard name.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return (name, Array(decoded[(colon + 1)...]))
    }
}

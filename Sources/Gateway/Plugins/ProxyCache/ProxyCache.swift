import MeshEntities
import MeshHTTP

/// Kong's `proxy-cache`: answers of targets are kept in memory and given again.
///
/// Kept are answers up to 64 KiB whose end is told, not those that end with their connection. What Kong
/// would hand from one client to another is not kept: answers that set cookies, and those to requests
/// with credentials that no plugin has looked at, or with an identity that has no name. `Vary` is obeyed,
/// which Kong leaves to its settings. Requests for a WebSocket go by.
///
/// Source: Kong 3.9, `kong/plugins/proxy-cache`; RFC 9111 sections 3.5 and 4.1.
struct ProxyCache: Sendable {
    static let definition = PluginDefinition(
        name: "proxy-cache",
        priority: 100,
        fields: ProxyCache.fields
    ) { settings throws(PluginError) in
        let plugin = try ProxyCache(settings)
        return PluginStep(
            access: { request, state, edits in plugin.access(request, &state, &edits) },
            response: { _, state, edits in plugin.response(state, &edits) },
            seen: { body, request, state in plugin.store(body, request, state) }
        )
    }

    /// What became of a request, as `X-Cache-Status` tells it; trivial memory.
    enum Status: UInt8, Sendable {
        case none
        case bypass
        case miss
        case refresh
        case hit
    }

    private static let fields: [FieldSchema] = {
        var strategy = FieldSchema.choice("strategy", ["memory"], nil)
        strategy.isRequired = true
        let list = { (texts: [String]) in DocumentValue.list(texts.map { .string($0) }) }
        let codes: DocumentValue = .list([.integer(200), .integer(301), .integer(404)])
        return [
            strategy,
            .standard("response_code", .array(.integer), codes, in: 100...900),
            .choices(
                "request_method",
                ["HEAD", "GET", "POST", "PATCH", "PUT"],
                standard: ["GET", "HEAD"]
            ),
            .standard("content_type", .array(.string), list(["text/plain", "application/json"])),
            .standard("cache_ttl", .integer, .integer(300)),
            FieldSchema("storage_ttl", .integer),
            .standard("cache_control", .boolean, .bool(false)),
            .standard("ignore_uri_case", .boolean, .bool(false)),
            FieldSchema(
                "memory",
                .record([.standard("dictionary_name", .string, .string("kong_db_cache"))])
            ),
            FieldSchema("vary_query_params", .array(.string)),
            FieldSchema("vary_headers", .array(.string)),
            FieldSchema(
                "response_headers",
                .record(
                    ["age", "X-Cache-Status", "X-Cache-Key"]
                        .map { .standard($0, .boolean, .bool(true)) }
                )
            ),
        ]
    }()

    /// Most bytes of a body that is kept.
    private static let bodyLimit = 65_536
    /// Fields in which clients say who they are.
    private static let credentials = ["authorization", "proxy-authorization"].map {
        Array($0.utf8)
    }
    /// Fields of one hop, and those that are written anew with every answer.
    private static let ownFields = [
        "age", "connection", "content-length", "content-type", "date", "keep-alive",
        "proxy-authenticate", "proxy-authorization", "proxy-connection", "server", "te",
        "trailer", "transfer-encoding", "upgrade", "via",
    ]
    .map { Array($0.utf8) }

    private let instance: EntityID
    private let methods: [[UInt8]]
    private let statuses: [UInt16]
    private let types: [MediaType]
    private let ttl: Int64
    private let storage: Int64?
    private let obeysControl: Bool
    private let ignoresCase: Bool
    private let parameters: [[UInt8]]
    private let headers: [[UInt8]]
    private let shows: (age: Bool, status: Bool, key: Bool)

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.instance = settings.plugin.id
        self.methods = (try settings.texts("request_method") ?? []).map { Array($0.utf8) }
        self.statuses = (settings.value("response_code")?.elements ?? []).compactMap { element in
            if case .integer(let status) = element { UInt16(exactly: status) } else { nil }
        }
        guard !self.statuses.isEmpty else {
            throw settings.error("response_code", "length must be at least 1")
        }
        self.types = (try settings.texts("content_type") ?? [])
            .compactMap { MediaType(Array($0.utf8)) }
        for name in ["cache_ttl", "storage_ttl"] {
            if let seconds = try settings.integer(name), seconds <= 0 {
                throw settings.error(name, "value must be greater than 0")
            }
        }
        self.ttl = min(try settings.integer("cache_ttl") ?? 300, 1 << 32)
        self.storage = try settings.integer("storage_ttl").map { min($0, 1 << 32) }
        self.obeysControl = try settings.flag("cache_control") ?? false
        self.ignoresCase = try settings.flag("ignore_uri_case") ?? false
        self.parameters = (try settings.texts("vary_query_params") ?? []).map { Array($0.utf8) }
        self.headers = (try settings.texts("vary_headers") ?? [])
            .map { Array($0.lowercased().utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
        let shown = settings.record("response_headers")
        self.shows = (
            try shown.flag("age") ?? true, try shown.flag("X-Cache-Status") ?? true,
            try shown.flag("X-Cache-Key") ?? true
        )
    }

    private func access(
        _ request: PluginRequest,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        guard let cache = request.shared?.cache, self.isCacheable(request, state) else {
            state.cacheStatus = .bypass
            return .next
        }
        let control = CacheControl(request, obeyed: self.obeysControl)
        let now = Int64(clamping: request.wallMilliseconds)
        let plain = self.key(request, state, [])
        let key = self.key(request, state, cache.varies(plain))
        state.cacheNumber = request.random.high ^ request.random.low | 1
        state.asksHead = request.head.method == .head
        if self.shows.key {
            let text = Array(key.text.utf8)
            text.withUnsafeBytes { edits.setResponse("x-cache-key", as: "X-Cache-Key", $0) }
        }
        guard let answer = cache.answer(key, at: now) else {
            guard !control.onlyIfCached else {
                // As in Kong, without a status of the cache and without a body.
                return .answer(
                    PluginAnswer(status: 504, message: nil, body: nil, contentType: nil)
                )
            }
            state.cacheStatus = .miss
            return .next
        }
        let age = max(0, now - answer.came) / 1_000
        guard control.accepts(age: age, of: answer.freshness) else {
            state.cacheStatus = .refresh
            return .next
        }
        state.cacheStatus = .hit
        return .answer(self.answer(answer, age: age))
    }

    /// Whether an answer may be given from memory, or kept there.
    private func isCacheable(_ request: PluginRequest, _ state: PluginState) -> Bool {
        let method = request.head.methodName.bytes(of: request.bytes)
        guard self.methods.contains(where: { $0.elementsEqual(method) }) else { return false }
        // What opens a WebSocket has no answer that is another's too.
        guard !request.head.upgrade else { return false }
        // Whose credentials nobody has looked at here, the target looks at.
        let isSigned = Self.credentials.contains { request.hasField(named: $0) }
        guard !isSigned || state.identity.isKnown else { return false }
        // Somebody of whom the target knows more than the key can tell.
        guard !state.isForOne, !state.identity.isVouched || state.identity.vouched != nil else {
            return false
        }
        guard self.obeysControl else { return true }
        return !isSigned && !CacheControl(request, obeyed: true).forbids
    }

    private func key(
        _ request: PluginRequest,
        _ state: PluginState,
        _ varies: [[UInt8]]
    ) -> CacheKey {
        var parts = CacheKeyParts()
        parts.add(Array("\(self.instance)".utf8))
        let identity = state.identity
        for id in [identity.consumerID, identity.counted, request.route, request.service] {
            parts.add(id.map { Array("\($0)".utf8) } ?? [])
        }
        parts.add([request.secured == nil ? 0 : 1])
        parts.add(Array(request.head.methodName.bytes(of: request.bytes)))
        parts.add(Array(request.head.authority.bytes(of: request.bytes)))
        let path = Array(request.head.path.bytes(of: request.bytes))
        parts.add(self.ignoresCase ? path.map(Self.lower) : path)
        parts.add(list: self.query(request))
        for name in self.headers + varies {
            parts.add(name)
            var values: [[UInt8]] = []
            name.withUnsafeBytes { name in request.eachValue(name) { values.append(Array($0)) } }
            parts.add(list: values)
        }
        return CacheKey(of: parts.bytes)
    }

    /// The arguments that count, as they came, in an order of their names.
    private func query(_ request: PluginRequest) -> [[UInt8]] {
        let query = request.head.query.bytes(of: request.bytes).dropFirst()
        let counted = query.split(separator: 0x26).filter { part in
            guard !self.parameters.isEmpty else { return true }
            let argument = Arguments(UnsafeRawBufferPointer(rebasing: part)).all.first
            return argument.map { self.parameters.contains($0.name) } ?? false
        }
        // Those of one name stay in the order that they came in.
        return counted.enumerated()
            .map { (name: Array($1.prefix { $0 != 0x3D }), place: $0, bytes: Array($1)) }
            .sorted { one, other in
                one.name == other.name
                    ? one.place < other.place : one.name.lexicographicallyPrecedes(other.name)
            }
            .map(\.bytes)
    }

    private func answer(_ answer: CachedAnswer, age: Int64) -> PluginAnswer {
        var lines = String(decoding: answer.lines, as: UTF8.self)
        if self.shows.age { lines += "Age: \(age)\r\n" }
        return PluginAnswer(
            status: answer.status,
            lines: lines,
            contentType: String(decoding: answer.contentType, as: UTF8.self),
            body: answer.body,
            headLength: answer.length
        )
    }

    private func response(_ state: PluginState, _ edits: inout PluginEdits) {
        var status = state.cacheStatus
        if status == .miss || status == .refresh {
            // What an attempt before has begun is not continued by this answer.
            _ = edits.shared?.cache.take(state.cacheNumber)
            if !self.begin(state, &edits) { status = .bypass }
        }
        guard self.shows.status else { return }
        let text: StaticString
        switch status {
        case .none: return
        case .bypass: text = "Bypass"
        case .miss: text = "Miss"
        case .refresh: text = "Refresh"
        case .hit: text = "Hit"
        }
        edits.drop("x-cache-status")
        text.withUTF8Buffer { edits.add("X-Cache-Status", UnsafeRawBufferPointer($0)) }
    }

    /// Keeps the head of an answer that may be kept, and asks for its body.
    private func begin(_ state: PluginState, _ edits: inout PluginEdits) -> Bool {
        guard let cache = edits.shared?.cache, state.cacheNumber != 0,
            let received = edits.received,
            self.statuses.contains(edits.status)
        else { return false }
        var lines: [UInt8] = []
        var (type, length, isChunked): ([UInt8]?, Int?, Bool) = (nil, nil, false)
        var varies: [[UInt8]] = []
        var control: [UInt8] = []
        for index in 0..<received.count {
            let field = received.fields[index]
            let name = field.name.bytes(of: received.bytes).map(Self.lower)
            let value = Array(field.value.bytes(of: received.bytes))
            switch String(decoding: name, as: UTF8.self) {
            case "set-cookie": return false
            case "content-type": type = value
            case "content-length": length = Int(String(decoding: value, as: UTF8.self))
            case "transfer-encoding": isChunked = true
            case "cache-control": control += value + [0x2C]
            case "vary":
                varies += value.map(Self.lower).split(separator: 0x2C).map(MediaType.trimmed)
            default: break
            }
            guard !Self.ownFields.contains(name) else { continue }
            lines += Array(field.name.bytes(of: received.bytes)) + [0x3A, 0x20] + value
            lines += [0x0D, 0x0A]
        }
        guard let type, let media = MediaType(type),
            self.types.contains(where: { $0.takes(media) }),
            length.map({ $0 <= Self.bodyLimit }) ?? (isChunked && !state.asksHead),
            !varies.contains([0x2A]), lines.count < 16_384
        else { return false }
        let directives = CacheControl(control)
        var freshness = self.ttl
        if self.obeysControl {
            guard !directives.forbids, directives.isPublic, let seconds = directives.lifetime,
                seconds > 0
            else { return false }
            freshness = seconds
        }
        cache.begin(
            state.cacheNumber,
            CachedAnswer(
                status: edits.status,
                lines: lines,
                contentType: type,
                length: length,
                varies: varies.sorted { $0.lexicographicallyPrecedes($1) },
                came: Int64(clamping: state.beganMilliseconds),
                freshness: freshness,
                storage: max(self.storage ?? freshness, 1)
            )
        )
        edits.keepsBody = Self.bodyLimit
        return true
    }

    private func store(_ body: PluginSeenBody, _ request: PluginRequest, _ state: PluginState) {
        guard state.cacheStatus == .miss || state.cacheStatus == .refresh,
            let cache = request.shared?.cache, var answer = cache.take(state.cacheNumber),
            body.bytes.count <= Self.bodyLimit
        else { return }
        // A body that is not what its head says is not handed on.
        let isWhole = answer.length.map { $0 == body.bytes.count } ?? true
        guard isWhole || body.isChanged || state.asksHead else { return }
        answer.body = body.bytes
        cache.store(
            answer,
            self.key(request, state, answer.varies),
            plain: self.key(request, state, [])
        )
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
}

import MeshEntities
import MeshHTTP

/// Our `ext-auth`: a service outside says whether a request may pass, as nginx' `auth_request` and
/// Traefik's `forwardAuth`.
///
/// It is asked with the request's fields that the settings name, and told of the rest by
/// `X-Forwarded-…`. With 2xx the request passes, with fields of the answer if the settings name some;
/// 3xx and 4xx are the client's answer. No answer and 5xx decide nothing: the request is answered
/// `failure_status`, or passes with `fail_open`.
struct ExtAuth: Sendable {
    static let definition = PluginDefinition(
        name: "ext-auth",
        priority: 1_005,
        fields: [
            .required("url", .string),
            .choice("method", ["GET", "POST"], "GET"),
            .standard(
                "request_headers",
                .array(.string),
                .list([.string("authorization"), .string("cookie")])
            ),
            .standard("response_headers", .array(.string), .list([])),
            .standard("timeout", .integer, .integer(1_000), in: 1...60_000),
            .standard("cache_ttl", .integer, .integer(0), in: 0...86_400),
            .standard("fail_open", .boolean, .bool(false)),
            .standard("failure_status", .integer, .integer(503), in: 500...599),
        ]
    ) { settings throws(PluginError) in
        let plugin = try ExtAuth(settings)
        return PluginStep(access: { request, state, edits in
            plugin.access(request, &state, &edits)
        })
    }

    /// What the answer tells the step that runs again.
    private enum Note {
        static let passes: UInt64 = 1
        static let isUndecided: UInt64 = 2
    }

    /// Most bytes of an answer's body that are read: 64 KiB.
    private static let answerByteLimit = 65_536

    private let endpoint: HTTPLogEndpoint
    private let sent: [[UInt8]]
    private let taken: [[UInt8]]
    private let ttl: UInt64
    private let failsOpen: Bool
    private let failure: PluginAnswer
    private let instance: EntityID

    private init(_ settings: PluginSettings) throws(PluginError) {
        self.endpoint = try HTTPLogEndpoint(
            try settings.text("url") ?? "",
            field: "url",
            settings,
            method: try settings.text("method") ?? "GET",
            contentType: nil,
            milliseconds: try settings.integer("timeout") ?? 1_000
        )
        self.sent = try Self.names("request_headers", settings)
        self.taken = try Self.names("response_headers", settings)
        self.ttl = UInt64(try settings.integer("cache_ttl") ?? 0)
        guard self.ttl == 0 || self.taken.isEmpty else {
            throw settings.ruleError("cache_ttl cannot be used with response_headers")
        }
        self.failsOpen = try settings.flag("fail_open") ?? false
        let status = UInt16(clamping: try settings.integer("failure_status") ?? 503)
        self.failure = PluginAnswer(
            status: status,
            message: status == 503 ? nil : "Authorization is not available",
            body: nil,
            contentType: nil
        )
        self.instance = settings.memoryID
    }

    private static func names(
        _ field: String,
        _ settings: PluginSettings
    ) throws(PluginError) -> [[UInt8]] {
        var names: [[UInt8]] = []
        for (index, name) in (try settings.texts(field) ?? []).enumerated() {
            let lower = name.lowercased()
            let isOurs = ["host", "connection", "content-length", "transfer-encoding"]
                .contains(lower)
            guard FieldText.isName(name), !isOurs else {
                throw settings.error(field, at: index, "bad header name '\(name)'")
            }
            names.append(Array(lower.utf8))
        }
        return names
    }

    private func access(
        _ request: PluginRequest,
        _ state: inout PluginState,
        _ edits: inout PluginEdits
    ) -> PluginVerdict {
        // What the service answers counts, not what the client says in its place.
        for name in self.taken { name.withUnsafeBytes { edits.drop($0) } }
        if !self.taken.isEmpty { state.isForOne = true }
        if state.note == Note.passes { return .next }
        if state.isLate || state.note == Note.isUndecided { return self.undecided }
        guard let shared = request.shared, let resumption = request.resumption else {
            return self.undecided
        }
        let question = self.question(request)
        let mark = self.ttl > 0 ? self.mark(question, request, shared) : nil
        if let mark, shared.memory.contains(mark) { return .next }
        let (taken, memory) = (self.taken, shared.memory)
        let isAsked = shared.client.ask(
            self.endpoint,
            question,
            byteLimit: Self.answerByteLimit
        ) { answer in
            guard let answer, answer.status < 500, answer.status >= 200 else {
                return resumption.resume(.again(note: Note.isUndecided))
            }
            guard answer.status < 300 else {
                return resumption.resume(.answer(PluginAnswer(answer)))
            }
            if let mark { memory.insert(mark) }
            resumption.resume(
                taken.isEmpty
                    ? .again(note: Note.passes) : .proceed(adding: answer.lines(of: taken))
            )
        }
        guard isAsked else { return self.undecided }
        return .suspend(milliseconds: self.endpoint.milliseconds + 1_000, status: nil)
    }

    private var undecided: PluginVerdict { self.failsOpen ? .next : .answer(self.failure) }

    /// The whole request that the service is sent.
    private func question(_ request: PluginRequest) -> [UInt8] {
        var bytes = self.endpoint.head
        for name in self.sent {
            name.withUnsafeBytes { name in
                request.eachValue(name) { value in
                    bytes += name
                    bytes += Array(": ".utf8)
                    bytes += value
                    bytes += [0x0D, 0x0A]
                }
            }
        }
        let add = { (name: StaticString, value: UnsafeRawBufferPointer) in
            name.withUTF8Buffer { bytes += $0 }
            bytes += value
            bytes += [0x0D, 0x0A]
        }
        add("X-Forwarded-Method: ", request.head.methodName.bytes(of: request.bytes))
        add("X-Forwarded-Host: ", request.head.host.bytes(of: request.bytes))
        add("X-Forwarded-Uri: ", request.head.target.bytes(of: request.bytes))
        bytes += Array("X-Forwarded-For: \(request.clientAddress)\r\n".utf8)
        bytes += Array("Content-Length: 0\r\n\r\n".utf8)
        return bytes
    }

    /// What stands for a question that was answered well, for as long as the setting says at most.
    private func mark(
        _ question: [UInt8],
        _ request: PluginRequest,
        _ shared: PluginShared
    ) -> PluginMark {
        var hasher = LimitHasher(key: shared.limits.secret)
        hasher.combine(self.instance.high)
        hasher.combine(self.instance.low)
        hasher.combine(request.wallMilliseconds / 1_000 / self.ttl)
        question.withUnsafeBytes { hasher.combine(bytes: $0) }
        let low = hasher.finalize()
        hasher.combine(1)
        return PluginMark(high: hasher.finalize(), low: low)
    }
}

extension OutsideAnswer {
    /// Its fields of some names, as whole lines.
    fileprivate func lines(of names: [[UInt8]]) -> [UInt8] {
        var lines: [UInt8] = []
        for field in self.fields where names.contains(Self.lower(field.name)) {
            lines += field.name + Array(": ".utf8) + field.value + [0x0D, 0x0A]
        }
        return lines
    }

    fileprivate static func lower(_ name: [UInt8]) -> [UInt8] {
        name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }
}

extension PluginAnswer {
    /// Fields of one hop, and those that the gateway writes itself.
    private static let ownFields = [
        "connection", "content-length", "content-type", "date", "keep-alive", "proxy-connection",
        "server", "te", "trailer", "transfer-encoding", "upgrade", "via",
    ]
    .map { Array($0.utf8) }
    /// Most bytes of a body, and of all lines, that are handed on.
    private static let byteLimit = 4_096

    /// Hands on what a service outside answered.
    fileprivate init(_ answer: OutsideAnswer) {
        var lines: [UInt8] = []
        var type: [UInt8] = []
        for field in answer.fields {
            let name = OutsideAnswer.lower(field.name)
            if name == Array("content-type".utf8) { type = field.value }
            guard !Self.ownFields.contains(name) else { continue }
            let line = field.name + Array(": ".utf8) + field.value + [0x0D, 0x0A]
            if lines.count + line.count <= Self.byteLimit { lines += line }
        }
        let body = answer.body.flatMap { $0.count <= Self.byteLimit ? $0 : nil } ?? []
        self.init(
            status: answer.status,
            lines: String(decoding: lines, as: UTF8.self),
            contentType: body.isEmpty ? "" : String(decoding: type, as: UTF8.self),
            body: body
        )
    }
}

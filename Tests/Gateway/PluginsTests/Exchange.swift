import MeshEntities
import MeshHTTP

@testable import MeshPlugins

/// One request sent through a chain; frees its memory itself.
final class Exchange {
    private let bytes: [UInt8]
    private let fields = HeaderFieldBuffer.allocate()
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 1)
    private(set) var answer: PluginAnswer?
    private(set) var identity = PluginIdentity()
    private(set) var upstreamLines = ""
    private(set) var dropped: [String] = []
    private(set) var downstreamLines = ""

    init(
        _ chain: PluginChain,
        target: String = "/",
        lines: String = "",
        counter: UInt64 = 7,
        consumers: ConsumerDirectory = .empty,
        at seconds: UInt64 = 1_700_000_000
    ) {
        self.bytes = Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\(lines)\r\n".utf8)
        self.bytes.withUnsafeBytes { bytes in
            var head = RequestHead()
            _ = RequestHead.parseRequest(bytes, into: &head, fields: self.fields)
            var request = PluginRequest(
                head: head,
                fields: self.fields,
                bytes: bytes,
                random: (0x0123_4567_89AB_CDEF, 0x0123_4567_89AB_CDEF),
                worker: (.max, .max),
                counter: counter
            )
            request.wallMilliseconds = seconds * 1_000 + 42
            request.consumers = consumers
            request.connection = 3
            request.connectionRequests = 4
            request.process = 5
            request.listenPort = 8_000
            var state = PluginState()
            var upstream = self.edits()
            let verdict = chain.access(request, state: &state, edits: &upstream).verdict
            if case .answer(let answer) = verdict { self.answer = answer }
            self.identity = state.identity
            self.upstreamLines = Self.text(upstream.lines)
            self.dropped = Self.names(upstream)
            var downstream = self.edits()
            if let lines = upstream.responseLines.written {
                downstream.begin(dropped: upstream.responseDropped, added: lines)
            }
            chain.response(request.consumers, state, edits: &downstream)
            self.downstreamLines = Self.text(downstream.lines)
        }
    }

    deinit {
        self.fields.deallocate()
        self.output.deallocate()
    }

    private func edits() -> PluginEdits {
        PluginEdits(
            names: UnsafeMutableRawBufferPointer(rebasing: self.output[..<256]),
            lines: UnsafeMutableRawBufferPointer(rebasing: self.output[768..<2_048]),
            responseNames: UnsafeMutableRawBufferPointer(rebasing: self.output[256..<768]),
            responseLines: UnsafeMutableRawBufferPointer(rebasing: self.output[2_048..<3_072]),
            query: UnsafeMutableRawBufferPointer(rebasing: self.output[3_072...])
        )
    }

    /// The body of the answer, if a step gave one.
    var answerText: String? { self.answer.map { String(decoding: $0.body, as: UTF8.self) } }

    /// The lines of the answer.
    var answerLines: String { String(decoding: self.answer?.lines ?? [], as: UTF8.self) }

    private static func names(_ edits: PluginEdits) -> [String] {
        var names: [String] = []
        PluginEdits.forEachName(in: edits.dropped) {
            names.append(String(decoding: $0, as: UTF8.self))
        }
        return names
    }

    private static func text(_ writer: HeadWriter) -> String {
        writer.written.map { String(decoding: $0, as: UTF8.self) } ?? "overflow"
    }
}

extension Plugin {
    /// A plugin with an identity made of one number.
    static func numbered(
        _ number: UInt64,
        _ name: String,
        _ config: KeyValuePairs<String, DocumentValue> = [:]
    ) -> Plugin {
        Plugin(id: EntityID(high: 0, low: number), name: name, config: .record(config))
    }
}

extension PluginChain {
    /// The chain of one global plugin.
    init(
        _ name: String,
        _ config: KeyValuePairs<String, DocumentValue> = [:]
    ) throws(PluginError) {
        try self.init([.numbered(1, name, config)])
    }

    /// The chain of a route, of its service if it has one.
    init(
        _ plugins: [Plugin],
        route: EntityID = EntityID(high: 1, low: 1),
        service: EntityID? = nil
    ) throws(PluginError) {
        self = try PluginTable(plugins).chain(route: route, service: service)
    }
}

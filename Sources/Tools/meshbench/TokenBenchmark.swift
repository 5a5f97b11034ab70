import MeshDataPlane
import MeshEntities
import MeshHTTP
import MeshPlugins

/// Checking tokens that were never shown before by the plugin `jwt`, from the parsed head of a request to
/// the lines for the target, against what `openssl speed` does: the signature of one digest, again and
/// again.
enum TokenBenchmark: Benchmark {
    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        var all: [Measurement] = []
        for algorithm in [JWTSecret.Algorithm.rs256, .es256] {
            let signer = try TokenSigner(algorithm)
            let name = algorithm.rawValue
            let plain = try stopwatch.time("token.openssl-verify.\(name)") { repetitions in
                for _ in 0..<repetitions { try signer.verifySample() }
                return repetitions
            }
            let gate = try TokenGate(signer)
            let check = try stopwatch.time("token.check.\(name)", over: plain) { repetitions in
                for _ in 0..<repetitions { try gate.admitNext() }
                return repetitions
            }
            all += [plain, check]
        }
        return all
    }
}

/// Why tokens cannot be measured.
enum TokenBenchmarkError: Error, CustomStringConvertible {
    case openSSL
    case refused

    var description: String {
        switch self {
        case .openSSL: "OpenSSL makes no key, signature or check of one"
        case .refused: "the plugin refuses a token that is right"
        }
    }
}

/// Shows tokens to the plugin, each text once.
private final class TokenGate {
    private static let tokenCount = 1_024
    /// Four bits of the last digit of each signature mean nothing.
    private static let textsPerToken = 16

    private let chain: PluginChain
    private let consumers: ConsumerDirectory
    private let heads: [(bytes: [UInt8], lastDigit: Int)]
    private var head: [UInt8] = []
    private var shown = 0
    /// Made anew when all texts were shown: what it remembers is under a secret of its own.
    private var plane = TokenGate.newPlane()
    private let fields = HeaderFieldBuffer.allocate()
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 8)

    init(_ signer: TokenSigner) throws {
        var configuration = GatewayConfiguration()
        let consumer = Consumer(id: EntityID(high: 1, low: 1), username: "joe")
        var secret = JWTSecret(
            id: EntityID(high: 2, low: 1),
            consumer: consumer.id,
            key: "joe",
            secret: nil
        )
        secret.algorithm = signer.algorithm
        secret.publicKey = signer.publicKey
        configuration.consumers = [consumer]
        configuration.jwtSecrets = [secret]
        var plugin = Plugin(id: EntityID(high: 3, low: 1), name: "jwt")
        plugin.config = .record(["claims_to_verify": .list([.string("exp")])])
        self.consumers = ConsumerDirectory(configuration)
        self.chain = try PluginTable([plugin]).chain(
            route: EntityID(high: 4, low: 1),
            service: nil
        )
        self.heads = try (0..<Self.tokenCount).map { number in
            let token = try signer.token(
                #"{"iss":"joe","sub":"user-\#(number)","exp":4102444800}"#
            )
            let line = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(token)"
            return (Array("\(line)\r\n\r\n".utf8), line.utf8.count - 1)
        }
    }

    deinit {
        self.fields.deallocate()
        self.room.deallocate()
    }

    private static func newPlane() -> DataPlane {
        DataPlane(configuration: DataPlaneConfiguration()) { _ in }
    }

    /// Sends the next token through the plugin.
    func admitNext() throws {
        let (token, text) = (self.shown % Self.tokenCount, self.shown / Self.tokenCount)
        self.shown += 1
        if text + 1 == Self.textsPerToken, token + 1 == Self.tokenCount {
            self.shown = 0
            self.plane = Self.newPlane()
        }
        self.head = self.heads[token].bytes
        let last = self.heads[token].lastDigit
        self.head[last] = TokenText.digit(like: self.head[last], number: text)
        let isAdmitted = self.head.withUnsafeBytes { self.admits($0) }
        guard isAdmitted else { throw TokenBenchmarkError.refused }
    }

    private func admits(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var head = RequestHead()
        _ = RequestHead.parseRequest(bytes, into: &head, fields: self.fields)
        var request = PluginRequest(
            head: head,
            fields: self.fields,
            bytes: bytes,
            random: (1, 1),
            worker: (1, 1),
            counter: 1
        )
        request.wallMilliseconds = 1_700_000_000_000
        request.consumers = self.consumers
        request.shared = self.plane.shared
        var state = PluginState()
        var edits = PluginEdits(
            names: UnsafeMutableRawBufferPointer(rebasing: self.room[..<1_024]),
            lines: UnsafeMutableRawBufferPointer(rebasing: self.room[1_024...])
        )
        let verdict = self.chain.access(request, state: &state, edits: &edits).verdict
        if case .next = verdict { return state.identity.isSome }
        return false
    }
}

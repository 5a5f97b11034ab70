import Foundation
import NIOHTTP1

/// What will be done with one request: the faults in force, changed by its query.
struct EchoPlan: Sendable {
    var status: Int
    var delayMicroseconds: Int
    /// Whether it waits for a worker and takes its time.
    var isWork: Bool
    var hang: Bool
    var close: Bool
    var bodyByteCount: Int
    var chunked: Bool

    init(_ head: HTTPRequestHead, faults: EchoFaults, isHealthCheck: Bool) {
        self.hang = faults.hang
        self.close = faults.close
        self.chunked = false
        guard !isHealthCheck else {
            self.status = faults.healthStatus
            self.delayMicroseconds = 0
            self.isWork = false
            self.bodyByteCount = 0
            return
        }
        let fails = faults.errorRate > 0 && Double.random(in: 0..<1) < faults.errorRate
        self.status = fails ? faults.errorStatus : 200
        self.isWork = !fails && (faults.workers > 0 || faults.serviceMilliseconds > 0)
        self.bodyByteCount = faults.bodyByteCount
        var latency = faults.latencyMilliseconds
        var jitter = faults.jitterMilliseconds
        for (name, value) in Self.query(of: head.uri) {
            let number = Int(value)
            switch name {
            case "status": self.status = min(max(number ?? self.status, 200), 599)
            case "latency_ms": latency = min(max(number ?? latency, 0), 600_000)
            case "latency_jitter_ms": jitter = min(max(number ?? jitter, 0), 600_000)
            case "body_bytes":
                self.bodyByteCount = min(max(number ?? self.bodyByteCount, 0), 1_073_741_824)
            case "chunked": self.chunked = value != "0"
            case "hang": self.hang = value != "0"
            case "close": self.close = value != "0"
            default: break
            }
        }
        let delay = latency + (jitter > 0 ? Int.random(in: 0...jitter) : 0)
        self.delayMicroseconds = delay * 1_000
    }

    private static func query(of uri: String) -> [(name: Substring, value: Substring)] {
        guard let mark = uri.firstIndex(of: "?") else { return [] }
        return uri[uri.index(after: mark)...].split(separator: "&").map { part in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (pair[0], pair.count > 1 ? pair[1] : "1")
        }
    }
}

/// The JSON that says what was received.
struct EchoAnswer: Encodable {
    let name: String
    let region: String?
    let method: String
    let path: String
    let version: String
    let headers: [String: String]
    let bodyBytes: Int
    let peer: String

    enum CodingKeys: String, CodingKey {
        case name
        case region
        case method
        case path
        case version
        case headers
        case bodyBytes = "body_bytes"
        case peer
    }

    init(_ head: HTTPRequestHead, bodyByteCount: Int, peer: String, state: EchoState) {
        self.name = state.name
        self.region = state.region
        self.method = head.method.rawValue
        self.path = head.uri
        self.version = "\(head.version.major).\(head.version.minor)"
        self.headers = Dictionary(
            head.headers.map { ($0.name.lowercased(), $0.value) },
            uniquingKeysWith: { "\($0), \($1)" }
        )
        self.bodyBytes = bodyByteCount
        self.peer = peer
    }
}

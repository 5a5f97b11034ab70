import Foundation

/// How the upstream misbehaves.
struct EchoFaults: Codable, Equatable, Sendable {
    /// Wait before every answer.
    var latencyMilliseconds = 0
    /// Random wait on top, from 0 to this.
    var jitterMilliseconds = 0
    /// Requests worked on at once, first come, first served; 0 for any number.
    var workers = 0
    /// Mean of the random time that one takes, exponentially distributed; 0 for none.
    var serviceMilliseconds = 0
    /// Share of requests that fail, 0 to 1; at once, whatever the workers do.
    var errorRate = 0.0
    /// What they are answered.
    var errorStatus = 500
    /// Accept and never answer.
    var hang = false
    /// Close without an answer.
    var close = false
    /// Size of the answer's body; 0 for JSON.
    var bodyByteCount = 0
    /// What `/health` is answered.
    var healthStatus = 200
    /// Say in every answer how many other requests are worked on.
    var reportsLoad = false

    enum CodingKeys: String, CodingKey, CaseIterable {
        case latencyMilliseconds = "latency_ms"
        case jitterMilliseconds = "latency_jitter_ms"
        case workers
        case serviceMilliseconds = "service_ms"
        case errorRate = "error_rate"
        case errorStatus = "error_status"
        case hang
        case close
        case bodyByteCount = "body_bytes"
        case healthStatus = "health_status"
        case reportsLoad = "report_load"
    }

    /// What is wrong with a value; nil if all can be obeyed.
    var problem: String? {
        let checks = [
            ("latency_ms", self.latencyMilliseconds, 0...600_000),
            ("latency_jitter_ms", self.jitterMilliseconds, 0...600_000),
            ("workers", self.workers, 0...10_000),
            ("service_ms", self.serviceMilliseconds, 0...600_000),
            ("error_status", self.errorStatus, 200...599),
            ("health_status", self.healthStatus, 200...599),
            ("body_bytes", self.bodyByteCount, 0...1_073_741_824),
        ]
        for (name, value, range) in checks where !range.contains(value) {
            return "\(name) is \(value), but must be \(range.lowerBound) to \(range.upperBound)"
        }
        guard (0...1).contains(self.errorRate) else {
            return "error_rate is \(self.errorRate), but must be 0 to 1"
        }
        return nil
    }

    /// These faults with the fields that a JSON object names.
    func changed(by json: Data) throws(EchoRefusal) -> EchoFaults {
        let changes: [String: Change]
        do {
            changes = try JSONDecoder().decode([String: Change].self, from: json)
        } catch {
            throw EchoRefusal(message: "expected a JSON object of numbers and booleans")
        }
        var result = self
        for (name, change) in changes {
            guard let key = CodingKeys(rawValue: name) else {
                let known = CodingKeys.allCases.map(\.rawValue).joined(separator: ", ")
                throw EchoRefusal(message: "\(name) is no fault; known are \(known)")
            }
            guard result.apply(change, to: key) else {
                throw EchoRefusal(message: "\(name) has the wrong type")
            }
        }
        if let problem = result.problem { throw EchoRefusal(message: problem) }
        return result
    }

    private mutating func apply(_ change: Change, to key: CodingKeys) -> Bool {
        switch (key, change) {
        case (.latencyMilliseconds, .integer(let value)): self.latencyMilliseconds = value
        case (.jitterMilliseconds, .integer(let value)): self.jitterMilliseconds = value
        case (.workers, .integer(let value)): self.workers = value
        case (.serviceMilliseconds, .integer(let value)): self.serviceMilliseconds = value
        case (.errorRate, .integer(let value)): self.errorRate = Double(value)
        case (.errorRate, .number(let value)): self.errorRate = value
        case (.errorStatus, .integer(let value)): self.errorStatus = value
        case (.hang, .bool(let value)): self.hang = value
        case (.close, .bool(let value)): self.close = value
        case (.bodyByteCount, .integer(let value)): self.bodyByteCount = value
        case (.healthStatus, .integer(let value)): self.healthStatus = value
        case (.reportsLoad, .bool(let value)): self.reportsLoad = value
        default: return false
        }
        return true
    }

    private enum Change: Decodable {
        case bool(Bool)
        case integer(Int)
        case number(Double)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Int.self) {
                self = .integer(value)
            } else {
                self = .number(try container.decode(Double.self))
            }
        }
    }
}

/// Why a change of faults is refused.
struct EchoRefusal: Error {
    let message: String
}

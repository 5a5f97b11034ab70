import Dispatch
import Foundation
import Synchronization

/// What all connections share: faults and counters.
final class EchoState: Sendable {
    /// Name in every answer.
    let name: String
    /// Region in every answer.
    let region: String?

    private struct Content {
        var faults: EchoFaults
        var counters = EchoCounters()
        var arrivals = EchoArrivals()
        /// Microseconds: when each worker is free.
        var free: [Int] = []
    }

    private let content: Mutex<Content>

    init(name: String, region: String?, faults: EchoFaults) {
        self.name = name
        self.region = region
        self.content = Mutex(Content(faults: faults))
    }

    /// Counts an arrival and returns how to misbehave.
    func arrived(_ method: String, isHealthCheck: Bool) -> EchoFaults {
        self.content.withLock { content in
            if isHealthCheck {
                content.counters.healthChecks += 1
            } else {
                content.counters.requests += 1
                content.counters.byMethod[method, default: 0] += 1
                content.arrivals.count(at: Self.wallMilliseconds())
            }
            content.counters.inFlight += 1
            return content.faults
        }
    }

    /// How long a request that came now waits for a worker and takes, in microseconds.
    func workMicroseconds() -> Int {
        let now = Int(DispatchTime.now().uptimeNanoseconds / 1_000)
        return self.content.withLock { content in
            let mean = Double(content.faults.serviceMilliseconds) * 1_000
            let work = Int(-mean * log(Double.random(in: .leastNonzeroMagnitude..<1)))
            guard content.faults.workers > 0 else { return work }
            if content.free.count != content.faults.workers {
                content.free = Array(repeating: now, count: content.faults.workers)
            }
            let worker = content.free.indices.min { content.free[$0] < content.free[$1] } ?? 0
            let end = max(now, content.free[worker]) + work
            content.free[worker] = end
            return end - now
        }
    }

    /// Counts the end of a request; no status if it got no answer.
    func ended(status: Int?, isHealthCheck: Bool, bodyByteCount: Int) {
        self.content.withLock { content in
            content.counters.inFlight -= 1
            guard !isHealthCheck else { return }
            content.counters.bodyBytes += bodyByteCount
            if let status {
                content.counters.byStatus["\(status)", default: 0] += 1
            } else {
                content.counters.unanswered += 1
            }
        }
    }

    /// What an answer says of the load; nil if it says nothing.
    func loadReport() -> String? {
        self.content.withLock { content in
            guard content.faults.reportsLoad else { return nil }
            return "TEXT named_metrics.rif=\(content.counters.inFlight)"
        }
    }

    /// Takes over the faults that a JSON object names.
    func change(by json: Data) throws(EchoRefusal) {
        let old = self.content.withLock { $0.faults }
        let new = try old.changed(by: json)
        self.content.withLock { $0.faults = new }
    }

    /// Settings and counters as JSON.
    func report() -> Data {
        let report = self.content.withLock { content in
            EchoReport(
                name: self.name,
                region: self.region,
                settings: content.faults,
                counters: content.counters
            )
        }
        return EchoJSON.encode(report)
    }

    /// Recent arrivals as JSON.
    func arrivalReport() -> Data {
        let now = Self.wallMilliseconds()
        return EchoJSON.encode(self.content.withLock { $0.arrivals.report(at: now) })
    }

    private static func wallMilliseconds() -> Int { Int(Date().timeIntervalSince1970 * 1_000) }
}

/// What happened since the start; control requests under `/_echo` are not counted.
struct EchoCounters: Encodable, Sendable {
    var requests = 0
    var healthChecks = 0
    var inFlight = 0
    var unanswered = 0
    var bodyBytes = 0
    var byStatus: [String: Int] = [:]
    var byMethod: [String: Int] = [:]

    enum CodingKeys: String, CodingKey {
        case requests
        case healthChecks = "health_checks"
        case inFlight = "in_flight"
        case unanswered
        case bodyBytes = "body_bytes"
        case byStatus = "by_status"
        case byMethod = "by_method"
    }
}

private struct EchoReport: Encodable {
    let name: String
    let region: String?
    let settings: EchoFaults
    let counters: EchoCounters
}

/// Arrivals per 100 ms in the last minute.
struct EchoArrivals: Sendable {
    private static let slotMilliseconds = 100
    private static let slotCount = 600

    private var slots = [(number: Int, count: Int)](repeating: (0, 0), count: Self.slotCount)

    /// Takes in one arrival.
    mutating func count(at milliseconds: Int) {
        let number = milliseconds / Self.slotMilliseconds
        let index = number % Self.slotCount
        if self.slots[index].number != number { self.slots[index] = (number, 0) }
        self.slots[index].count += 1
    }

    struct Report: Encodable, Sendable {
        struct Slot: Encodable, Sendable {
            let atMilliseconds: Int
            let count: Int

            enum CodingKeys: String, CodingKey {
                case atMilliseconds = "at_ms"
                case count
            }
        }

        let slotMilliseconds: Int
        let nowMilliseconds: Int
        let arrivals: [Slot]

        enum CodingKeys: String, CodingKey {
            case slotMilliseconds = "slot_ms"
            case nowMilliseconds = "now_ms"
            case arrivals
        }
    }

    /// The slots of the last minute in which something arrived, oldest first.
    func report(at milliseconds: Int) -> Report {
        let oldest = milliseconds / Self.slotMilliseconds - Self.slotCount
        let recent = self.slots.filter { $0.number > oldest && $0.count > 0 }
            .sorted { $0.number < $1.number }
        return Report(
            slotMilliseconds: Self.slotMilliseconds,
            nowMilliseconds: milliseconds,
            arrivals: recent.map {
                Report.Slot(atMilliseconds: $0.number * Self.slotMilliseconds, count: $0.count)
            }
        )
    }
}

/// JSON as this tool writes it: keys sorted, a newline at the end.
enum EchoJSON {
    static func encode(_ value: some Encodable) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard var json = try? encoder.encode(value) else { return Data() }
        json.append(0x0A)
        return json
    }
}

import MeshDataPlane
import MeshPrimitives

/// What a node has answered in each of the last steps of time, in all and by service.
///
/// Pure: told what was counted since the start, at regular intervals.
struct TrafficHistory: Sendable {
    /// Seconds that a step takes: 5.
    static let stepSeconds = 5
    /// Steps kept: 15 minutes.
    static let capacity = 15 * 60 / stepSeconds
    /// Services told apart in a step, the busiest; the others are one.
    static let serviceLimit = 12
    /// What the services are called that are not told apart.
    static let others = "(others)"

    /// What was answered in a step, without the distribution behind it: 15 minutes of those would be
    /// megabytes.
    struct Summary: Equatable, Sendable {
        let requests: UInt64
        /// Of these, those with a status of 500 or more.
        let errors: UInt64
        /// The latency that half of the requests, and 99 of 100, did not exceed, in microseconds.
        let p50: UInt64
        let p99: UInt64

        init(_ figures: TrafficFigures) {
            self.requests = figures.requests
            self.errors = figures.errors
            self.p50 = figures.latency.quantile(0.5)
            self.p99 = figures.latency.quantile(0.99)
        }
    }

    /// One step.
    struct Step: Sendable {
        /// Which one, from 1 without gaps.
        let number: UInt64
        /// When it ended, in milliseconds since 1970.
        let wallMilliseconds: UInt64
        /// All requests.
        let all: Summary
        /// By service; requests of no service under "".
        let services: [String: Summary]
    }

    private(set) var steps: [Step] = []
    private var last: [String: TrafficFigures]?
    private var number: UInt64 = 0

    /// Takes in what was counted by service since the start of the process; the first one only begins
    /// the first step.
    mutating func count(_ total: [String: TrafficFigures], wallMilliseconds: UInt64) {
        defer { self.last = total }
        guard let last = self.last else { return }
        var all = TrafficFigures()
        var services: [String: TrafficFigures] = [:]
        for (service, figures) in total {
            let step = figures.since(last[service] ?? TrafficFigures())
            guard step.requests > 0 else { continue }
            all.add(step)
            services[service] = step
        }
        self.number += 1
        self.steps.append(
            Step(
                number: self.number,
                wallMilliseconds: wallMilliseconds,
                all: Summary(all),
                services: Self.busiest(services).mapValues { Summary($0) }
            )
        )
        if self.steps.count > Self.capacity { self.steps.removeFirst() }
    }

    private static func busiest(_ services: [String: TrafficFigures]) -> [String: TrafficFigures] {
        guard services.count > Self.serviceLimit else { return services }
        let sorted = services.sorted {
            ($1.value.requests, $0.key) < ($0.value.requests, $1.key)
        }
        var kept: [String: TrafficFigures] = [:]
        for (index, (service, figures)) in sorted.enumerated() {
            let name = index < Self.serviceLimit - 1 ? service : Self.others
            kept[name, default: TrafficFigures()].add(figures)
        }
        return kept
    }
}

extension TrafficFigures {
    /// What the data plane has counted since its start, by service.
    static func byService(_ counters: DataPlaneCounters) -> [String: TrafficFigures] {
        var result: [String: TrafficFigures] = [:]
        for route in counters.routes {
            var figures = TrafficFigures()
            for count in route.requests {
                figures.requests += count.count
                if count.code >= 500 { figures.errors += count.count }
            }
            figures.latency = route.latency
            result[route.service, default: TrafficFigures()].add(figures)
        }
        return result
    }
}

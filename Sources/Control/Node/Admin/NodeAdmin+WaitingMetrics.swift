import MeshActivation
import MeshAdmin
import MeshDataPlane
import MeshHealth
import MeshPrimitives

extension NodeAdmin {
    /// What upstreams with limits let wait, and shed.
    func writeWaiting(_ counters: DataPlaneCounters, into text: inout MetricsText) {
        let rooms = counters.waiting
        text.family(
            "meshgate_waiting_requests",
            .gauge,
            help: "Requests that wait until a target has room.",
            labels: ["upstream"],
            samples: rooms.map { MetricsText.Sample([$0.upstream], Double($0.waiting)) }
        )
        text.family(
            "meshgate_waited_requests_total",
            .counter,
            help: "Requests that had to wait until a target had room.",
            labels: ["upstream"],
            samples: rooms.map { MetricsText.Sample([$0.upstream], Double($0.entered)) }
        )
        text.family(
            "meshgate_waited_seconds_total",
            .counter,
            help: "Time that requests have waited until a target had room.",
            labels: ["upstream"],
            samples: rooms.map {
                MetricsText.Sample([$0.upstream], Double($0.waitedMicroseconds) / 1_000_000)
            }
        )
        text.family(
            "meshgate_shed_total",
            .counter,
            help: "Requests answered 503 because no target had room.",
            labels: ["upstream", "urgency", "reason"],
            samples: rooms.flatMap { room in
                room.shed.map {
                    MetricsText.Sample(
                        [room.upstream, String($0.urgency), $0.reason],
                        Double($0.count)
                    )
                }
            }
        )
        self.writeBounds(counters, into: &text)
    }

    /// What bounds the requests in flight at targets.
    private func writeBounds(_ counters: DataPlaneCounters, into text: inout MetricsText) {
        let some = counters.targets.filter {
            $0.limit > 0 || $0.passedOver > 0 || $0.overflows > 0
        }
        let known = Dictionary(
            some.isEmpty ? [] : self.healthService.views().map { ($0.target.id, $0.target) },
            uniquingKeysWith: { first, _ in first }
        )
        let sample = { (counters: DataPlaneCounters.TargetCounters, value: UInt64) in
            known[counters.id].map {
                MetricsText.Sample(
                    [$0.upstream, $0.name, $0.endpoint.description],
                    Double(value)
                )
            }
        }
        text.family(
            "meshgate_target_overflows_total",
            .counter,
            help: "Requests that went to a target since another region did not bear them.",
            labels: ["upstream", "region", "target", "address"],
            samples: some.filter { $0.overflows > 0 }.compactMap { target in
                known[target.id].map {
                    MetricsText.Sample(
                        [$0.upstream, $0.region, $0.name, $0.endpoint.description],
                        Double(target.overflows)
                    )
                }
            }
        )
        text.family(
            "meshgate_target_limit",
            .gauge,
            help: "Requests that this node may have in flight at a target.",
            labels: ["upstream", "target", "address"],
            samples: some.filter { $0.limit > 0 }.compactMap { sample($0, $0.limit) }
        )
        text.family(
            "meshgate_target_passed_over_total",
            .counter,
            help: "Requests whose key belongs to a target, but that went on over its load bound.",
            labels: ["upstream", "target", "address"],
            samples: some.filter { $0.passedOver > 0 }.compactMap { sample($0, $0.passedOver) }
        )
    }
}

import MeshAdmin
import MeshDataPlane

/// What went wrong in the proxy, by cause, and how long services take.
extension NodeAdmin {
    /// Upper bounds of our own latency histograms in milliseconds.
    static let latencyBounds: [Double] = [5, 25, 100, 400, 1_000, 5_000, 30_000]

    /// A distribution in the buckets of ``latencyBounds``.
    static func histogram(
        _ labels: [String],
        _ latency: LatencyDistribution
    ) -> MetricsText.Histogram {
        let totals = Self.latencyBounds.map { latency.count(upToMicroseconds: UInt64($0 * 1_000)) }
        return MetricsText.Histogram(
            labels,
            counts: zip(totals + [latency.count], [0] + totals).map { $0 - $1 },
            sum: Double(latency.sumMicroseconds) / 1_000
        )
    }

    func writeFailures(_ counters: DataPlaneCounters, into text: inout MetricsText) {
        text.family(
            "meshgate_failures_total",
            .counter,
            help: "Requests that failed, by whose doing it was and cause.",
            labels: ["owner", "cause"],
            samples: counters.failures.map {
                MetricsText.Sample([$0.owner, $0.cause], Double($0.requests))
            }
        )
        text.family(
            "meshgate_attempt_failures_total",
            .counter,
            help: "Attempts at targets that failed, whether another one followed or not.",
            labels: ["owner", "cause"],
            samples: counters.failures.filter { $0.owner != "client" }.map {
                MetricsText.Sample([$0.owner, $0.cause], Double($0.attempts))
            }
        )
        self.writeConnectionFailures(counters, into: &text)
        text.histogram(
            "meshgate_service_latency_ms",
            help: "From a request's first byte to its response's last, by service; no streams.",
            bounds: Self.latencyBounds,
            labels: ["service"],
            histograms: counters.latencyByService().sorted { $0.key < $1.key }
                .map { Self.histogram([$0.key], $0.value) }
        )
    }

    private func writeConnectionFailures(
        _ counters: DataPlaneCounters,
        into text: inout MetricsText
    ) {
        text.family(
            "meshgate_tls_handshakes_total",
            .counter,
            help: "TLS handshakes of clients by result.",
            labels: ["result"],
            samples: [
                MetricsText.Sample(["done"], Double(counters.handshakes)),
                MetricsText.Sample(["failed"], Double(counters.failedHandshakes)),
            ]
        )
        text.family(
            "meshgate_http2_sessions",
            .gauge,
            help: "HTTP/2 sessions now open, by who is at the other end.",
            labels: ["peer"],
            samples: [
                MetricsText.Sample(["client"], Double(counters.clientSessions)),
                MetricsText.Sample(["target"], Double(counters.targetSessions)),
            ]
        )
        text.family(
            "meshgate_http2_session_faults_total",
            .counter,
            help: "HTTP/2 sessions ended by a fault of the client, by cause.",
            labels: ["cause"],
            samples: counters.sessionFaults.map {
                MetricsText.Sample([$0.cause], Double($0.count))
            }
        )
        text.family(
            "meshgate_refused_connections_total",
            .counter,
            help: "Clients closed at once because their address had too many connections.",
            samples: [MetricsText.Sample([], Double(counters.refusedConnections))]
        )
        text.family(
            "meshgate_spilled_bodies_total",
            .counter,
            help: "Bodies that went to disk, and times that there was no room for one there.",
            labels: ["result"],
            samples: [
                MetricsText.Sample(["written"], Double(counters.spilledBodies)),
                MetricsText.Sample(["failed"], Double(counters.spillFailures)),
            ]
        )
        text.family(
            "meshgate_denied_retries_total",
            .counter,
            help: "Failed requests that were not tried again because the budget was used up.",
            samples: [MetricsText.Sample([], Double(counters.deniedRetries))]
        )
        text.family(
            "meshgate_datagrams_lost_total",
            .counter,
            help: "Datagrams of udp routes that were not passed on, and sessions that made room.",
            labels: ["what"],
            samples: [
                MetricsText.Sample(["datagram"], Double(counters.droppedDatagrams)),
                MetricsText.Sample(["session"], Double(counters.evictedDatagramSessions)),
            ]
        )
    }
}

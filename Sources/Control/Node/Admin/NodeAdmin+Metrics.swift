import MeshAdmin
import MeshBalancing
import MeshDataPlane
import MeshHealth
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport

extension NodeAdmin {
    func metrics() async -> String {
        var text = MetricsText()
        let counters = self.dataPlane.counters()
        Self.writeRequests(counters, into: &text)
        self.writeConnections(counters, into: &text)
        self.writeFailures(counters, into: &text)
        self.writeTargets(counters, await self.health(of: nil), into: &text)
        self.writeWaiting(counters, into: &text)
        await self.writeMesh(into: &text)
        await self.writeFleet(into: &text)
        return text.text
    }

    /// Kong's families, under Kong's names and labels, so that existing boards work.
    static func writeRequests(_ counters: DataPlaneCounters, into text: inout MetricsText) {
        let routes = counters.routes.filter { !$0.isStream }
        let streams = counters.routes.filter(\.isStream)
        text.family(
            "kong_http_requests_total",
            .counter,
            help: "HTTP status codes per service and route.",
            labels: ["service", "route", "code", "source", "workspace", "consumer"],
            samples: routes.flatMap { Self.requests($0, $0.unnamed) },
            bounded: Self.named(routes, Self.requests)
        )
        text.family(
            "kong_stream_sessions_total",
            .counter,
            help: "Stream status codes per service and route.",
            labels: ["service", "route", "code", "source", "workspace"],
            samples: streams.flatMap { Self.requests($0, $0.unnamed) }.map { sample in
                MetricsText.Sample(Array(sample.labels.dropLast()), sample.value)
            }
        )
        typealias Route = DataPlaneCounters.RouteCounters
        let families: [(String, String, KeyPath<Route, DataPlaneCounters.Histogram>, [UInt32])] = [
            (
                "kong_request_latency_ms", "Total latency of a request.", \.requestLatency,
                Route.latencyBounds
            ),
            (
                "kong_upstream_latency_ms", "Latency of the upstream.", \.upstreamLatency,
                Route.latencyBounds
            ),
            (
                "kong_kong_latency_ms", "Latency that the gateway adds.", \.gatewayLatency,
                Route.gatewayLatencyBounds
            ),
        ]
        for (name, help, path, bounds) in families {
            text.histogram(
                name,
                help: help,
                bounds: bounds.map(Double.init),
                labels: ["service", "route", "workspace"],
                histograms: routes.map { Self.histogram($0, path) }
            )
        }
        text.histogram(
            "kong_session_duration_ms",
            help: "Duration of a stream session.",
            bounds: Route.latencyBounds.map(Double.init),
            labels: ["service", "route", "workspace"],
            histograms: streams.map { Self.histogram($0, \.requestLatency) }
        )
        text.family(
            "kong_bandwidth_bytes",
            .counter,
            help: "Bytes from and to clients.",
            labels: ["service", "route", "direction", "workspace", "consumer"],
            samples: counters.routes.flatMap { Self.bandwidth($0, $0.unnamed) },
            bounded: Self.named(counters.routes, Self.bandwidth)
        )
    }

    private static func histogram(
        _ route: DataPlaneCounters.RouteCounters,
        _ path: KeyPath<DataPlaneCounters.RouteCounters, DataPlaneCounters.Histogram>
    ) -> MetricsText.Histogram {
        let histogram = route[keyPath: path]
        return MetricsText.Histogram(
            [route.service, route.route, "default"],
            counts: histogram.counts,
            sum: Double(histogram.sumMicroseconds) / 1_000
        )
    }

    /// All consumers' shares, whose number has its bound where they are counted.
    private static func named(
        _ routes: [DataPlaneCounters.RouteCounters],
        _ samples: (
            DataPlaneCounters.RouteCounters, DataPlaneCounters.ConsumerCounters
        ) -> [MetricsText.Sample]
    ) -> [MetricsText.Sample] {
        routes.flatMap { route in route.consumers.flatMap { samples(route, $0) } }
    }

    private static func requests(
        _ route: DataPlaneCounters.RouteCounters,
        _ share: DataPlaneCounters.ConsumerCounters
    ) -> [MetricsText.Sample] {
        share.requests.map { count in
            MetricsText.Sample(
                [
                    route.service, route.route, String(count.code), count.source.rawValue,
                    "default", share.name,
                ],
                Double(count.count)
            )
        }
    }

    private static func bandwidth(
        _ route: DataPlaneCounters.RouteCounters,
        _ share: DataPlaneCounters.ConsumerCounters
    ) -> [MetricsText.Sample] {
        [("ingress", share.ingressBytes), ("egress", share.egressBytes)].map { direction, bytes in
            MetricsText.Sample(
                [route.service, route.route, direction, "default", share.name],
                Double(bytes)
            )
        }
    }

    private func writeConnections(_ counters: DataPlaneCounters, into text: inout MetricsText) {
        let node = self.identity.id
        let idle =
            counters.activeConnections
            &- min(
                counters.activeConnections,
                counters.activeRequests
            )
        text.family(
            "kong_nginx_connections_total",
            .gauge,
            help: "Client connections by state.",
            labels: ["node_id", "subsystem", "state"],
            samples: [
                ("accepted", counters.acceptedConnections), ("active", counters.activeConnections),
                ("handled", counters.acceptedConnections), ("total", counters.requests),
                ("waiting", idle), ("writing", counters.activeRequests),
            ].map { MetricsText.Sample([node, "http", $0.0], Double($0.1)) }
        )
        text.family(
            "kong_nginx_requests_total",
            .gauge,
            help: "Requests since the start.",
            labels: ["node_id", "subsystem"],
            samples: [MetricsText.Sample([node, "http"], Double(counters.requests))]
        )
        text.family(
            "kong_datastore_reachable",
            .gauge,
            help: "Whether the store answers; always, since every node has its own.",
            samples: [MetricsText.Sample([], 1)]
        )
        text.family(
            "kong_node_info",
            .gauge,
            help: "Who this node is.",
            labels: ["node_id", "version"],
            samples: [MetricsText.Sample([node, Version.current], 1)]
        )
        text.family(
            "process_start_time_seconds",
            .gauge,
            help: "When the process began, in seconds since 1970: what is counted begins there.",
            samples: [MetricsText.Sample([], Double(self.state.current.startedAt) / 1_000)]
        )
        let single: [(String, String, UInt64)] = [
            ("unmatched_requests", "Requests that no route matched.", counters.unmatched),
            ("malformed_requests", "Requests refused as not HTTP.", counters.malformed),
            ("retries", "Attempts after the first one of a request.", counters.retries),
            ("hedges", "Second targets asked before the first had failed.", counters.hedges),
            ("hedges_won", "Second targets that answered first.", counters.hedgesWon),
            ("upstream_connections", "Connections to targets.", counters.upstreamConnections),
            ("accept_pauses", "Times that accepting paused.", counters.acceptPauses),
            ("dropped_log_lines", "Access log lines dropped.", counters.droppedLogLines),
        ]
        for (name, help, value) in single {
            text.family(
                "meshgate_\(name)_total",
                .counter,
                help: help,
                samples: [MetricsText.Sample([], Double(value))]
            )
        }
    }

    private func writeTargets(
        _ counters: DataPlaneCounters,
        _ health: MeshReports.HealthReport,
        into text: inout MetricsText
    ) {
        let views = self.healthService.views()
        self.writeLatency(of: views, counters, into: &text)
        self.writeDecisions(views, into: &text)
        text.family(
            "kong_upstream_target_health",
            .gauge,
            help: "Whether a target is in the state.",
            labels: ["upstream", "target", "address", "state", "subsystem"],
            samples: health.upstreams.flatMap { upstream in
                upstream.targets.flatMap { target in
                    Self.healthStates.map { state in
                        MetricsText.Sample(
                            [
                                upstream.name, target.target, target.address ?? "", state, "http",
                            ],
                            Self.healthState(of: target.verdict) == state ? 1 : 0
                        )
                    }
                }
            }
        )
        text.family(
            "meshgate_target_weight_factor",
            .gauge,
            help: "Share of its weight that a target gets at this node.",
            labels: ["upstream", "target", "address"],
            samples: views.map { view in
                MetricsText.Sample(
                    [
                        view.target.upstream, view.target.name,
                        view.target.endpoint.description,
                    ],
                    Double(view.factor)
                )
            }
        )
    }

    /// Kong's words for what a target is.
    private static let healthStates = ["healthchecks_off", "healthy", "unhealthy", "dns_error"]

    private static func healthState(of verdict: TargetHealthReport.Verdict) -> String {
        switch verdict {
        case .healthy, .lowered: "healthy"
        case .excluded, .draining, .disabled: "unhealthy"
        case .unchecked: "healthchecks_off"
        case .unresolved: "dns_error"
        }
    }

    /// Circuits that are not closed.
    private static func writeCircuits(
        _ views: [MeshHealth.TargetView],
        into text: inout MetricsText
    ) {
        text.family(
            "meshgate_target_circuit",
            .gauge,
            help: "1 for the state of a target's circuit that is not closed: open or half-open.",
            labels: ["upstream", "target", "address", "circuit"],
            samples: views.compactMap { view in
                guard let circuit = view.circuit, circuit != "closed" else { return nil }
                return MetricsText.Sample(
                    [
                        view.target.upstream, view.target.name,
                        view.target.endpoint.description, circuit,
                    ],
                    1
                )
            }
        )
    }

    /// What the machines of health and regions decide; targets only when they do not stand up.
    private func writeDecisions(_ views: [MeshHealth.TargetView], into text: inout MetricsText) {
        text.family(
            "meshgate_target_state",
            .gauge,
            help: "1 for the state of a target that is not up.",
            labels: ["upstream", "target", "address", "state"],
            samples: views.filter { $0.stage != .up && $0.stage != .unknown }.map { view in
                MetricsText.Sample(
                    [
                        view.target.upstream, view.target.name,
                        view.target.endpoint.description, view.stage.rawValue,
                    ],
                    1
                )
            }
        )
        Self.writeCircuits(views, into: &text)
        let tally = self.healthService.tally
        text.family(
            "meshgate_ejections_total",
            .counter,
            help: "Times that a target went out of use.",
            labels: ["reason"],
            samples: tally.ejections.sorted { $0.key.rawValue < $1.key.rawValue }
                .map { MetricsText.Sample([$0.key.word], Double($0.value)) }
        )
        text.family(
            "meshgate_target_ejections_total",
            .counter,
            help: "Times that a target went out of use, of those that ever did.",
            labels: ["upstream", "target"],
            samples: tally.targets.sorted {
                ($0.key.upstream, $0.key.name) < ($1.key.upstream, $1.key.name)
            }.map { MetricsText.Sample([$0.key.upstream, $0.key.name], Double($0.value)) }
        )
        text.family(
            "meshgate_panic",
            .gauge,
            help: "1 where so little capacity is left that doubtful targets serve.",
            labels: ["upstream", "region"],
            samples: tally.panics.sorted { ($0.upstream, $0.region) < ($1.upstream, $1.region) }
                .map { MetricsText.Sample([$0.upstream, $0.region], 1) }
        )
        let regions = self.healthService.regionViews().sorted { $0.key < $1.key }
            .flatMap { name, views in
                views.filter { $0.cause != .absent }.map { (name, $0) }
            }
        text.family(
            "meshgate_region_share",
            .gauge,
            help: "Share of an upstream's requests that a region gets at this node.",
            labels: ["upstream", "region"],
            samples: regions.map {
                MetricsText.Sample([$0.0, $0.1.region ?? "failover"], Double($0.1.share) / 1_000)
            }
        )
        text.family(
            "meshgate_region_capacity",
            .gauge,
            help: "Part of a region's capacity that is in use.",
            labels: ["upstream", "region"],
            samples: regions.map {
                MetricsText.Sample(
                    [$0.0, $0.1.region ?? "failover"],
                    Double($0.1.capacity) / 1_000
                )
            }
        )
    }

    /// Only targets that had answers, so that a quiet upstream costs nothing.
    private func writeLatency(
        of views: [TargetView],
        _ counters: DataPlaneCounters,
        into text: inout MetricsText
    ) {
        let latencies = Dictionary(
            counters.targets.map { ($0.id, $0.latency) },
            uniquingKeysWith: { first, _ in first }
        )
        text.histogram(
            "meshgate_target_latency_ms",
            help: "From sending to a target to its response head.",
            bounds: Self.latencyBounds,
            labels: ["upstream", "target", "address"],
            histograms: views.compactMap { view in
                let target = view.target
                guard let latency = latencies[target.id], latency.count > 0 else { return nil }
                return Self.histogram(
                    [target.upstream, target.name, target.endpoint.description],
                    latency
                )
            }
        )
    }

    private func writeMesh(into text: inout MetricsText) async {
        let members = await self.currentMembers().reports
        let groups = Dictionary(grouping: members) { [$0.state.rawValue, $0.region] }
        text.family(
            "meshgate_members",
            .gauge,
            help: "Members by state and region, as this node sees them.",
            labels: ["state", "region"],
            samples: groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }
                .map { MetricsText.Sample($0.key, Double($0.value.count)) }
        )
        let regions = await self.regions().regions
        text.family(
            "meshgate_region_live",
            .gauge,
            help: "Whether a region has a living member, as this node sees it.",
            labels: ["region"],
            samples: regions.filter { $0.members > 0 }
                .map { MetricsText.Sample([$0.name], $0.alive > 0 ? 1 : 0) }
        )
        let version = self.state.current.version
        text.family(
            "meshgate_config_info",
            .gauge,
            help: "The configuration this node routes by.",
            labels: ["version", "hash"],
            samples: [MetricsText.Sample([version.version, version.hash], 1)]
        )
        let status = await self.cluster.status()
        Self.writeGossip(status, into: &text)
        Self.writeMembership(status, into: &text)
        Self.writeFleetCounters(status.fleetCounters, into: &text)
    }

    /// What counting for limits of the fleet costs.
    private static func writeFleetCounters(
        _ status: FleetCounterStatus,
        into text: inout MetricsText
    ) {
        text.family(
            "meshgate_limit_bytes_total",
            .counter,
            help: "Bytes of datagrams sent for limits that hold for the whole mesh.",
            labels: [],
            samples: [MetricsText.Sample([], Double(status.bytesSent))]
        )
        text.family(
            "meshgate_limit_keys",
            .gauge,
            help: "What this node counts now for limits that hold for the whole mesh.",
            labels: [],
            samples: [MetricsText.Sample([], Double(status.keys))]
        )
        text.family(
            "meshgate_limit_overflows_total",
            .counter,
            help: "Counts for limits of the whole mesh that found no room, held on one node only.",
            labels: [],
            samples: [MetricsText.Sample([], Double(status.overflows))]
        )
    }

    private static func writeGossip(_ status: ClusterStatus, into text: inout MetricsText) {
        let counters = status.counters
        text.family(
            "meshgate_gossip_datagrams_total",
            .counter,
            help: "Gossip datagrams.",
            labels: ["direction"],
            samples: [
                MetricsText.Sample(["received"], Double(counters.datagramsReceived)),
                MetricsText.Sample(["sent"], Double(counters.datagramsSent)),
            ]
        )
        text.family(
            "meshgate_gossip_bytes_total",
            .counter,
            help: "Bytes of gossip datagrams.",
            labels: ["direction"],
            samples: [
                MetricsText.Sample(["received"], Double(counters.datagramBytesReceived)),
                MetricsText.Sample(["sent"], Double(counters.datagramBytesSent)),
            ]
        )
        var rejected: [String: UInt64] = [:]
        for (reason, count) in counters.rejected { rejected["\(reason)", default: 0] += count }
        text.family(
            "meshgate_gossip_rejected_total",
            .counter,
            help: "Gossip input refused, by reason.",
            labels: ["reason"],
            samples: rejected.sorted { $0.key < $1.key }
                .map { MetricsText.Sample([$0.key], Double($0.value)) }
        )
        text.family(
            "meshgate_gossip_skipped_total",
            .counter,
            help: "Records of newer software that were skipped.",
            labels: [],
            samples: [MetricsText.Sample([], Double(counters.recordsSkipped))]
        )
        text.family(
            "meshgate_gossip_send_refused_total",
            .counter,
            help: "Datagrams that this machine's system refused to send, by cause.",
            labels: ["cause"],
            samples: counters.sendRefusals.sorted { $0.key.rawValue < $1.key.rawValue }
                .map { MetricsText.Sample([$0.key.rawValue], Double($0.value)) }
        )
        text.family(
            "meshgate_gossip_sockets_reopened_total",
            .counter,
            help: "Times that a lost gossip socket was opened again.",
            samples: [MetricsText.Sample([], Double(counters.socketsReopened))]
        )
        text.family(
            "meshgate_disk_fault",
            .gauge,
            help: "Whether the disk refuses changes: 1 while it does.",
            samples: [MetricsText.Sample([], status.diskFault == nil ? 0 : 1)]
        )
    }
}

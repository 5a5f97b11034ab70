import MeshDataPlane
import MeshEntities
import MeshHTTP
import MeshPrimitives

/// The settings of the proxy; ranges and defaults are documented at the fields they fill.
extension SettingKey {
    static let proxyListeners: [SettingKey] = [
        .list(
            "proxy.listen",
            allowed:
                "addresses like 0.0.0.0:8000, each with proxy_protocol after it if it has that",
            \.proxy.dataPlane.listen,
            read: { ListenAddress($0) }
        ),
        .list(
            "proxy.tls_listen",
            allowed:
                "addresses like 0.0.0.0:8443, each with proxy_protocol after it if it has that",
            \.proxy.dataPlane.tlsListen,
            read: { ListenAddress($0) }
        ),
        .list(
            "proxy.stream_listen",
            allowed: "addresses like 0.0.0.0:9000, each with ssl, udp or proxy_protocol after it",
            \.proxy.dataPlane.streamListen,
            read: { StreamListener($0) }
        ),
        .single(
            "proxy.workers",
            allowed: "auto or 1 to 256",
            \.proxy.dataPlane.workers,
            read: { text in
                if text == "auto" { return 0 }
                return Int(text).flatMap { (1...256).contains($0) ? $0 : nil }
            },
            show: { $0 == 0 ? .string("auto") : .integer(Int64($0)) }
        ),
        .choice("proxy.router_flavor", \.proxy.dataPlane.routerFlavor),
        .seconds("proxy.drain_deadline", in: 0...3_600, \.proxy.drainDeadline),
        .seconds("proxy.drain_announce", in: 0...600, \.proxy.drainAnnounce),
    ]

    static let proxyTLS: [SettingKey] = [
        .path("proxy.tls_certificate", \.proxy.files.certificate),
        .path("proxy.tls_key", \.proxy.files.key),
        .seconds(
            "proxy.tls_session_ticket_rotation",
            in: 60...86_400,
            \.proxy.dataPlane.tls.ticketRotation
        ),
        .choice("proxy.client_certificates", \.proxy.dataPlane.tls.clientCertificates),
        .path("proxy.client_ca", \.proxy.files.clientAuthorities),
        .path("proxy.ocsp_dir", \.proxy.dataPlane.tls.ocspDirectory),
        .path("proxy.key_log", \.proxy.dataPlane.tls.keyLog),
        .flag("proxy.ssl_verify", \.proxy.dataPlane.verifiesTargets),
        .count(
            "proxy.upstream_keepalive_pool_size",
            in: 0...1_000_000,
            \.proxy.dataPlane.targetPool.size
        ),
        .count(
            "proxy.upstream_keepalive_max_requests",
            in: 0...1_000_000_000,
            \.proxy.dataPlane.targetPool.maximumRequests
        ),
        .seconds(
            "proxy.upstream_keepalive_idle_timeout",
            in: 0...86_400,
            \.proxy.dataPlane.targetPool.idleTimeout
        ),
    ]

    static let proxyClients: [SettingKey] = [
        .list(
            "proxy.trusted_ips",
            allowed: "addresses and blocks like 10.0.0.0/8",
            \.proxy.dataPlane.realAddress.trusted,
            read: { AddressBlock($0) }
        ),
        .choice("proxy.real_ip_header", \.proxy.dataPlane.realAddress.source),
        .flag("proxy.real_ip_recursive", \.proxy.dataPlane.realAddress.isRecursive),
        .count("proxy.max_connections", in: 1...1_000_000, \.proxy.dataPlane.maximumConnections),
        .count(
            "proxy.max_connections_per_address",
            in: 0...1_000_000,
            \.proxy.dataPlane.maximumConnectionsPerAddress
        ),
        .count("proxy.max_requests", in: 0...1_000_000, \.proxy.dataPlane.maximumRequests),
        .size(
            "proxy.client_max_body_size",
            in: 0...(1 << 50),
            \.proxy.dataPlane.maximumBodyByteCount
        ),
        .size(
            "proxy.body_buffer_size",
            in: 16_384...(64 << 20),
            \.proxy.dataPlane.bodyBufferByteCount
        ),
        .size(
            "proxy.body_buffer_memory",
            in: (1 << 20)...(1 << 40),
            \.proxy.dataPlane.bodyBufferMemory
        ),
        .path("proxy.body_buffer_dir", \.proxy.dataPlane.bodyBufferDirectory),
        .size(
            "proxy.body_buffer_disk",
            in: 0...(1 << 50),
            \.proxy.dataPlane.bodyBufferDiskLimit
        ),
        .size(
            "proxy.max_line_size",
            in: 1_024...61_440,
            \.proxy.dataPlane.headLimits.startLineByteCount
        ),
        .size(
            "proxy.max_head_size",
            in: 1_024...65_535,
            \.proxy.dataPlane.headLimits.headByteCount
        ),
        .count("proxy.max_head_fields", in: 10...1_000, \.proxy.dataPlane.headLimits.fieldCount),
        .seconds("proxy.head_timeout", in: 1...3_600, \.proxy.dataPlane.headTimeout),
        .seconds("proxy.idle_timeout", in: 1...86_400, \.proxy.dataPlane.idleTimeout),
        .seconds("proxy.write_stall_timeout", in: 1...3_600, \.proxy.dataPlane.writeStallTimeout),
        .seconds(
            "proxy.body_progress_timeout",
            in: 1...3_600,
            \.proxy.dataPlane.bodyProgressTimeout
        ),
        .seconds("proxy.udp_idle_timeout", in: 1...3_600, \.proxy.dataPlane.datagramIdleTimeout),
        .count("proxy.retry_budget", in: 0...10_000, \.proxy.dataPlane.retryBudget),
        .count("proxy.retry_budget_floor", in: 0...1_000_000, \.proxy.dataPlane.retryBudgetFloor),
        .size(
            "proxy.response_progress",
            in: 0...(1 << 30),
            \.proxy.dataPlane.responseProgressByteCount
        ),
        .seconds("proxy.linger_timeout", in: 0...3_600, \.proxy.dataPlane.lingerTimeout),
        .flag("proxy.half_closed_clients", \.proxy.dataPlane.keepsHalfClosedClients),
    ]

    static let proxyAnswers: [SettingKey] = [
        SettingKey(
            name: "proxy.headers",
            allowed: "server_tokens, latency_tokens, Server, Via, X-Kong-Proxy-Latency, "
                + "X-Kong-Upstream-Latency, X-Kong-Response-Latency, X-Kong-Upstream-Status, "
                + "X-Kong-Request-Id, or off",
            apply: { values, settings in
                guard let tokens = try? ResponseTokens(names: values) else { return false }
                settings.proxy.dataPlane.responseTokens = tokens
                return true
            },
            show: { .strings($0.proxy.dataPlane.responseTokens.names) }
        ),
        .flag("proxy.allow_debug_header", \.proxy.dataPlane.allowsDebugField),
        .path("proxy.error_template_json", \.proxy.files.errorTemplateJSON),
        .path("proxy.error_template_html", \.proxy.files.errorTemplateHTML),
        .path("proxy.error_template_xml", \.proxy.files.errorTemplateXML),
        .path("proxy.error_template_plain", \.proxy.files.errorTemplatePlain),
        .single(
            "proxy.error_default_type",
            allowed: "one of \(ErrorFormat.selectable.map(\.mediaType).joined(separator: ", "))",
            \.proxy.dataPlane.errorDefaultFormat,
            read: { text in ErrorFormat.selectable.first { $0.mediaType == text } },
            show: { .string($0.mediaType) }
        ),
        // A list in the environment, since a syslog target has commas.
        SettingKey(
            name: "proxy.access_log",
            allowed: "a path, off, -, or a daemon like syslog:server=192.0.2.1:514,tag=meshgate",
            apply: { values, settings in
                let text = values.joined(separator: ",")
                let sink = AccessLogSink(text)
                guard !text.isEmpty, text == "off" || sink != nil else { return false }
                settings.proxy.dataPlane.accessLog = text == "off" ? nil : sink
                return true
            },
            show: { .string($0.proxy.dataPlane.accessLog?.description ?? "off") }
        ),
        .choice("proxy.access_log_format", \.proxy.dataPlane.accessLogFormat),
        .count(
            "proxy.recent_requests",
            in: 0...1_000_000,
            \.proxy.dataPlane.recentRequests
        ),
    ]
}

extension ErrorFormat {
    /// The forms that an operator can choose; gRPC's is chosen by the request.
    fileprivate static let selectable = Self.allCases.filter { $0 != .grpc }

    /// The media type, as `proxy.error_default_type` names it.
    fileprivate var mediaType: String {
        switch self {
        case .json: "application/json"
        case .html: "text/html"
        case .xml: "application/xml"
        case .plain: "text/plain"
        case .grpc: "application/grpc"
        }
    }
}

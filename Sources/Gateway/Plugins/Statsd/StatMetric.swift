import MeshEntities

/// A number that `statsd` or `datadog` tell of every request.
struct StatMetric: Sendable {
    /// What is told.
    enum Name: String, CaseIterable, Sendable {
        case kongLatency = "kong_latency"
        case latency
        case requestCount = "request_count"
        case requestPerUser = "request_per_user"
        case requestSize = "request_size"
        case responseSize = "response_size"
        case statusCount = "status_count"
        case statusCountPerUser = "status_count_per_user"
        case statusCountPerUserPerRoute = "status_count_per_user_per_route"
        case statusCountPerWorkspace = "status_count_per_workspace"
        case uniqueUsers = "unique_users"
        case upstreamLatency = "upstream_latency"
        // What Kong tells of its own memory and database, which there are none of here.
        case shdictUsage = "shdict_usage"
        case cacheHits = "cache_datastore_hits_total"
        case cacheMisses = "cache_datastore_misses_total"

        /// The end of the metric's name; nil for what is told in another way.
        var ending: String? {
            switch self {
            case .kongLatency: "kong_latency"
            case .latency: "latency"
            case .requestCount: "request.count"
            case .requestSize: "request.size"
            case .responseSize: "response.size"
            case .upstreamLatency: "upstream_latency"
            case .requestPerUser, .statusCount, .statusCountPerUser, .statusCountPerUserPerRoute,
                .statusCountPerWorkspace, .uniqueUsers, .shdictUsage, .cacheHits, .cacheMisses:
                nil
            }
        }

        /// The request's number; nil when there is none.
        func value(_ record: LogRecord) -> Int64? {
            switch self {
            case .kongLatency: record.latencies.gateway
            case .latency: record.latencies.request
            case .requestCount: 1
            case .requestSize: Int64(clamping: record.sizes.request)
            case .responseSize: Int64(clamping: record.sizes.response)
            case .upstreamLatency:
                record.latencies.upstream >= 0 ? record.latencies.upstream : nil
            case .requestPerUser, .statusCount, .statusCountPerUser, .statusCountPerUserPerRoute,
                .statusCountPerWorkspace, .uniqueUsers, .shdictUsage, .cacheHits, .cacheMisses:
                nil
            }
        }
    }

    /// Which name of a consumer is told.
    enum Consumer: String, CaseIterable, Sendable {
        case id = "consumer_id"
        case customID = "custom_id"
        case username

        func name(of consumer: ConsumerEntry?) -> String? {
            switch self {
            case .id: consumer?.id.description
            case .customID: consumer?.customID
            case .username: consumer?.username
            }
        }
    }

    /// Which name of a service is told.
    enum Service: String, CaseIterable, Sendable {
        case id = "service_id"
        case name = "service_name"
        case host = "service_host"
        case nameOrHost = "service_name_or_host"

        func name(of names: LogNames) -> String? {
            let found =
                switch self {
                case .id: names.serviceID
                case .name: names.service
                case .host: names.host
                case .nameOrHost: names.service.isEmpty ? names.host : names.service
                }
            return found.isEmpty ? nil : found
        }
    }

    let name: Name
    let type: String
    let rate: Double?
    let consumer: Consumer?
    let service: Service?
    let tags: [String]

    static let types: KeyValuePairs<String, String> = [
        "counter": "c", "gauge": "g", "histogram": "h", "meter": "m", "set": "s", "timer": "ms",
        "distribution": "d",
    ]

    /// The metrics of a plugin, with Kong's rules for each.
    static func read(_ settings: PluginSettings) throws(PluginError) -> [StatMetric] {
        var metrics: [StatMetric] = []
        for (index, element) in (settings.value("metrics")?.elements ?? []).enumerated() {
            let text = { (name: String) in element[name]?.text }
            let name = text("name").flatMap(Name.init)
            let type = text("stat_type")
            guard let name, let type, let code = Self.types.first(where: { $0.key == type })?.value
            else { throw settings.error("metrics", at: index, "required field missing") }
            var rate: Double?
            switch element["sample_rate"] {
            case .integer(let number): rate = Double(number)
            case .number(let number): rate = number
            default: break
            }
            if ["counter", "gauge"].contains(type), rate == nil {
                throw settings.error("metrics.\(index).sample_rate", at: nil)
            }
            if name == .uniqueUsers, type != "set" {
                throw settings.error("metrics.\(index).stat_type", "value must be set")
            }
            let counts: [Name] = [
                .statusCount, .statusCountPerUser, .requestPerUser, .statusCountPerWorkspace,
                .statusCountPerUserPerRoute,
            ]
            if counts.contains(name), type != "counter" {
                throw settings.error("metrics.\(index).stat_type", "value must be counter")
            }
            metrics.append(
                StatMetric(
                    name: name,
                    type: code,
                    rate: rate,
                    consumer: text("consumer_identifier").flatMap(Consumer.init),
                    service: text("service_identifier").flatMap(Service.init),
                    tags: element["tags"]?.elements?.compactMap(\.text) ?? []
                )
            )
        }
        return metrics
    }

    /// Whether this request is told, by chance where only a part of them is.
    func isTold(_ record: LogRecord, _ index: Int) -> Bool {
        guard let rate, rate < 1 else { return true }
        var draw = record.random &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
        draw = (draw ^ (draw >> 30)) &* 0xBF58_476D_1CE4_E5B9
        draw ^= draw >> 31
        return Double(draw >> 11) / Double(UInt64(1) << 53) < rate
    }

    /// `name:value|type|@rate`.
    func line(_ name: String, _ value: String, _ type: String? = nil) -> String {
        let rate = self.rate.flatMap { $0 < 1 ? "|@\($0)" : nil } ?? ""
        return "\(name):\(value)|\(type ?? self.type)\(rate)"
    }

    /// A text as a part of a metric's name.
    static func part(_ text: String) -> String {
        String(
            decoding: text.utf8.map { byte in
                ".:|@#\n".utf8.contains(byte) ? UInt8(ascii: "_") : byte
            },
            as: UTF8.self
        )
    }
}

extension PluginSettings {
    /// Kong's message for a field that another one makes necessary.
    fileprivate func error(_ name: String, at index: Int?) -> PluginError {
        self.error(name, "required field missing")
    }
}

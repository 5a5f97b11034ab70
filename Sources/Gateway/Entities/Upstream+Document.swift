extension Upstream: GatewayEntity {
    /// `upstreams`.
    public static let kind = EntityKind.upstreams

    /// The name.
    public var naturalKey: String? { self.name }

    /// Every field that Kong has, `regions`, `limits` and `breaker`.
    public var document: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "name": .string(self.name),
            "algorithm": .string(self.algorithm.rawValue),
            "hash_on": .string(self.hashOn.rawValue),
            "hash_fallback": .string(self.hashFallback.rawValue),
            "hash_on_header": DocumentValue(self.hashOnHeader),
            "hash_fallback_header": DocumentValue(self.hashFallbackHeader),
            "hash_on_cookie": DocumentValue(self.hashOnCookie),
            "hash_on_cookie_path": .string(self.hashOnCookiePath),
            "hash_on_query_arg": DocumentValue(self.hashOnQueryArg),
            "hash_fallback_query_arg": DocumentValue(self.hashFallbackQueryArg),
            "hash_on_uri_capture": DocumentValue(self.hashOnURICapture),
            "hash_fallback_uri_capture": DocumentValue(self.hashFallbackURICapture),
            "sticky_sessions_cookie": DocumentValue(self.stickySessionsCookie),
            "sticky_sessions_cookie_path": .string(self.stickySessionsCookiePath),
            "slots": DocumentValue(self.slots),
            "healthchecks": self.healthchecks.document,
            "host_header": DocumentValue(self.hostHeader),
            "client_certificate": .reference(self.clientCertificate),
            "use_srv_name": DocumentValue(self.useSrvName),
            "tags": .texts(self.tags),
            "regions": .record([
                "order": .list(self.regions.order.map { .string($0) }),
                "hold": DocumentValue(self.regions.hold),
                "ramp": DocumentValue(self.regions.ramp),
                "spill": .string(self.regions.spill.rawValue),
            ]),
            "limits": .record([
                "concurrency": DocumentValue(self.limits.concurrency),
                "adaptive": DocumentValue(self.limits.adaptive),
                "queue": DocumentValue(self.limits.queue),
                "queue_time": DocumentValue(self.limits.queueTime),
                "load_bound": DocumentValue(self.limits.loadBound),
            ]),
            "breaker": .record([
                "failures": DocumentValue(self.breaker.failures),
                "ratio": DocumentValue(self.breaker.ratio),
                "requests": DocumentValue(self.breaker.requests),
                "open": DocumentValue(self.breaker.open),
                "successes": DocumentValue(self.breaker.successes),
            ]),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads an upstream; as in Kong, `hash_on` and `algorithm` pull each other along.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.name = reader.requiredString("name", check: TextRule.upstreamName)
        let algorithm: Algorithm? = reader.choice("algorithm")
        let hashOn: HashInput? = reader.choice("hash_on")
        self.algorithm = algorithm ?? .roundRobin
        self.hashOn = hashOn ?? .none
        self.readHashing(&reader)
        self.stickySessionsCookie = reader.string(
            "sticky_sessions_cookie",
            check: TextRule.cookieName
        )
        self.stickySessionsCookiePath =
            reader.string("sticky_sessions_cookie_path", check: PathRule.servicePath) ?? "/"
        self.slots = reader.integer("slots", in: 10...65_536) ?? 10_000
        self.healthchecks = reader.record("healthchecks") { Healthchecks(reading: &$0) }
        self.hostHeader = reader.string("host_header", check: TextRule.hostWithPort)
        self.clientCertificate = reader.reference("client_certificate")
        self.useSrvName = reader.bool("use_srv_name") ?? false
        self.tags = reader.tags()
        self.regions = reader.record("regions") { inner in
            RegionPolicy(
                order: inner.strings("order", isSet: true, check: TextRule.name),
                hold: inner.number("hold", in: 0...86_400) ?? 60,
                ramp: inner.number("ramp", in: 0...86_400) ?? 100,
                spill: inner.choice("spill") ?? .load
            )
        }
        self.limits = reader.record("limits") { inner in
            var limits = Limits()
            limits.concurrency = inner.integer("concurrency", in: 0...1_000_000) ?? 0
            limits.adaptive = inner.bool("adaptive") ?? false
            limits.queue = inner.integer("queue", in: 0...1_000_000) ?? limits.queue
            limits.queueTime = inner.integer("queue_time", in: 0...60_000) ?? limits.queueTime
            limits.loadBound = inner.number("load_bound", in: 0...100) ?? 0
            if limits.loadBound > 0, limits.loadBound < 1 {
                inner.fail("load_bound", "value should be 0 or between 1 and 100")
            }
            return limits
        }
        self.breaker = reader.record("breaker") { inner in
            var breaker = Breaker()
            breaker.failures = inner.integer("failures", in: 0...65_535) ?? breaker.failures
            breaker.ratio = inner.number("ratio", in: 0...1) ?? breaker.ratio
            breaker.requests = inner.integer("requests", in: 1...65_535) ?? breaker.requests
            breaker.open = inner.number("open", in: 0...3_600) ?? breaker.open
            breaker.successes = inner.integer("successes", in: 1...100) ?? breaker.successes
            return breaker
        }
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
        self.couple(algorithm: algorithm, hashOn: hashOn)
        HashRules.check(self, &reader)
    }

    private mutating func readHashing(_ reader: inout RecordReader) {
        self.hashFallback = reader.choice("hash_fallback") ?? .none
        self.hashOnHeader = reader.string("hash_on_header", check: TextRule.headerName)
        self.hashFallbackHeader = reader.string("hash_fallback_header", check: TextRule.headerName)
        self.hashOnCookie = reader.string("hash_on_cookie", check: TextRule.cookieName)
        self.hashOnCookiePath =
            reader.string("hash_on_cookie_path", check: PathRule.servicePath) ?? "/"
        self.hashOnQueryArg = reader.string("hash_on_query_arg")
        self.hashFallbackQueryArg = reader.string("hash_fallback_query_arg")
        self.hashOnURICapture = reader.string("hash_on_uri_capture")
        self.hashFallbackURICapture = reader.string("hash_fallback_uri_capture")
    }

    private mutating func couple(algorithm: Algorithm?, hashOn: HashInput?) {
        switch algorithm {
        case .leastConnections, .latency, .stickySessions, .hcl:
            self.hashOn = .none
        case .roundRobin, .consistentHashing, nil:
            if self.hashOn != .none {
                self.algorithm = .consistentHashing
            } else if algorithm == nil, hashOn == HashInput.none {
                self.algorithm = .roundRobin
            }
        }
    }
}

/// Kong's rules on which hash fields go together.
enum HashRules {
    static func check(_ upstream: Upstream, _ reader: inout RecordReader) {
        Self.checkPresence(upstream, &reader)
        if upstream.algorithm == .stickySessions, upstream.stickySessionsCookie == nil {
            Self.failConditional("algorithm", &reader)
            reader.fail("sticky_sessions_cookie", "required field missing")
        }
        Self.checkFallback(upstream, &reader)
    }

    private static func checkPresence(_ upstream: Upstream, _ reader: inout RecordReader) {
        let needs: [(selector: String, value: Upstream.HashInput, field: String, isSet: Bool)] = [
            ("hash_on", .header, "hash_on_header", upstream.hashOnHeader != nil),
            ("hash_on", .cookie, "hash_on_cookie", upstream.hashOnCookie != nil),
            ("hash_on", .queryArgument, "hash_on_query_arg", upstream.hashOnQueryArg != nil),
            ("hash_on", .uriCapture, "hash_on_uri_capture", upstream.hashOnURICapture != nil),
            (
                "hash_fallback", .header, "hash_fallback_header",
                upstream.hashFallbackHeader != nil
            ),
            ("hash_fallback", .cookie, "hash_on_cookie", upstream.hashOnCookie != nil),
            (
                "hash_fallback", .queryArgument, "hash_fallback_query_arg",
                upstream.hashFallbackQueryArg != nil
            ),
            (
                "hash_fallback", .uriCapture, "hash_fallback_uri_capture",
                upstream.hashFallbackURICapture != nil
            ),
        ]
        for need in needs where !need.isSet {
            let chosen = need.selector == "hash_on" ? upstream.hashOn : upstream.hashFallback
            guard chosen == need.value else { continue }
            Self.failConditional(need.selector, &reader)
            reader.fail(need.field, "required field missing")
        }
    }

    private static func checkFallback(_ upstream: Upstream, _ reader: inout RecordReader) {
        switch upstream.hashOn {
        case .none, .cookie:
            guard upstream.hashFallback != .none else { return }
            Self.failConditional("hash_on", &reader)
            reader.fail("hash_fallback", "expected one of: none")
        case .consumer, .ip, .path:
            guard upstream.hashFallback == upstream.hashOn else { return }
            let others = Upstream.HashInput.allCases.filter { $0 != upstream.hashOn }
            Self.failConditional("hash_on", &reader)
            let names = others.map(\.rawValue).joined(separator: ", ")
            reader.fail("hash_fallback", "expected one of: \(names)")
        case .header:
            let names = [upstream.hashOnHeader, upstream.hashFallbackHeader]
                .map { $0?.lowercased() }
            Self.checkDistinct(
                upstream,
                .header,
                names,
                ("hash_on_header", "hash_fallback_header"),
                &reader
            )
        case .queryArgument:
            Self.checkDistinct(
                upstream,
                .queryArgument,
                [upstream.hashOnQueryArg, upstream.hashFallbackQueryArg],
                ("hash_on_query_arg", "hash_fallback_query_arg"),
                &reader
            )
        case .uriCapture:
            Self.checkDistinct(
                upstream,
                .uriCapture,
                [upstream.hashOnURICapture, upstream.hashFallbackURICapture],
                ("hash_on_uri_capture", "hash_fallback_uri_capture"),
                &reader
            )
        }
    }

    private static func checkDistinct(
        _ upstream: Upstream,
        _ input: Upstream.HashInput,
        _ values: [String?],
        _ fields: (String, String),
        _ reader: inout RecordReader
    ) {
        guard upstream.hashFallback == input, values.first != .some(nil), values[0] == values[1]
        else { return }
        reader.failEntity("values of these fields must be distinct: '\(fields.0)', '\(fields.1)'")
    }

    private static func failConditional(_ field: String, _ reader: inout RecordReader) {
        reader.failEntity("failed conditional validation given value of field '\(field)'")
    }
}

extension Route: GatewayEntity {
    /// `routes`.
    public static let kind = EntityKind.routes

    /// The name.
    public var naturalKey: String? { self.name }

    /// Every field that Kong has, `retry` and the two of urgency.
    ///
    /// Those of the flavour `expressions` only when they are set.
    public var document: DocumentValue {
        let flavored: [(String, DocumentValue)] = [
            ("expression", DocumentValue(self.expression)),
            ("priority", DocumentValue(self.priority)),
        ]
        return .object(
            (self.plainDocument.fields ?? [])
                + flavored.filter { !$0.1.isNull }.map { DocumentField($0.0, $0.1) }
        )
    }

    private var plainDocument: DocumentValue {
        .record([
            "id": .string(self.id.description),
            "name": DocumentValue(self.name),
            "protocols": .protocols(self.protocols),
            "methods": .texts(self.methods),
            "hosts": .texts(self.hosts),
            "paths": .texts(self.paths),
            "headers": .headers(self.headers),
            "snis": .texts(self.snis),
            "sources": Self.peers(self.sources),
            "destinations": Self.peers(self.destinations),
            "https_redirect_status_code": DocumentValue(self.httpsRedirectStatusCode),
            "strip_path": DocumentValue(self.stripPath),
            "preserve_host": DocumentValue(self.preserveHost),
            "request_buffering": DocumentValue(self.requestBuffering),
            "response_buffering": DocumentValue(self.responseBuffering),
            "regex_priority": DocumentValue(self.regexPriority),
            "path_handling": .string(self.pathHandling.rawValue),
            "service": .reference(self.service),
            "retry": self.retry?.document ?? .null,
            "urgency": DocumentValue(self.urgency),
            "urgency_header": DocumentValue(self.urgencyHeader),
            "tags": .texts(self.tags),
            "created_at": DocumentValue(self.createdAt),
            "updated_at": DocumentValue(self.updatedAt),
        ])
    }

    /// Reads a route.
    public init(reading reader: inout RecordReader) {
        self.id = reader.identifier("id")
        self.name = reader.name("name")
        let findingCount = reader.findings.count
        self.protocols = reader.choices("protocols") ?? [.http, .https]
        let areProtocolsKnown = reader.findings.count == findingCount
        self.methods = reader.strings("methods", isSet: true, check: TextRule.method)
        self.hosts = reader.strings("hosts", check: TextRule.routeHost)
        self.paths = reader.strings("paths", check: PathRule.routePath)
        self.headers = reader.headers("headers", check: Self.headerName)
        self.snis = reader.strings("snis", isSet: true, check: TextRule.serverName)
        self.sources = Self.readPeers("sources", &reader)
        self.destinations = Self.readPeers("destinations", &reader)
        self.httpsRedirectStatusCode = Self.readRedirect(&reader)
        let strip = reader.bool("strip_path")
        self.preserveHost = reader.bool("preserve_host") ?? false
        self.requestBuffering = reader.bool("request_buffering") ?? true
        self.responseBuffering = reader.bool("response_buffering") ?? true
        self.regexPriority = reader.integer("regex_priority") ?? 0
        self.pathHandling = reader.choice("path_handling") ?? .v0
        self.expression = reader.string("expression")
        self.priority = reader.integer("priority", in: 0...(1 << 46) - 1)
        self.service = reader.reference("service")
        self.retry = RetryRules.read(&reader)
        self.urgency = reader.integer("urgency", in: 0...7) ?? 3
        self.urgencyHeader = reader.string("urgency_header", check: TextRule.headerName)
        self.tags = reader.tags()
        self.createdAt = reader.seconds("created_at")
        self.updatedAt = reader.seconds("updated_at")
        let isGRPC = self.protocols.contains(.grpc) || self.protocols.contains(.grpcs)
        self.stripPath = strip ?? !isGRPC
        if isGRPC, strip == true {
            reader.fail(
                "strip_path",
                "cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'"
            )
        }
        // What follows from protocols that cannot be read would only hide what is wrong.
        if areProtocolsKnown { RouteRules.check(self, &reader) }
    }

    private static func headerName(_ name: String) -> String? {
        if name.lowercased() == "host" {
            return "cannot contain 'host' header, which must be specified in the 'hosts' attribute"
        }
        return TextRule.headerName(name)
    }

    private static func readRedirect(_ reader: inout RecordReader) -> Int {
        let field = "https_redirect_status_code"
        guard let status = reader.integer(field) else { return 426 }
        if ![426, 301, 302, 307, 308].contains(status) {
            reader.fail(field, "expected one of: 426, 301, 302, 307, 308")
        }
        return status
    }

    private static func readPeers(_ name: String, _ reader: inout RecordReader) -> [Peer] {
        guard let nodes = reader.nodes(name, "expected a set") else { return [] }
        return nodes.enumerated().map { index, node in
            var inner = RecordReader(node, at: reader.location.field(name).index(index))
            let peer = Peer(
                ip: inner.string("ip", check: TextRule.addressBlock),
                port: inner.integer("port", in: 0...65_535)
            )
            if peer == Peer() {
                inner.failEntity("at least one of these fields must be non-empty: 'ip', 'port'")
            }
            inner.finish()
            reader.absorb(inner)
            return peer
        }
    }

    private static func peers(_ peers: [Peer]) -> DocumentValue {
        guard !peers.isEmpty else { return .null }
        return .list(
            peers.map {
                .record(["ip": DocumentValue($0.ip), "port": DocumentValue($0.port)])
            }
        )
    }
}

/// Kong's rules on which matchers a route may and must have for its protocols.
enum RouteRules {
    private static let families: [(members: [GatewayProtocol], text: String)] = [
        ([.http, .https], "('http', 'https')"),
        ([.tcp, .tls, .udp], "('tcp', 'tls', 'udp')"),
        ([.tlsPassthrough], "('tls_passthrough')"),
        ([.grpc, .grpcs], "('grpc', 'grpcs')"),
        ([.ws, .wss], "('ws', 'wss')"),
    ]

    /// Checks the protocols among each other, and what has to fit them in a route that is written
    /// in fields.
    static func check(_ route: Route, _ reader: inout RecordReader) {
        if route.protocols.isEmpty { reader.fail("protocols", "length must be at least 1") }
        let used = Self.families.filter { family in
            route.protocols.contains(where: family.members.contains)
        }
        if used.count > 1 {
            let sets = used.map(\.text).joined(separator: ", ")
            reader.fail("protocols", "these sets are mutually exclusive: \(sets)")
            return
        }
        if route.expression != nil || reader.value("expression") != nil {
            Self.checkExpression(route, &reader)
            return
        }
        if route.priority ?? 0 != 0 {
            reader.failEntity("\(Self.conflict) 'priority' with \(Self.matchers) simultaneously")
        }
        Self.checkForbidden(route, &reader)
        Self.checkRequired(route, &reader)
    }

    private static let conflict = "Router Expression failed validation: cannot set"
    private static let matchers =
        "'methods', 'hosts', 'paths', 'headers', 'snis', 'sources' or 'destinations'"

    private static func checkExpression(_ route: Route, _ reader: inout RecordReader) {
        if !Self.filled(route).isEmpty {
            reader.failEntity(
                "\(Self.conflict) 'expression' with \(Self.matchers) simultaneously"
            )
        }
        if route.regexPriority != 0 {
            reader.failEntity(
                "\(Self.conflict) 'regex_priority' with 'expression' simultaneously"
            )
        }
    }

    private static func filled(_ route: Route) -> Set<String> {
        let matchers = [
            "methods": route.methods.isEmpty, "hosts": route.hosts.isEmpty,
            "paths": route.paths.isEmpty, "headers": route.headers.isEmpty,
            "snis": route.snis.isEmpty, "sources": route.sources.isEmpty,
            "destinations": route.destinations.isEmpty,
        ]
        return Set(matchers.filter { !$0.value }.keys)
    }

    private static func checkForbidden(_ route: Route, _ reader: inout RecordReader) {
        let protocols = route.protocols
        let filled = Self.filled(route)
        let forbidden: [String]
        let text: String
        if protocols.contains(.http) || protocols.contains(.https) {
            (forbidden, text) = (["sources", "destinations"], "'http' or 'https'")
        } else if protocols.contains(.grpc) || protocols.contains(.grpcs) {
            (forbidden, text) = (["methods", "sources", "destinations"], "'grpc' or 'grpcs'")
        } else if protocols.contains(.ws) || protocols.contains(.wss) {
            (forbidden, text) = (["methods", "sources", "destinations"], "'ws' or 'wss'")
        } else {
            forbidden = ["methods", "hosts", "paths", "headers"]
            text = "'tcp', 'tls', 'tls_passthrough' or 'udp'"
        }
        for name in forbidden where filled.contains(name) {
            reader.fail(name, "cannot set '\(name)' when 'protocols' is \(text)")
        }
        let encrypted: [GatewayProtocol] = [.https, .grpcs, .tls, .tlsPassthrough, .wss]
        if filled.contains("snis"), !protocols.contains(where: encrypted.contains) {
            reader.fail(
                "snis",
                "'snis' can only be set when 'protocols' is "
                    + "'grpcs', 'https', 'tls' or 'tls_passthrough'"
            )
        }
    }

    private static func checkRequired(_ route: Route, _ reader: inout RecordReader) {
        let needs: [(GatewayProtocol, [String])] = [
            (.https, ["methods", "hosts", "headers", "paths", "snis"]),
            (.http, ["methods", "hosts", "headers", "paths"]),
            (.tlsPassthrough, ["snis"]),
            (.tcp, ["sources", "destinations", "snis"]),
            (.tls, ["sources", "destinations", "snis"]),
            (.udp, ["sources", "destinations", "snis"]),
            (.grpcs, ["hosts", "headers", "paths", "snis"]),
            (.grpc, ["hosts", "headers", "paths"]),
            (.wss, ["hosts", "headers", "paths", "snis"]),
            (.ws, ["hosts", "headers", "paths"]),
        ]
        let filled = Self.filled(route)
        guard let need = needs.first(where: { route.protocols.contains($0.0) }),
            filled.isDisjoint(with: need.1)
        else { return }
        let names = need.1.map { "'\($0)'" }.joined(separator: ", ")
        reader.failEntity(
            "must set one of \(names) when 'protocols' is '\(need.0.rawValue)'"
        )
    }
}

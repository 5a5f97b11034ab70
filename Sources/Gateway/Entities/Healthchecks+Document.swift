extension Healthchecks {
    /// Every field that Kong has.
    var document: DocumentValue {
        .record([
            "threshold": DocumentValue(self.threshold),
            "active": self.active.document,
            "passive": self.passive.document,
        ])
    }

    /// Reads the record `healthchecks`.
    init(reading reader: inout RecordReader) {
        self.threshold = reader.number("threshold", in: 0...100) ?? 0
        self.active = reader.record("active") { Active(reading: &$0) }
        self.passive = reader.record("passive") { Passive(reading: &$0) }
    }

    static func statuses(_ statuses: [Int]) -> DocumentValue {
        .list(statuses.map { DocumentValue($0) })
    }
}

extension Healthchecks.Active {
    var document: DocumentValue {
        .record([
            "type": .string(self.type.rawValue),
            "timeout": DocumentValue(self.timeout),
            "concurrency": DocumentValue(self.concurrency),
            "http_path": .string(self.httpPath),
            "https_sni": DocumentValue(self.httpsSNI),
            "https_verify_certificate": DocumentValue(self.httpsVerifyCertificate),
            "headers": .headers(self.headers),
            "healthy": .record([
                "interval": DocumentValue(self.healthy.interval),
                "http_statuses": Healthchecks.statuses(self.healthy.httpStatuses),
                "successes": DocumentValue(self.healthy.successes),
            ]),
            "unhealthy": .record([
                "interval": DocumentValue(self.unhealthy.interval),
                "http_statuses": Healthchecks.statuses(self.unhealthy.httpStatuses),
                "tcp_failures": DocumentValue(self.unhealthy.tcpFailures),
                "timeouts": DocumentValue(self.unhealthy.timeouts),
                "http_failures": DocumentValue(self.unhealthy.httpFailures),
            ]),
        ])
    }

    init(reading reader: inout RecordReader) {
        self.type = reader.choice("type") ?? .http
        self.timeout = reader.number("timeout", in: 0...65_535) ?? 1
        self.concurrency = reader.integer("concurrency", in: 1...2_147_483_648) ?? 10
        self.httpPath = reader.string("http_path", check: PathRule.servicePath) ?? "/"
        self.httpsSNI = reader.string("https_sni", check: TextRule.serverName)
        self.httpsVerifyCertificate = reader.bool("https_verify_certificate") ?? true
        self.headers = reader.headers("headers", check: TextRule.headerName)
        var healthy = self.healthy
        self.healthy = reader.record("healthy") { inner in
            healthy.interval = inner.number("interval", in: 0...65_535) ?? 0
            healthy.read(&inner)
            return healthy
        }
        var unhealthy = self.unhealthy
        self.unhealthy = reader.record("unhealthy") { inner in
            unhealthy.interval = inner.number("interval", in: 0...65_535) ?? 0
            unhealthy.read(&inner)
            return unhealthy
        }
    }
}

extension Healthchecks.Passive {
    var document: DocumentValue {
        .record([
            "type": .string(self.type.rawValue),
            "healthy": .record([
                "http_statuses": Healthchecks.statuses(self.healthy.httpStatuses),
                "successes": DocumentValue(self.healthy.successes),
            ]),
            "unhealthy": .record([
                "http_statuses": Healthchecks.statuses(self.unhealthy.httpStatuses),
                "tcp_failures": DocumentValue(self.unhealthy.tcpFailures),
                "timeouts": DocumentValue(self.unhealthy.timeouts),
                "http_failures": DocumentValue(self.unhealthy.httpFailures),
            ]),
        ])
    }

    init(reading reader: inout RecordReader) {
        self.type = reader.choice("type") ?? .http
        var healthy = self.healthy
        self.healthy = reader.record("healthy") { inner in
            healthy.read(&inner)
            return healthy
        }
        var unhealthy = self.unhealthy
        self.unhealthy = reader.record("unhealthy") { inner in
            unhealthy.read(&inner)
            return unhealthy
        }
    }
}

extension Healthchecks.Healthy {
    mutating func read(_ reader: inout RecordReader) {
        self.httpStatuses = reader.integers("http_statuses", in: 100...999) ?? self.httpStatuses
        self.successes = reader.integer("successes", in: 0...255) ?? 0
    }
}

extension Healthchecks.Unhealthy {
    mutating func read(_ reader: inout RecordReader) {
        self.httpStatuses = reader.integers("http_statuses", in: 100...999) ?? self.httpStatuses
        self.tcpFailures = reader.integer("tcp_failures", in: 0...255) ?? 0
        self.timeouts = reader.integer("timeouts", in: 0...255) ?? 0
        self.httpFailures = reader.integer("http_failures", in: 0...255) ?? 0
    }
}

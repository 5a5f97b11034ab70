import MeshEntities

/// The settings that Kong's log plugins share.
struct LogFields {
    /// Lua for more fields; refused when it is given, since no Lua runs here.
    static let customFields = FieldSchema("custom_fields_by_lua", .map(.string))

    /// Source: Kong 3.9, `kong/tools/queue_schema.lua`.
    static let queue = LogFields.queue(batch: 1)

    /// The same with another size of batches.
    static func queue(batch: Int64) -> FieldSchema {
        FieldSchema(
            "queue",
            .record([
                .standard("max_batch_size", .integer, .integer(batch), in: 1...1_000_000),
                .standard("max_coalescing_delay", .number, .integer(1), in: 0...3_600),
                .standard("max_entries", .integer, .integer(10_000), in: 1...1_000_000),
                FieldSchema("max_bytes", .integer),
                .standard("max_retry_time", .number, .integer(60)),
                .standard("initial_retry_delay", .number, .number(0.01), in: 0.001...1_000_000),
                .standard("max_retry_delay", .number, .integer(60), in: 0.001...1_000_000),
                .standard("concurrency_limit", .integer, .integer(1), in: -1...1),
            ])
        )
    }

    /// What the queue's settings were before Kong 3.3.
    static let formerQueue: [FieldSchema] = [
        FieldSchema("retry_count", .integer), FieldSchema("queue_size", .integer),
        FieldSchema("flush_timeout", .number),
    ]

    private let settings: PluginSettings

    init(_ settings: PluginSettings) { self.settings = settings }

    /// Refuses Lua.
    func refuseLua() throws(PluginError) {
        guard let fields = self.settings.value("custom_fields_by_lua")?.fields, !fields.isEmpty
        else { return }
        throw self.settings.error(
            "custom_fields_by_lua",
            "no Lua runs here; remove the field, and add what it added where the log is read"
        )
    }

    /// A host that may be a name or an address.
    func host() throws(PluginError) -> String {
        guard let host = try self.settings.text("host"), !host.isEmpty else {
            throw self.settings.error("host", "required field missing")
        }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/:@".utf8.contains($0) }) else {
            throw self.settings.error("host", "invalid value: \(host)")
        }
        return host
    }

    /// A port.
    func port() throws(PluginError) -> UInt16 {
        guard let port = try self.settings.integer("port") else {
            throw self.settings.error("port", "required field missing")
        }
        guard let number = UInt16(exactly: port) else {
            throw self.settings.error("port", "value should be between 0 and 65535")
        }
        return number
    }

    /// Milliseconds.
    func timeout() throws(PluginError) -> Int64 {
        let milliseconds = try self.settings.number("timeout") ?? 10_000
        return Int64(max(1, min(milliseconds, 3_600_000)))
    }

    /// How entries are batched and repeated.
    func delivery() throws(PluginError) -> LogDeliveryRules {
        var rules = LogDeliveryRules()
        let queue = self.settings.record("queue")
        let milliseconds = { (seconds: Double?) in
            seconds.map { Int64(max(0, min($0, 1e9)) * 1_000) }
        }
        rules.batchLimit = Int(try queue.integer("max_batch_size") ?? 1)
        rules.entryLimit = Int(try queue.integer("max_entries") ?? 10_000)
        if let bytes = try queue.integer("max_bytes") { rules.byteLimit = Int(max(1, bytes)) }
        rules.coalescingMilliseconds =
            milliseconds(try queue.number("max_coalescing_delay")) ?? 1_000
        rules.retryMilliseconds = milliseconds(try queue.number("max_retry_time")) ?? 60_000
        rules.firstDelay = max(1, milliseconds(try queue.number("initial_retry_delay")) ?? 10)
        rules.longestDelay = max(1, milliseconds(try queue.number("max_retry_delay")) ?? 60_000)
        // As in Kong, the former names count where they say something else than their defaults did.
        if let size = try self.settings.integer("queue_size"), size > 1 {
            rules.batchLimit = Int(min(size, 1_000_000))
        }
        if let delay = milliseconds(try self.settings.number("flush_timeout")), delay != 2_000 {
            rules.coalescingMilliseconds = delay
        }
        return rules
    }

    /// A step that only logs.
    func step(
        _ target: LogTarget,
        _ rules: LogDeliveryRules? = nil,
        _ format: LogFormat = .json
    ) throws(PluginError) -> PluginStep {
        try self.refuseLua()
        return PluginStep(
            logs: [
                self.settings.makeLog(
                    LogPlan(self.settings.plugin.id, target, rules ?? LogDeliveryRules(), format)
                )
            ]
        )
    }
}

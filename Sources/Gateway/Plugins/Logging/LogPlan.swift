public import MeshEntities

/// What a log plugin tells, where and how; an object, so that the data plane keeps one queue for it.
public final class LogPlan: Sendable {
    /// The plugin's instance.
    public let plugin: EntityID
    /// Where entries go.
    public let target: LogTarget
    /// How they are batched and repeated.
    public let delivery: LogDeliveryRules
    /// What an entry is.
    public let format: LogFormat

    init(
        _ plugin: EntityID,
        _ target: LogTarget,
        _ delivery: LogDeliveryRules,
        _ format: LogFormat = .json
    ) {
        self.plugin = plugin
        self.target = target
        self.delivery = delivery
        self.format = format
    }
}

/// Takes the entries of one plan, from any worker, without waiting; kept by the data plane.
public protocol LogTaking: AnyObject, Sendable {
    /// What it takes entries for.
    var plan: LogPlan { get }
    /// Whether the next entry, however short, will most likely find no room.
    var isFull: Bool { get }
    /// Adds an entry; false when there is no room and it is dropped.
    func append(_ text: [UInt8], status: UInt16) -> Bool
}

/// What is told of a request.
public enum LogFormat: Sendable {
    /// Kong's JSON object.
    case json
    /// The same behind a text, as Loggly takes it.
    case prefixed(LogglyFormat)
    /// Lines of statsd.
    case statsd(StatsdFormat)
    /// Lines of statsd with Datadog's tags.
    case datadog(DatadogFormat)
    /// Parts of a trace.
    case zipkin(ZipkinFormat)
    /// Parts of a trace.
    case otlp(OTLPFormat)
    /// Records of a log.
    case otlpLog(OTLPLogFormat)

    /// Whether an entry is Kong's JSON object, which is made once for all plugins.
    public var isJSON: Bool { if case .json = self { true } else { false } }

    /// Whether entries tell of sessions of stream routes, too; traces are of requests only.
    public var tellsSessions: Bool {
        switch self {
        case .json, .prefixed, .statsd, .datadog: true
        case .zipkin, .otlp, .otlpLog: false
        }
    }

    /// The entry of a request; nil when there is nothing to tell.
    public func entry(_ record: LogRecord) -> [UInt8]? {
        switch self {
        case .json: record.json()
        case .prefixed(let format): format.entry(record)
        case .statsd(let format): format.entry(record)
        case .datadog(let format): format.entry(record)
        case .zipkin(let format): format.entry(record)
        case .otlp(let format): format.entry(record)
        case .otlpLog(let format): format.entry(record)
        }
    }

    /// What ends each entry where they follow each other on a connection.
    public var lineEnd: [UInt8] {
        switch self {
        case .statsd, .datadog: [0x0A]
        case .json, .prefixed, .zipkin, .otlp, .otlpLog: [0x0D, 0x0A]
        }
    }

    /// The body of a request that tells some entries.
    public func body(_ entries: [[UInt8]], isAlone: Bool) -> [UInt8] {
        switch self {
        case .zipkin(let format): format.body(entries)
        case .otlp(let format): format.body(entries)
        case .otlpLog(let format): format.body(entries)
        case .json, .prefixed, .statsd, .datadog:
            isAlone
                ? entries.first ?? []
                : [UInt8(ascii: "[")] + entries.joined(separator: [UInt8(ascii: ",")])
                    + [UInt8(ascii: "]")]
        }
    }
}

/// Takes no entries: where settings are only checked.
public final class UnkeptLog: LogTaking {
    /// What it takes nothing for.
    public let plan: LogPlan

    /// Creates one.
    public init(_ plan: LogPlan) { self.plan = plan }

    /// There is never room.
    public var isFull: Bool { true }

    /// Drops the entry.
    public func append(_ text: [UInt8], status: UInt16) -> Bool { false }
}

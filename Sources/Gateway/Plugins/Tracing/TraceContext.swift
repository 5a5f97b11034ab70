/// Where one request stands in a trace; trivial memory.
public struct TraceContext: Equatable, Sendable {
    /// Names the whole trace; both halves 0 for none.
    public var trace: (high: UInt64, low: UInt64) = (0, 0)
    /// Names this node's part of it.
    public var span: UInt64 = 0
    /// Names what this part belongs to; 0 for the trace's first.
    public var parent: UInt64 = 0
    /// Whether it is recorded; nil when nobody has decided.
    public var isSampled: Bool?
    /// How the client told of it; nil when it did not.
    public var format: TraceFormat?
    /// Whether the identity of the trace came as 64 bits.
    public var isShort = false

    /// No trace.
    public init() {}

    /// Whether there is one at all.
    public var isSome: Bool { self.trace.high != 0 || self.trace.low != 0 }

    /// The name of a try at a target, or another part below this one.
    public func child(_ number: UInt64) -> UInt64 {
        var value = self.span &+ number &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        value ^= value >> 31
        return value == 0 ? 1 : value
    }

    /// Compares all parts.
    public static func == (left: TraceContext, right: TraceContext) -> Bool {
        left.trace == right.trace && left.span == right.span && left.parent == right.parent
            && left.isSampled == right.isSampled && left.format == right.format
            && left.isShort == right.isShort
    }
}

/// How a trace is told of in a request's head.
public enum TraceFormat: UInt8, CaseIterable, Sendable {
    case w3c
    case b3
    case b3Single
    case jaeger
    case ot
    case aws
    case gcp
    case datadog
    case instana

    /// Kong's name.
    var name: String {
        switch self {
        case .w3c: "w3c"
        case .b3: "b3"
        case .b3Single: "b3-single"
        case .jaeger: "jaeger"
        case .ot: "ot"
        case .aws: "aws"
        case .gcp: "gcp"
        case .datadog: "datadog"
        case .instana: "instana"
        }
    }

    /// The format that Kong calls so.
    init?(named name: String) {
        guard let format = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = format
    }

    /// The fields that it takes, in lower case.
    var fields: [StaticString] {
        switch self {
        case .w3c: ["traceparent"]
        case .b3:
            [
                "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
            ]
        case .b3Single: ["b3"]
        case .jaeger: ["uber-trace-id"]
        case .ot: ["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"]
        case .aws: ["x-amzn-trace-id"]
        case .gcp: ["x-cloud-trace-context"]
        case .datadog:
            ["x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority"]
        case .instana: ["x-instana-t", "x-instana-s", "x-instana-l"]
        }
    }
}

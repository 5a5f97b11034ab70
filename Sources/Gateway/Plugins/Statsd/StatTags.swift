/// How lines of statsd carry tags.
///
/// Source: Kong 3.9, `kong/plugins/statsd/statsd_logger.lua`.
enum StatTags: String, CaseIterable, Sendable {
    /// `name:1|c|#tag:value,tag:value`.
    case dogstatsd
    /// `name,tag=value,tag=value:1|c`.
    case influxdb
    /// `name#tag=value,tag=value:1|c`.
    case librato
    /// `name[tag=value,tag=value]:1|c`.
    case signalfx

    /// The line of a number.
    func line(
        _ metric: StatMetric,
        _ name: String,
        _ value: Int64,
        _ tags: [(name: String, value: String)]
    ) -> String {
        guard !tags.isEmpty else { return metric.line(name, "\(value)") }
        let sign = self == .dogstatsd ? ":" : "="
        let list = tags.map { "\($0.name)\(sign)\(Self.part($0.value))" }.joined(separator: ",")
        return switch self {
        case .dogstatsd: metric.line(name, "\(value)") + "|#\(list)"
        case .influxdb: metric.line("\(name),\(list)", "\(value)")
        case .librato: metric.line("\(name)#\(list)", "\(value)")
        case .signalfx: metric.line("\(name)[\(list)]", "\(value)")
        }
    }

    /// A text as the value of a tag, which keeps its dots.
    private static func part(_ text: String) -> String {
        String(
            decoding: text.utf8.map { byte in
                " ,:=|@#[]\n".utf8.contains(byte) ? UInt8(ascii: "_") : byte
            },
            as: UTF8.self
        )
    }
}

import MeshHTTP

/// What targets are told of traces.
extension TraceFormat {
    /// Drops what the client said in this format, and tells the target of a part.
    func write(_ context: TraceContext, into edits: inout PluginEdits) {
        for field in self.fields { edits.drop(field) }
        let isSampled = context.isSampled ?? false
        switch self {
        case .w3c:
            edits.lines.write("traceparent: 00-")
            Self.write(context.trace, &edits)
            edits.lines.write("-")
            Self.write(context.span, &edits)
            edits.lines.write(isSampled ? "-01\r\n" : "-00\r\n")
        case .b3:
            edits.lines.write("x-b3-traceid: ")
            Self.writeShort(context, &edits)
            edits.lines.write("\r\nx-b3-spanid: ")
            Self.write(context.span, &edits)
            if context.parent != 0 {
                edits.lines.write("\r\nx-b3-parentspanid: ")
                Self.write(context.parent, &edits)
            }
            edits.lines.write(isSampled ? "\r\nx-b3-sampled: 1\r\n" : "\r\nx-b3-sampled: 0\r\n")
        case .b3Single:
            edits.lines.write("b3: ")
            Self.writeShort(context, &edits)
            edits.lines.write("-")
            Self.write(context.span, &edits)
            edits.lines.write(isSampled ? "-1" : "-0")
            if context.parent != 0 {
                edits.lines.write("-")
                Self.write(context.parent, &edits)
            }
            edits.lines.write("\r\n")
        case .jaeger:
            edits.lines.write("uber-trace-id: ")
            Self.writeShort(context, &edits)
            edits.lines.write(":")
            Self.write(context.span, &edits)
            edits.lines.write(":")
            if context.parent == 0 {
                edits.lines.write("0")
            } else {
                Self.write(context.parent, &edits)
            }
            edits.lines.write(isSampled ? ":01\r\n" : ":00\r\n")
        case .ot:
            edits.lines.write("ot-tracer-traceid: ")
            Self.writeShort(context, &edits)
            edits.lines.write("\r\not-tracer-spanid: ")
            Self.write(context.span, &edits)
            edits.lines.write(
                isSampled ? "\r\not-tracer-sampled: 1\r\n" : "\r\not-tracer-sampled: 0\r\n"
            )
        case .aws, .gcp, .datadog, .instana: self.writeVendor(context, isSampled, &edits)
        }
    }

    private func writeVendor(
        _ context: TraceContext,
        _ isSampled: Bool,
        _ edits: inout PluginEdits
    ) {
        if self == .aws {
            edits.lines.write("x-amzn-trace-id: Root=1-")
            Self.write(context.trace.high >> 32, digits: 8, &edits)
            edits.lines.write("-")
            Self.write(context.trace.high & 0xFFFF_FFFF, digits: 8, &edits)
            Self.write(context.trace.low, &edits)
            edits.lines.write(";Parent=")
            Self.write(context.span, &edits)
            edits.lines.write(isSampled ? ";Sampled=1\r\n" : ";Sampled=0\r\n")
        } else if self == .gcp {
            edits.lines.write("x-cloud-trace-context: ")
            Self.write(context.trace, &edits)
            edits.lines.write("/")
            edits.lines.write(decimal: context.span)
            edits.lines.write(isSampled ? ";o=1\r\n" : ";o=0\r\n")
        } else if self == .instana {
            edits.lines.write("x-instana-t: ")
            Self.writeShort(context, &edits)
            edits.lines.write("\r\nx-instana-s: ")
            Self.write(context.span, &edits)
            edits.lines.write(isSampled ? "\r\nx-instana-l: 1\r\n" : "\r\nx-instana-l: 0\r\n")
        } else {
            edits.lines.write("x-datadog-trace-id: ")
            edits.lines.write(decimal: context.trace.low)
            edits.lines.write("\r\nx-datadog-parent-id: ")
            edits.lines.write(decimal: context.span)
            edits.lines.write(
                isSampled
                    ? "\r\nx-datadog-sampling-priority: 1\r\n"
                    : "\r\nx-datadog-sampling-priority: 0\r\n"
            )
        }
    }

    private static func writeShort(_ context: TraceContext, _ edits: inout PluginEdits) {
        if context.isShort, context.trace.high == 0 {
            Self.write(context.trace.low, &edits)
        } else {
            Self.write(context.trace, &edits)
        }
    }

    private static func write(_ trace: (high: UInt64, low: UInt64), _ edits: inout PluginEdits) {
        Self.write(trace.high, &edits)
        Self.write(trace.low, &edits)
    }

    private static func write(_ value: UInt64, digits: Int = 16, _ edits: inout PluginEdits) {
        edits.lines.append { room in
            guard room.count >= digits else { return nil }
            for index in 0..<digits {
                let digit = UInt8(
                    truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index)) & 15
                )
                room[index] = digit < 10 ? digit + 0x30 : digit + 0x57
            }
            return digits
        }
    }
}

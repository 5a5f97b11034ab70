import MeshHTTP

/// Reading of what clients tell of traces. Nothing that does not fit is taken, and nothing of it fails
/// a request.
///
/// Source: W3C Trace Context; openzipkin/b3-propagation; Jaeger's, OpenTracing's, AWS X-Ray's, Google
/// Cloud's, Datadog's and Instana's documentation; Kong 3.9, `kong/observability/tracing/propagation/extractors`.
extension TraceFormat {
    /// What the request tells in this format; nil when it does not.
    func read(_ request: PluginRequest) -> TraceContext? {
        let value = { (name: StaticString) -> [UInt8]? in
            let found = name.withUTF8Buffer { request.firstValue(UnsafeRawBufferPointer($0)) }
            guard let found, !found.isEmpty, found.count <= 256 else { return nil }
            return Array(found)
        }
        var context: TraceContext?
        switch self {
        case .w3c: context = value("traceparent").flatMap(Self.w3c)
        case .b3:
            context = Self.b3(
                trace: value("x-b3-traceid"),
                span: value("x-b3-spanid"),
                parent: value("x-b3-parentspanid"),
                sampled: value("x-b3-flags") == [0x31] ? [0x31] : value("x-b3-sampled")
            )
        case .b3Single: context = value("b3").flatMap(Self.b3Single)
        case .jaeger: context = value("uber-trace-id").flatMap(Self.jaeger)
        case .ot:
            context = Self.b3(
                trace: value("ot-tracer-traceid"),
                span: value("ot-tracer-spanid"),
                parent: nil,
                sampled: value("ot-tracer-sampled")
            )
        case .aws: context = value("x-amzn-trace-id").flatMap(Self.aws)
        case .gcp: context = value("x-cloud-trace-context").flatMap(Self.gcp)
        case .datadog:
            context = Self.datadog(
                trace: value("x-datadog-trace-id"),
                parent: value("x-datadog-parent-id"),
                priority: value("x-datadog-sampling-priority")
            )
        case .instana:
            // Behind a comma the level says what a browser's page load correlates with.
            context = Self.b3(
                trace: value("x-instana-t"),
                span: value("x-instana-s"),
                parent: nil,
                sampled: value("x-instana-l").map { Array($0.prefix { $0 != 0x2C }) }
            )
        }
        context?.format = self
        return context
    }

    private static func w3c(_ value: [UInt8]) -> TraceContext? {
        let parts = value.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].count == 2, parts[0] != [0x66, 0x66],
            parts[1].count == 32, parts[2].count == 16, parts[3].count == 2,
            parts[0] != [0x30, 0x30] || parts.count == 4,
            let trace = Self.identity(parts[1]), let span = Self.number(parts[2]), span != 0,
            let flags = Self.number(parts[3])
        else { return nil }
        var context = TraceContext()
        context.trace = trace
        context.span = span
        context.isSampled = flags & 1 == 1
        return context
    }

    private static func b3(
        trace: [UInt8]?,
        span: [UInt8]?,
        parent: [UInt8]?,
        sampled: [UInt8]?
    ) -> TraceContext? {
        var context = TraceContext()
        context.isSampled = sampled.flatMap { Self.flag($0[...]) }
        guard let trace, [16, 32].contains(trace.count), let identity = Self.identity(trace[...])
        else { return context.isSampled == nil ? nil : context }
        context.trace = identity
        context.isShort = trace.count == 16
        context.span = span.flatMap { $0.count == 16 ? Self.number($0[...]) : nil } ?? 0
        context.parent = parent.flatMap { $0.count == 16 ? Self.number($0[...]) : nil } ?? 0
        return context
    }

    private static func b3Single(_ value: [UInt8]) -> TraceContext? {
        let parts = value.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count > 1 else {
            var context = TraceContext()
            context.isSampled = Self.flag(value[...])
            return context.isSampled == nil ? nil : context
        }
        return Self.b3(
            trace: Array(parts[0]),
            span: Array(parts[1]),
            parent: parts.count > 3 ? Array(parts[3]) : nil,
            sampled: parts.count > 2 ? Array(parts[2]) : nil
        )
    }

    private static func jaeger(_ value: [UInt8]) -> TraceContext? {
        let parts = value.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 4, let trace = Self.identity(parts[0]),
            let span = Self.number(parts[1]), span != 0, let flags = Self.number(parts[3])
        else { return nil }
        var context = TraceContext()
        context.trace = trace
        context.isShort = parts[0].count <= 16
        context.span = span
        context.parent = Self.number(parts[2]) ?? 0
        context.isSampled = flags & 1 == 1
        return context
    }

    private static func aws(_ value: [UInt8]) -> TraceContext? {
        var context = TraceContext()
        for part in value.split(separator: UInt8(ascii: ";")) {
            let sides = part.drop { $0 == 0x20 }
                .split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
            guard sides.count == 2 else { continue }
            switch String(decoding: sides[0], as: UTF8.self).lowercased() {
            case "root":
                let root = sides[1].split(separator: UInt8(ascii: "-"))
                guard root.count == 3, root[0] == [0x31], root[1].count == 8, root[2].count == 24,
                    let trace = Self.identity((root[1] + root[2])[...])
                else { return nil }
                context.trace = trace
            case "parent": context.span = Self.number(sides[1]) ?? 0
            case "sampled": context.isSampled = Self.flag(sides[1])
            default: break
            }
        }
        return context.isSome ? context : nil
    }

    private static func gcp(_ value: [UInt8]) -> TraceContext? {
        let parts = value.split(separator: UInt8(ascii: ";"))
        let ids = (parts.first ?? []).split(separator: UInt8(ascii: "/"))
        guard ids.count == 2, ids[0].count == 32, let trace = Self.identity(ids[0]),
            let span = UInt64(String(decoding: ids[1], as: UTF8.self))
        else { return nil }
        var context = TraceContext()
        context.trace = trace
        context.span = span
        if parts.count > 1 { context.isSampled = parts[1] == Array("o=1".utf8)[...] }
        return context
    }

    private static func datadog(
        trace: [UInt8]?,
        parent: [UInt8]?,
        priority: [UInt8]?
    ) -> TraceContext? {
        guard let low = trace.flatMap({ UInt64(String(decoding: $0, as: UTF8.self)) }), low != 0
        else { return nil }
        var context = TraceContext()
        context.trace = (0, low)
        context.isShort = true
        context.span = parent.flatMap { UInt64(String(decoding: $0, as: UTF8.self)) } ?? 0
        if let level = priority.flatMap({ Int(String(decoding: $0, as: UTF8.self)) }) {
            context.isSampled = level > 0
        }
        return context
    }

    private static func flag(_ value: ArraySlice<UInt8>) -> Bool? {
        switch String(decoding: value, as: UTF8.self).lowercased() {
        case "1", "true", "d": true
        case "0", "false": false
        default: nil
        }
    }

    private static func identity(_ digits: ArraySlice<UInt8>) -> (high: UInt64, low: UInt64)? {
        guard (1...32).contains(digits.count) else { return nil }
        let high = digits.count > 16 ? Self.number(digits.dropLast(16)) : 0
        guard let high, let low = Self.number(digits.suffix(16)), high != 0 || low != 0 else {
            return nil
        }
        return (high, low)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard (1...16).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(digit - 0x57)
            case 0x41...0x46: value = value << 4 | UInt64(digit - 0x37)
            default: return nil
            }
        }
        return value
    }
}

internal import MeshPrimitives

extension RoutingIndex {
    /// How an expression turned out.
    struct ExpressionVerdict {
        var holds: Bool
        /// Bytes of the path that its last comparison with the path matched.
        var matchedLength = 0
    }

    /// Runs a compiled expression from its first step.
    func run(
        _ program: Int32,
        _ query: RouteQuery,
        _ memory: ExpressionMemory,
        _ headers: HeaderTest
    ) -> ExpressionVerdict {
        var verdict = ExpressionVerdict(holds: false)
        var place = program
        while place >= 0 {
            let step = self.steps[Int(place)]
            let holds = self.holds(step, query, memory, headers, &verdict.matchedLength)
            place = holds ? step.whenTrue : step.whenFalse
        }
        verdict.holds = place == ExpressionStep.accepts
        return verdict
    }

    private func holds(
        _ step: ExpressionStep,
        _ query: RouteQuery,
        _ memory: ExpressionMemory,
        _ headers: HeaderTest,
        _ matchedLength: inout Int
    ) -> Bool {
        switch step.subject {
        case .scheme:
            return self.holds(step, query.scheme.bytes, memory) != nil
        case .serverName:
            return query.isTLS && !query.serverName.isEmpty
                && self.holds(step, query.serverName, memory) != nil
        case .method:
            return self.holds(step, query.method, memory) != nil
        case .host:
            return !query.host.isEmpty && self.holds(step, query.host, memory) != nil
        case .path:
            guard let length = self.holds(step, query.path, memory) else { return false }
            if length >= 0 { matchedLength = length }
            return true
        case .segments:
            guard let part = Self.segments(step.segments, of: query.path) else { return false }
            return self.holds(step, part, memory) != nil
        case .segmentCount:
            return Self.holds(step, Int64(Self.segmentCount(of: query.path)))
        case .header:
            return self.header(step, memory, headers)
        case .queryArgument:
            return self.queryArgument(step, query.query, memory)
        case .sourceAddress:
            return query.source.map { Self.holds(step, $0.address) } ?? false
        case .sourcePort:
            return query.source.map { Self.holds(step, Int64($0.port)) } ?? false
        case .destinationAddress:
            return query.destination.map { Self.holds(step, $0.address) } ?? false
        case .destinationPort:
            return Self.holds(step, Int64(query.port))
        }
    }

    /// Compares a text; the length of what matched, -1 for a comparison that matches no part, and
    /// `nil` when it fails.
    private func holds(
        _ step: ExpressionStep,
        _ found: UnsafeRawBufferPointer,
        _ memory: ExpressionMemory
    ) -> Int? {
        guard step.isLowered else { return self.compare(step, found, memory) }
        guard found.count <= ExpressionMemory.byteCount else { return nil }
        for index in 0..<found.count {
            let byte = found[index]
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            memory.lowered.storeBytes(of: lower, toByteOffset: index, as: UInt8.self)
        }
        let lowered = UnsafeRawBufferPointer(start: memory.lowered, count: found.count)
        return self.compare(step, lowered, memory)
    }

    private func compare(
        _ step: ExpressionStep,
        _ found: UnsafeRawBufferPointer,
        _ memory: ExpressionMemory
    ) -> Int? {
        let wanted = self.bytes(step.text)
        switch step.comparison {
        case .equal:
            return Self.areEqual(found, wanted) ? wanted.count : nil
        case .notEqual:
            return Self.areEqual(found, wanted) ? nil : -1
        case .prefix:
            return Self.begins(found, with: wanted) ? wanted.count : nil
        case .suffix:
            guard found.count >= wanted.count else { return nil }
            let end = UnsafeRawBufferPointer(rebasing: found.suffix(wanted.count))
            return Self.areEqual(end, wanted) ? wanted.count : nil
        case .contains:
            return Self.contains(found, wanted) ? -1 : nil
        case .regex:
            return memory.regexMemory.matchedLength(of: self.regexes[Int(step.regex)], in: found)
        case .atLeast, .greater, .atMost, .less, .inside, .notInside:
            return nil
        }
    }

    private static func holds(_ step: ExpressionStep, _ found: Int64) -> Bool {
        switch step.comparison {
        case .equal: found == step.number
        case .notEqual: found != step.number
        case .greater: found > step.number
        case .atLeast: found >= step.number
        case .less: found < step.number
        case .atMost: found <= step.number
        case .regex, .prefix, .suffix, .inside, .notInside, .contains: false
        }
    }

    private static func holds(_ step: ExpressionStep, _ found: IPAddress) -> Bool {
        let found = found.unmapped
        return switch step.comparison {
        case .equal, .inside: step.block.contains(found)
        case .notEqual: !step.block.contains(found)
        // An address of the other family is neither in a block nor outside of it.
        case .notInside: step.block.base.isV4 == found.isV4 && !step.block.contains(found)
        case .regex, .prefix, .suffix, .contains, .atLeast, .greater, .atMost, .less: false
        }
    }
}

extension RoutingIndex {
    /// All values of a header must pass, or any with `any()`; none at all never does.
    private func header(
        _ step: ExpressionStep,
        _ memory: ExpressionMemory,
        _ headers: HeaderTest
    ) -> Bool {
        var count = 0
        let decides = { (value: UnsafeRawBufferPointer) in
            count += 1
            return (self.holds(step, value, memory) != nil) == step.isAny
        }
        if headers(self.bytes(step.name), decides) { return step.isAny }
        if step.otherName.count > 0, headers(self.bytes(step.otherName), decides) {
            return step.isAny
        }
        return !step.isAny && count > 0
    }

    /// The same for the values of a query argument; one without `=` has an empty value.
    private func queryArgument(
        _ step: ExpressionStep,
        _ query: UnsafeRawBufferPointer,
        _ memory: ExpressionMemory
    ) -> Bool {
        var count = 0
        var arguments = QueryArguments(query)
        while let argument = arguments.next() {
            guard QueryArguments.isName(argument.name, self.bytes(step.name)),
                let value = QueryArguments.decode(argument.value, into: memory.decoded)
            else { continue }
            count += 1
            if (self.holds(step, value, memory) != nil) == step.isAny { return step.isAny }
        }
        return !step.isAny && count > 0
    }

    private static func segmentCount(of path: UnsafeRawBufferPointer) -> Int {
        guard path.count > 1 else { return 0 }
        let inner = path[1...].reduce(1) { $0 + ($1 == UInt8(ascii: "/") ? 1 : 0) }
        return path[path.count - 1] == UInt8(ascii: "/") ? inner - 1 : inner
    }

    /// The text of some segments with the slashes between them; `nil` when there are not so many.
    private static func segments(
        _ wanted: (first: Int32, last: Int32),
        of path: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard Int(wanted.last) < Self.segmentCount(of: path) else { return nil }
        var segment: Int32 = 0
        var start = 1
        for index in 1..<path.count where path[index] == UInt8(ascii: "/") {
            if segment == wanted.last {
                return UnsafeRawBufferPointer(rebasing: path[start..<index])
            }
            segment += 1
            if segment == wanted.first { start = index + 1 }
        }
        return UnsafeRawBufferPointer(rebasing: path[start...])
    }

    private static func contains(
        _ text: UnsafeRawBufferPointer,
        _ part: UnsafeRawBufferPointer
    ) -> Bool {
        guard part.count <= text.count else { return false }
        for start in 0...(text.count - part.count)
        where Self.begins(UnsafeRawBufferPointer(rebasing: text[start...]), with: part) {
            return true
        }
        return false
    }
}

/// What a run of an expression writes to; trivial, owned by a ``RoutingScratch``.
struct ExpressionMemory {
    /// Longest value that is lowered or decoded, in bytes; no field of a request is longer.
    static let byteCount = 65_536

    let regexMemory: RegexMemory
    let lowered: UnsafeMutableRawPointer
    let decoded: UnsafeMutableRawPointer
}

extension IPAddress {
    fileprivate var isV4: Bool {
        switch self {
        case .v4: true
        case .v6: false
        }
    }
}

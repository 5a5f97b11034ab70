internal import CMeshSystem
internal import MeshEntities
internal import MeshHTTP
internal import MeshPlugins
internal import MeshPrimitives

/// Keys of consistent hashing: equal requests give equal keys on every node.
extension Worker {
    /// The key of the request at hand; a random one when it has none, so that requests without a
    /// key are spread instead of meeting at one target.
    func hashKey(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> UInt64 {
        guard let upstream = self.upstreamIndex(exchange) else { return 0 }
        let plan = exchange.pointee.view.pointee.upstreams + Int(upstream.rawValue)
        guard plan.pointee.hash.source != .none else {
            return plan.pointee.isHashed ? self.generator.next() : 0
        }
        return self.hashKey(plan.pointee.hash, exchange, scope)
            ?? self.hashKey(plan.pointee.fallback, exchange, scope)
            ?? self.generator.next()
    }

    private func hashKey(
        _ plan: HashPlan,
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> UInt64? {
        switch plan.source {
        case .none: return nil
        case .clientAddress:
            let address = exchange.pointee.origin
            return SeededGenerator.mix(address.low ^ SeededGenerator.mix(address.high))
        case .consumer:
            let filters = exchange.pointee.filters
            guard let id = filters?.filter.pointee.plugins.identity.consumerID else { return nil }
            return SeededGenerator.mix(id.low ^ SeededGenerator.mix(id.high))
        case .path:
            return Self.hash(scope.path)
        case .header: return Self.headerHash(plan.name.bytes, scope)
        case .cookie:
            return Self.cookieValue(plan.name.bytes, scope).map(Self.hash)
                ?? self.hashOfNewCookie(exchange)
        case .pin:
            exchange.pointee.flags.insert(.setsCookie)
            guard let pin = self.pin(plan, scope) else { return nil }
            exchange.pointee.flags.insert(.isPinned)
            return pin
        case .uriCapture: return self.captureHash(plan.name.bytes, exchange, scope)
        case .queryArgument:
            let query = scope.head.query.bytes(of: scope.bytes)
            guard !query.isEmpty else { return nil }
            let pairs = UnsafeRawBufferPointer(rebasing: query[1...])
            return Self.argumentHash(plan.name.bytes, in: pairs)
        }
    }

    /// What the route's regex captures of the path under a name or number.
    private func captureHash(
        _ name: UnsafeRawBufferPointer,
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ scope: borrowing RequestScope
    ) -> UInt64? {
        let captures = exchange.pointee.view.pointee.snapshot._withUnsafeGuaranteedRef {
            $0.captures(ofRoute: Int(exchange.pointee.route))
        }
        let value = captures?.value(String(decoding: name, as: UTF8.self), of: scope.path)
        return value?.withUnsafeBytes { Self.hash($0) }
    }

    /// The values of all fields of the name, in the order they came.
    private static func headerHash(
        _ name: UnsafeRawBufferPointer,
        _ scope: borrowing RequestScope
    ) -> UInt64? {
        var hash: UInt64?
        for index in 0..<scope.head.fieldCount where scope.isField(index, named: name) {
            let value = scope.fields[index].value.bytes(of: scope.bytes)
            hash = Self.join(hash, value)
        }
        return hash.map { SeededGenerator.mix($0) }
    }

    /// The values of all arguments of the name, sorted, as Kong joins them.
    private static func argumentHash(
        _ name: UnsafeRawBufferPointer,
        in query: UnsafeRawBufferPointer
    ) -> UInt64? {
        var values: [UnsafeRawBufferPointer] = []
        var rest = query
        while values.count < Self.argumentLimit,
            let value = Self.value(name, in: rest, separator: UInt8(ascii: "&")),
            let start = value.baseAddress, let first = query.baseAddress
        {
            values.append(value)
            rest = UnsafeRawBufferPointer(rebasing: query[(start - first + value.count)...])
        }
        guard !values.isEmpty else { return nil }
        if values.count > 1 { values.sort { $0.lexicographicallyPrecedes($1) } }
        return SeededGenerator.mix(values.reduce(nil) { Self.join($0, $1) } ?? 0)
    }

    /// Values of one argument that count; a longer list is an attack.
    private static let argumentLimit = 64

    /// Adds a value to a hash, with a comma between two.
    private static func join(_ hash: UInt64?, _ value: UnsafeRawBufferPointer) -> UInt64 {
        var result = hash.map { ($0 ^ 0x2C) &* 0x100_0000_01B3 } ?? 0xCBF2_9CE4_8422_2325
        for byte in value { result = (result ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return result
    }

    static func cookieValue(
        _ name: UnsafeRawBufferPointer,
        _ scope: borrowing RequestScope
    ) -> UnsafeRawBufferPointer? {
        guard scope.head.kinds.has(.cookie) else { return nil }
        for index in 0..<scope.head.fieldCount where scope.fields[index].kind == .cookie {
            let text = scope.fields[index].value.bytes(of: scope.bytes)
            if let value = Self.value(name, in: text, separator: UInt8(ascii: ";")) {
                return value
            }
        }
        return nil
    }

    /// The value of the first `name=value` pair; blanks in front of a name are skipped.
    private static func value(
        _ name: UnsafeRawBufferPointer,
        in text: UnsafeRawBufferPointer,
        separator: UInt8
    ) -> UnsafeRawBufferPointer? {
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != separator { end += 1 }
            var first = start
            while first < end, text[first] == UInt8(ascii: " ") { first += 1 }
            let pair = UnsafeRawBufferPointer(rebasing: text[first..<end])
            if pair.count > name.count, pair[name.count] == UInt8(ascii: "="),
                pair.prefix(name.count).elementsEqual(name)
            {
                return UnsafeRawBufferPointer(rebasing: pair[(name.count + 1)...])
            }
            start = end + 1
        }
        return nil
    }

    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return SeededGenerator.mix(hash)
    }
}

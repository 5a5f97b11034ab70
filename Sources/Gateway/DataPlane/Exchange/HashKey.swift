internal import CMeshSystem
internal import MeshHTTP
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
        guard plan.pointee.hash.source != .none else { return self.generator.next() }
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
            let address = self.io[exchange.pointee.client].pointee.address
            return SeededGenerator.mix(address.low ^ SeededGenerator.mix(address.high))
        case .path:
            return Self.hash(scope.path)
        case .header: return Self.headerValue(plan.name.bytes, scope).map(Self.hash)
        case .cookie: return Self.cookieValue(plan.name.bytes, scope).map(Self.hash)
        case .queryArgument:
            let query = scope.head.query.bytes(of: scope.bytes)
            guard !query.isEmpty else { return nil }
            let pairs = UnsafeRawBufferPointer(rebasing: query[1...])
            return Self.value(plan.name.bytes, in: pairs, separator: UInt8(ascii: "&"))
                .map(Self.hash)
        }
    }

    private static func headerValue(
        _ name: UnsafeRawBufferPointer,
        _ scope: borrowing RequestScope
    ) -> UnsafeRawBufferPointer? {
        for index in 0..<scope.head.fieldCount where scope.isField(index, named: name) {
            return scope.fields[index].value.bytes(of: scope.bytes)
        }
        return nil
    }

    private static func cookieValue(
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

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return SeededGenerator.mix(hash)
    }
}

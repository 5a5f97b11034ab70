internal import MeshBalancing
internal import MeshHTTP
internal import MeshPrimitives

/// Cookies by which a client comes back to its target: the key of hashing, and the signed pin of
/// `sticky-sessions`.
extension Worker {
    /// The hash of the cookie that the response will set, when the request has none.
    func hashOfNewCookie(_ exchange: UnsafeMutablePointer<Exchange>) -> UInt64 {
        exchange.pointee.flags.insert(.setsCookie)
        return withUnsafeTemporaryAllocation(byteCount: 40, alignment: 8) { room in
            var writer = HeadWriter(room)
            self.writeUUID(exchange, into: &writer)
            guard let text = writer.written else { return 0 }
            return Self.hash(UnsafeRawBufferPointer(text))
        }
    }

    /// The target that the request's cookie names, or any number.
    ///
    /// A cookie with a wrong code counts as none.
    func pin(_ plan: HashPlan, _ scope: borrowing RequestScope) -> UInt64? {
        guard let value = Self.cookieValue(plan.name.bytes, scope) else { return nil }
        return self.pins.target(of: value)?.rawValue
    }

    /// The target that the request is pinned to, where it may go there; else the one that all nodes
    /// lead this pin to.
    @inline(__always)
    func pinnedTarget(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ upstream: UpstreamIndex
    ) -> TargetIndex? {
        let plan = exchange.pointee.view.pointee.upstreams + Int(upstream.rawValue)
        guard plan.pointee.hash.source == .pin else { return nil }
        return self.findPinned(exchange, upstream) ?? self.successor(exchange, upstream)
    }

    /// Where a lost pin leads: parallel requests of one client, on whatever node, meet again.
    private func successor(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ upstream: UpstreamIndex
    ) -> TargetIndex? {
        guard exchange.pointee.flags.contains(.isPinned) else { return nil }
        let (pin, tried) = (exchange.pointee.hash, exchange.pointee.tried)
        let index = exchange.pointee.view.pointee.live[Int(upstream.rawValue)]
            ._withUnsafeGuaranteedRef { $0.balancer.successor(of: pin, tried: tried) }
        return index >= 0 ? TargetIndex(index) : nil
    }

    @inline(never)
    private func findPinned(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ upstream: UpstreamIndex
    ) -> TargetIndex? {
        let id = TargetID(rawValue: exchange.pointee.hash)
        guard !exchange.pointee.flags.contains(.isStream), let state = self.targets[id],
            state.pointee.excludedUntil == 0
        else { return nil }
        return exchange.pointee.view.pointee.live[Int(upstream.rawValue)]
            ._withUnsafeGuaranteedRef { live in
                // On an older view than the newest its place is not known by the state.
                let count = live.shape.upstream.targets.count
                let index =
                    state.pointee.place(in: live.balancer)
                    ?? (0..<count).first { live.targets[$0] == state }
                guard let index,
                    live.balancer.takesPin(index, tried: exchange.pointee.tried)
                else { return nil }
                return TargetIndex(index)
            }
    }

    /// Appends the `Set-Cookie` line that the exchange asks for; none when the client's pin still
    /// names the target that has answered.
    func writeCookie(
        _ exchange: UnsafeMutablePointer<Exchange>,
        into writer: inout HeadWriter
    ) {
        guard let upstream = self.upstreamIndex(exchange) else { return }
        let plan = exchange.pointee.view.pointee.upstreams + Int(upstream.rawValue)
        let first = plan.pointee.hash
        guard first.source == .pin else {
            let cookie = first.source == .cookie ? first : plan.pointee.fallback
            writer.write("Set-Cookie: ")
            writer.write(cookie.name.bytes)
            writer.write("=")
            self.writeUUID(exchange, into: &writer)
            writer.write(cookie.attributes.bytes)
            return writer.write("\r\n")
        }
        guard exchange.pointee.target >= 0, self.pins.isUsable else { return }
        let target = plan.pointee.targets[Int(exchange.pointee.target)].id
        guard target != exchange.pointee.hash else { return }
        writer.write("Set-Cookie: ")
        writer.write(first.name.bytes)
        writer.write("=")
        self.pins.write(TargetID(rawValue: target), into: &writer)
        writer.write(first.attributes.bytes)
        let scope = self.reader.load(exchange.pointee.head)
        if self.io[exchange.pointee.client].pointee.isTLS || self.saysSecure(exchange, scope) {
            writer.write("; Secure")
        }
        writer.write("\r\n")
    }

    /// A random UUID of version 4 that belongs to the exchange (RFC 9562 section 5.4).
    private func writeUUID(
        _ exchange: UnsafeMutablePointer<Exchange>,
        into writer: inout HeadWriter
    ) {
        // Made of the request's id, which is random, but not to be told from it.
        let id = exchange.pointee.requestID
        let high = SeededGenerator.mix(id.0 ^ SeededGenerator.mix(id.1 ^ self.identity.high))
        let low = SeededGenerator.mix(id.2 ^ SeededGenerator.mix(id.3 ^ self.identity.low))
        withUnsafeTemporaryAllocation(byteCount: 40, alignment: 8) { room in
            var digits = HeadWriter(room)
            PinSeal.write(high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000, into: &digits)
            PinSeal.write(low & 0x3FFF_FFFF_FFFF_FFFF | 1 << 63, into: &digits)
            guard let text = digits.written else { return }
            for (start, end) in [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)] {
                if start > 0 { writer.write(byte: UInt8(ascii: "-")) }
                writer.write(UnsafeRawBufferPointer(rebasing: text[start..<end]))
            }
        }
    }
}

/// Open relays move to every new view that still has their route and their target, so that a tunnel
/// of a week does not keep the configuration of its first day in memory.
///
/// One whose route or target is gone stays where it is until it ends.
extension Worker {
    /// Moves relays to the view that was just installed.
    func moveRelays() {
        guard self.relayCount > 0, let view = self.view else { return }
        for link in 0..<self.io.end where self.io[link].pointee.role == .client {
            if let session = self.session(link) {
                for place in session.users { self.move(place, to: view) }
            } else if self.io[link].pointee.owner >= 0 {
                self.move(self.io[link].pointee.owner, to: view)
            }
        }
    }

    private func move(_ place: Int32, to view: UnsafeMutablePointer<SnapshotView>) {
        let exchange = self.exchanges[place]
        let old = exchange.pointee.view
        guard old != view, exchange.pointee.flags.contains([.isRelay, .responseBegun]),
            exchange.pointee.attempt >= 0, let before = self.upstreamIndex(exchange),
            case let route = view.pointee.route(like: exchange.pointee.route, of: old.pointee),
            route.isSome
        else { return }
        let upstream = UpstreamIndex(
            rawValue: view.pointee.routes[Int(route.rawValue)].upstream
        )
        let state = old.pointee.state(before, TargetIndex(rawValue: exchange.pointee.target))
        guard upstream.isSome, let target = view.pointee.target(upstream, with: state) else {
            return
        }
        exchange.pointee.route = route.rawValue
        exchange.pointee.target = target.rawValue
        self.attempts[exchange.pointee.attempt].pointee.target = target.rawValue
        exchange.pointee.view = view
        view.pointee.holders += 1
        self.release(old)
    }
}

extension SnapshotView {
    /// The route that goes on counting where a route of another view has counted.
    fileprivate func route(like route: Int32, of other: SnapshotView) -> RouteIndex {
        let rows = other.installation._withUnsafeGuaranteedRef { $0.routes[Int(route)] }
        let place = self.installation._withUnsafeGuaranteedRef { $0.place(of: rows) }
        return place.map { RouteIndex($0) } ?? .none
    }

    /// The target of an upstream that is a certain one.
    fileprivate func target(
        _ upstream: UpstreamIndex,
        with state: UnsafeMutablePointer<TargetState>
    ) -> TargetIndex? {
        self.live[Int(upstream.rawValue)]._withUnsafeGuaranteedRef { live in
            (0..<live.shape.upstream.targets.count).first { live.targets[$0] == state }
                .map { TargetIndex($0) }
        }
    }
}

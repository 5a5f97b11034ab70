internal import MeshBalancing
internal import MeshHTTP

/// What one worker knows of an upstream's chance to answer sooner by asking a second target.
struct Hedging {
    /// Least milliseconds that the first target gets.
    private static let leastPatience: Int64 = 20

    /// How long answers take, of routes that hedge.
    private var latency = LatencyQuantile()
    /// Two of a hundred requests, and one a second of all nodes.
    private var budget: RetryBudget

    init(_ floor: RetryFloor, at now: Int64) {
        self.budget = RetryBudget(share: 2, floor: 1, shared: floor, now: now)
    }

    /// Nodes that share what the whole fleet may hedge whatever its traffic is.
    var sharers: Int {
        get { self.budget.sharers }
        set { self.budget.sharers = newValue }
    }

    /// Milliseconds after which another target may be asked; `nil` while nobody knows.
    var patience: Int64? {
        self.latency.microseconds.map { max(Self.leastPatience, $0 / 1_000) }
    }

    /// Takes in the time that a request has waited for its first target.
    mutating func take(microseconds: Int64, at now: Int64) {
        self.latency.take(microseconds: microseconds)
        self.budget.countRequest(at: now)
    }

    /// Takes a place for a second try; `false` when there is none.
    mutating func begin(at now: Int64) -> Bool {
        guard self.budget.hasRetry(at: now) else { return false }
        self.budget.countRetry(at: now)
        return true
    }
}

/// A second target asked for the same, when the first takes longer than 95 of 100 answers do.
///
/// Only for GET and HEAD without a body, of routes that say so, within the budget of retries and for
/// two of a hundred requests. The first answer that is no server error wins; the other attempt is
/// cancelled and says nothing about its target.
///
///     attempt --95th percentile--> attempt and hedge --answer of one--> that one, the other cancelled
///                                                    \--failure of one--> the other goes on
extension Worker {
    /// When an attempt's exchange may ask another target, in milliseconds; never for most.
    @inline(never)
    func hedgeTime(_ attempt: Attempt) -> Int64 {
        let exchange = self.exchanges[attempt.exchange]
        guard !attempt.flags.contains(.isHedged), attempt.flags.contains(.requestSent),
            attempt.interims == 0,
            exchange.pointee.hedge < 0, self.isHedgeable(exchange),
            let patience = self.liveUpstream(exchange)?._withUnsafeGuaranteedRef({
                $0.hedging.patience
            })
        else { return .max }
        return attempt.begunAt / 1_000_000 + patience
    }

    private func isHedgeable(_ exchange: UnsafeMutablePointer<Exchange>) -> Bool {
        guard exchange.pointee.flags.contains([.idempotent, .isKept, .requestComplete]),
            exchange.pointee.flags.isDisjoint(
                with: [.asksUpgrade, .isExtendedConnect, .isGRPC, .responseBegun, .isStream]
            ), exchange.pointee.replay.isEmpty, !exchange.pointee.flags.contains(.hasSpill)
        else { return false }
        let method = exchange.pointee.named.method.bytes(of: exchange.pointee.head.first)
        return method.elementsEqual("GET".utf8) || method.elementsEqual("HEAD".utf8)
    }

    /// The attempt's time is up: asks another target if that is what it was for; `false` when it was a
    /// limit that passed.
    @inline(never)
    func hedge(_ index: Int32) -> Bool {
        guard self.milliseconds >= self.hedgeTime(self.attempts[index].pointee) else {
            return false
        }
        self.attempts[index].pointee.flags.insert(.isHedged)
        let place = self.attempts[index].pointee.exchange
        self.setAttemptTimer(index)
        let exchange = self.exchanges[place]
        guard let upstream = self.upstreamIndex(exchange), self.mayHedge(exchange, upstream) else {
            return true
        }
        let choice = exchange.pointee.view.pointee.pick(
            upstream,
            hash: exchange.pointee.hash,
            tried: exchange.pointee.tried
        )
        guard choice.isSome, self.isFit(exchange, choice),
            self.liveUpstream(exchange)?._withUnsafeGuaranteedRef({
                $0.hedging.begin(at: self.milliseconds)
            }) == true
        else { return true }
        self.beginHedge(place, beside: index, at: choice, of: upstream)
        return true
    }

    private func mayHedge(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ upstream: UpstreamIndex
    ) -> Bool {
        guard let route = self.routePlan(exchange),
            exchange.pointee.attempts <= route.pointee.retries, !exchange.pointee.tried.isFull,
            exchange.pointee.view.pointee.upstreams[Int(upstream.rawValue)].hash.source != .pin
        else { return false }
        return self.liveUpstream(exchange)?._withUnsafeGuaranteedRef {
            $0.retries.hasRetry(at: self.milliseconds)
        } ?? false
    }

    private func isFit(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ choice: TargetIndex
    ) -> Bool {
        self.liveUpstream(exchange)?._withUnsafeGuaranteedRef {
            $0.balancer.factor(at: Int(choice.rawValue)) > 0
        } ?? false
    }

    private func beginHedge(
        _ place: Int32,
        beside first: Int32,
        at choice: TargetIndex,
        of upstream: UpstreamIndex
    ) {
        let exchange = self.exchanges[place]
        let target = exchange.pointee.target
        let begunAt = exchange.pointee.attemptAt
        exchange.pointee.tried.insert(Int(choice.rawValue))
        let index = self.beginAttempt(place, target: choice)
        guard index >= 0 else {
            (exchange.pointee.target, exchange.pointee.attemptAt) = (target, begunAt)
            return
        }
        exchange.pointee.hedge = first
        self.attempts[index].pointee.flags.insert([.isCounted, .isHedged])
        self.counters.add(WorkerCounter.hedges)
        self.liveUpstream(exchange)?._withUnsafeGuaranteedRef {
            $0.retries.countRetry(at: self.milliseconds)
        }
        let state = exchange.pointee.view.pointee.state(upstream, choice)
        state.pointee.begin()
        let scope = self.reader.load(exchange.pointee.head)
        self.connect(
            index,
            state,
            scope,
            body: UnsafeRawBufferPointer(start: nil, count: 0)
        )
    }

    /// Whether another attempt goes on when this one has failed, which is ended then.
    @inline(never)
    func leavesOther(_ index: Int32, _ cause: ProxyFailure.Cause) -> Bool {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        guard exchange.pointee.hedge >= 0 else { return false }
        self.countAttempt(cause)
        self.take(exchange, as: index)
        // That a kept connection had died unnoticed says nothing about the target.
        if self.policy(index, cause).decision != .sameTarget {
            self.observeFailure(exchange, ProxyFailure(cause: cause))
        }
        self.endAttempt(index)
        self.goOn(exchange)
        return true
    }

    /// A head came while two attempts were under way: its sender wins, and the other is cancelled;
    /// `false` when it is a server's error and the other goes on.
    @inline(never)
    func wins(_ index: Int32) -> Bool {
        let exchange = self.exchanges[self.attempts[index].pointee.exchange]
        let other =
            exchange.pointee.attempt == index ? exchange.pointee.hedge : exchange.pointee.attempt
        self.take(exchange, as: index)
        guard self.response.status < 500 else {
            self.observeAnswer(exchange, status: self.response.status)
            self.endAttempt(index)
            self.goOn(exchange)
            return false
        }
        if self.attempts[index].pointee.begunAt > self.attempts[other].pointee.begunAt {
            self.counters.add(WorkerCounter.hedgesWon)
            // The first would have taken longer than that.
            self.learn(exchange, since: self.attempts[other].pointee.begunAt)
        } else {
            self.learn(exchange, since: self.attempts[index].pointee.begunAt)
        }
        self.endAttempt(other)
        self.take(exchange, as: index)
        return true
    }

    /// The attempt that is left goes on alone: what it said while the client took nothing is read now.
    private func goOn(_ exchange: UnsafeMutablePointer<Exchange>) {
        let index = exchange.pointee.attempt
        self.take(exchange, as: index)
        if index >= 0 { self.readSoon(of: index) }
    }

    /// The client takes more again: goes on with the attempt beside the exchange's own, if there is one.
    @inline(__always)
    func readHedge(_ place: Int32) {
        let hedge = self.exchanges[place].pointee.hedge
        if hedge >= 0 { self.readSoon(of: hedge) }
    }

    /// Gives an attempt the time that is left of its limit, and reads on for it in the next pass.
    @inline(never)
    private func readSoon(of index: Int32) {
        self.setAttemptTimer(index)
        let attempt = self.attempts[index].pointee
        guard attempt.stream == 0 else { return self.resumeTargetStream(index) }
        if attempt.link >= 0, self.io[attempt.link].pointee.isReadable {
            self.postponeFar(attempt.link)
        }
    }

    /// Takes in how long the first target of a request was waited for.
    @inline(never)
    func learn(_ exchange: UnsafeMutablePointer<Exchange>, since begin: Int64) {
        let microseconds = (self.now - begin) / 1_000
        self.liveUpstream(exchange)?._withUnsafeGuaranteedRef {
            $0.hedging.take(microseconds: microseconds, at: self.milliseconds)
        }
    }

    /// What the exchange says of its attempt becomes that of this one.
    private func take(_ exchange: UnsafeMutablePointer<Exchange>, as index: Int32) {
        guard index >= 0 else { return }
        exchange.pointee.target = self.attempts[index].pointee.target
        exchange.pointee.attemptAt = self.attempts[index].pointee.begunAt
    }
}

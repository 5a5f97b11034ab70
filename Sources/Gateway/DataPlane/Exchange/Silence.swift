internal import MeshBalancing
internal import MeshHTTP
internal import MeshPrimitives

/// Targets that have stopped to answer: a frozen process accepts connections and requests, and brings
/// no failure that anybody could count.
///
/// A target is silent when at least three requests await an answer there, none of which has come for
/// far longer than any answer of late has taken. It is left out at once by this worker, for as long as
/// it is silent; requests that may be repeated go elsewhere, within the upstream's budget of retries;
/// and after a second the node is told. While nobody else answers either, it may be this node that hears
/// nothing: then nobody is accused.
///
/// Long before that, new requests prefer targets that do answer, see ``TargetQuiet``: what may not be
/// repeated is lost with a target that has stopped, and what may be is late. Not in a pass of the loop
/// that follows a long one: answers may wait behind the request at hand then.
extension Worker {
    /// Targets that are passed over at most, for one request, since they are quiet.
    private static let mostPassedOver = 4

    /// Chooses a target for a request: another one than a quiet target, if that can be had.
    @inline(__always)
    func pickTarget(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ upstream: UpstreamIndex
    ) -> TargetIndex {
        let choice = exchange.pointee.view.pointee.pick(
            upstream,
            hash: exchange.pointee.hash,
            tried: exchange.pointee.tried
        )
        guard choice.isSome, self.isQuiet(exchange, upstream, choice) else { return choice }
        return self.pickAnswering(exchange, upstream, insteadOf: choice)
    }

    @inline(never)
    private func pickAnswering(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ upstream: UpstreamIndex,
        insteadOf quiet: TargetIndex
    ) -> TargetIndex {
        let view = exchange.pointee.view
        guard !view.pointee.isKeyed(upstream) else { return quiet }
        var tried = exchange.pointee.tried
        tried.insert(Int(quiet.rawValue))
        for _ in 0..<Self.mostPassedOver where !tried.isFull {
            let choice = view.pointee.pick(upstream, beside: quiet, tried: tried)
            guard choice.isSome else { break }
            guard self.isQuiet(exchange, upstream, choice) else { return choice }
            tried.insert(Int(choice.rawValue))
        }
        return quiet
    }

    @inline(__always)
    private func isQuiet(
        _ exchange: UnsafeMutablePointer<Exchange>,
        _ upstream: UpstreamIndex,
        _ target: TargetIndex
    ) -> Bool {
        let state = exchange.pointee.view.pointee.state(upstream, target)
        guard state.pointee.quiet.owed >= TargetQuiet.leastOwed, self.hasKeptUp else {
            return false
        }
        return state.pointee.quiet.isQuiet(
            at: self.milliseconds,
            isRepeatable: exchange.pointee.flags.contains(.idempotent)
        )
    }

    /// Milliseconds between two looks.
    private static let watchInterval: Int64 = 50
    /// Fewest requests that await an answer.
    private static let leastAwaited: Int32 = 3
    /// Milliseconds of silence, at least, before a target is left out, before its requests go elsewhere,
    /// and before the node is told; of one that has never answered, requests never go elsewhere.
    private static let leastSilence: Int64 = 100
    private static let leastPatience: Int64 = 250
    private static let proof: Int64 = 1_000

    /// An attempt has sent its whole request.
    @inline(__always)
    func beginAwaiting(_ index: Int32) {
        let attempt = self.attempts[index]
        guard attempt.pointee.flags.contains(.isCounted), let state = self.awaitedTarget(index)
        else { return }
        attempt.pointee.flags.insert(.isAwaited)
        attempt.pointee.awaitedSince = self.milliseconds
        state.pointee.awaits(1)
        let isFirst = state.pointee.awaited == 1
        state.pointee.quiet.asked(at: self.milliseconds, isFirst: isFirst)
        guard isFirst else { return }
        if !state.pointee.isStalled { state.pointee.silentSince = self.milliseconds }
        guard !state.pointee.isWatched else { return }
        state.pointee.isWatched = true
        if self.watchedTargets.isEmpty { self.watchAt = self.milliseconds + Self.watchInterval }
        self.watchedTargets.append(state)
    }

    /// An attempt has its answer, or wants none any more.
    @inline(__always)
    func endAwaiting(_ index: Int32) {
        let attempt = self.attempts[index]
        guard attempt.pointee.flags.contains(.isAwaited) else { return }
        attempt.pointee.flags.remove(.isAwaited)
        self.awaitedTarget(index)?.pointee.awaits(-1)
    }

    /// Learns what a region bears from an answer that is no failure.
    @inline(__always)
    func learnLoad(_ index: Int32) {
        let attempt = self.attempts[index]
        guard attempt.pointee.flags.contains(.isAwaited), self.response.status < 500,
            let state = self.awaitedTarget(index)
        else { return }
        state.pointee.answered(
            microseconds: (self.now - attempt.pointee.begunAt) / 1_000,
            at: self.milliseconds
        )
    }

    /// A target has answered somebody.
    @inline(__always)
    func heard(from state: UnsafeMutablePointer<TargetState>) {
        let since = state.pointee.silentSince
        state.pointee.quiet.answered(at: self.milliseconds, since: since)
        state.pointee.silentSince = self.milliseconds
        if self.lastAnswer.target != state {
            self.lastAnswer = (state, self.milliseconds, self.lastAnswer.at)
        } else {
            self.lastAnswer.at = self.milliseconds
        }
        guard state.pointee.isStalled else { return }
        state.pointee.isStalled = false
        state.pointee.excludedUntil = 0
        state.pointee.apply()
    }

    /// Looks at the targets that owe answers.
    func watchTargets() {
        guard self.milliseconds >= self.watchAt else { return }
        self.watchAt = self.milliseconds + Self.watchInterval
        var silent: [(UnsafeMutablePointer<TargetState>, Int64)] = []
        self.watchedTargets.removeAll { state in
            guard state.pointee.awaited > 0 || state.pointee.isStalled else {
                state.pointee.isWatched = false
                return true
            }
            if let patience = self.patience(state) { silent.append((state, patience)) }
            return false
        }
        for (state, patience) in silent { self.moveAway(from: state, after: patience) }
    }

    /// Milliseconds after which requests that await the target should go elsewhere, `nil` for never;
    /// leaves it out when it is silent.
    private func patience(_ state: UnsafeMutablePointer<TargetState>) -> Int64? {
        let isKnown = state.pointee.longest > 0
        let usual = state.pointee.longest / 1_000
        let silence = self.milliseconds - state.pointee.silentSince
        if state.pointee.isStalled, state.pointee.awaited == 0, silence > 3 * Self.proof {
            // Nobody asks it any more: the next request finds out.
            state.pointee.isStalled = false
            return nil
        }
        let limit = isKnown ? max(Self.leastSilence, 2 * usual) : Self.proof
        guard state.pointee.awaited >= Self.leastAwaited || state.pointee.isStalled,
            silence >= limit
        else { return nil }
        let last = self.lastAnswer
        let othersAt = last.target == state ? last.otherAt : last.at
        if othersAt > state.pointee.silentSince {
            state.pointee.isStalled = true
            self.exclude(state)
            if silence >= max(Self.proof, 3 * usual) {
                self.touch(state)
                state.pointee.silences &+= 1
                self.isReportUrgent = true
                // It is told again only after as long a silence.
                state.pointee.silentSince = self.milliseconds
            }
        }
        // Who has never answered may simply take long.
        let patience = max(Self.leastPatience, 3 * usual)
        return isKnown && silence >= patience ? patience : nil
    }

    /// Lets requests that have awaited a silent target for so long go elsewhere, as far as they may be
    /// repeated and there is another target: the others are better off waiting.
    private func moveAway(
        from state: UnsafeMutablePointer<TargetState>,
        after patience: Int64
    ) {
        for index in 0..<self.attempts.end {
            let attempt = self.attempts[index]
            guard attempt.pointee.flags.contains(.isAwaited), attempt.pointee.patience == 0,
                self.awaitedTarget(index) == state,
                self.milliseconds - attempt.pointee.awaitedSince >= patience,
                self.policy(index, .stalled).decision == .otherTarget,
                self.hasUntried(self.exchanges[attempt.pointee.exchange])
            else { continue }
            self.attemptFailed(index, .stalled)
            self.takePending()
        }
    }

    @inline(__always)
    private func awaitedTarget(_ index: Int32) -> UnsafeMutablePointer<TargetState>? {
        let attempt = self.attempts[index]
        let exchange = self.exchanges[attempt.pointee.exchange]
        guard let upstream = self.upstreamIndex(exchange), attempt.pointee.target >= 0 else {
            return nil
        }
        return exchange.pointee.view.pointee.state(
            upstream,
            TargetIndex(rawValue: attempt.pointee.target)
        )
    }
}

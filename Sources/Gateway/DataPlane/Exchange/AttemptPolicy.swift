/// Whether a failed attempt is followed by another one, and where.
///
/// A value in, a decision out. Kong's rule (`proxy_next_upstream error timeout`, without
/// `non_idempotent`) unless the route or service asks for another: only transport failures are
/// retried, and a request that has left and is not idempotent is not repeated.
struct AttemptPolicy {
    /// What to do after a failure.
    enum Decision: Equatable {
        /// Another try at the same target: a kept connection had died unnoticed, which says nothing
        /// about the target and costs nothing of the budget.
        case sameTarget
        /// Another target.
        case otherTarget
        /// No further attempt.
        case giveUp
    }

    /// Why the attempt failed.
    var failure: ProxyFailure.Cause
    /// Attempts begun, this one included.
    var attempts: Int32
    /// Kong's `retries`: attempts after the first.
    var retries: Int32
    /// Whether the attempt used a connection that had served a request before.
    var wasReused: Bool
    /// Whether any byte of the request left.
    var hasSent: Bool
    /// Whether the target said that it did not begin on the request (HTTP/2: REFUSED_STREAM, GOAWAY).
    var wasDeclined = false
    /// Whether any byte of a response came.
    var hasAnswerBytes: Bool
    /// Whether repeating the request is harmless by its method (RFC 9110 section 9.2.2).
    var isIdempotent: Bool
    /// Whether everything read of the request is still here.
    var isKept: Bool
    /// Whether another target may be tried: not all were, and there is room to remember it.
    var hasOthers: Bool
    /// Whether the upstream's retries are within their budget.
    var hasBudget = true
    /// What the route tries another target for; answers are looked at before.
    var causes: RetryCauses = [.error, .timeout]

    /// The decision.
    var decision: Decision {
        guard self.isKept, self.isIdempotent || !self.hasSent || self.wasDeclined else {
            return .giveUp
        }
        switch self.failure {
        case .reset where self.wasReused && !self.hasAnswerBytes: return .sameTarget
        case .refused, .handshake, .reset, .exhausted: return self.elsewhere(for: .error)
        case .connectTimeout, .writeTimeout, .readTimeout, .stalled:
            return self.elsewhere(for: .timeout)
        case .lostTrial, .refusedStatus: return self.elsewhere(for: [])
        case .none, .malformed, .cut, .deadline, .clientLeft, .clientTimeout, .clientMalformed,
            .clientTooLarge,
            .noTarget, .overloaded, .stopped:
            return .giveUp
        }
    }

    private func elsewhere(for cause: RetryCauses) -> Decision {
        let isAllowed =
            self.causes.isSuperset(of: cause) && self.attempts <= self.retries
            && self.hasOthers && self.hasBudget
        return isAllowed ? .otherTarget : .giveUp
    }
}

import Testing

@testable import MeshDataPlane

@Suite("After a failed attempt")
struct AttemptPolicyTests {
    /// A first attempt of three that was refused, of a request that may be repeated.
    private static let refused = AttemptPolicy(
        failure: .refused,
        attempts: 1,
        retries: 2,
        wasReused: false,
        hasSent: false,
        hasAnswerBytes: false,
        isIdempotent: true,
        isKept: true,
        hasOthers: true
    )

    private static func decision(
        _ change: (inout AttemptPolicy) -> Void
    ) -> AttemptPolicy.Decision {
        var policy = Self.refused
        change(&policy)
        return policy.decision
    }

    @Test("another target is tried as often as the service's retries say, and no more")
    func counts() {
        #expect(Self.decision { $0.attempts = 1 } == .otherTarget)
        #expect(Self.decision { $0.attempts = 2 } == .otherTarget)
        #expect(Self.decision { $0.attempts = 3 } == .giveUp)
        #expect(Self.decision { $0.retries = 0 } == .giveUp)
        #expect(Self.decision { $0.hasOthers = false } == .giveUp)
        #expect(Self.decision { $0.hasBudget = false } == .giveUp)
    }

    @Test("what has left is repeated only when that is harmless (RFC 9110 9.2.2) or was declined")
    func repeatsOnlyWhatMay() {
        #expect(Self.decision { ($0.isIdempotent, $0.hasSent) = (false, false) } == .otherTarget)
        #expect(Self.decision { ($0.isIdempotent, $0.hasSent) = (false, true) } == .giveUp)
        #expect(Self.decision { ($0.isIdempotent, $0.hasSent) = (true, true) } == .otherTarget)
        #expect(
            Self.decision {
                ($0.isIdempotent, $0.hasSent, $0.wasDeclined) = (false, true, true)
            } == .otherTarget
        )
        #expect(Self.decision { $0.isKept = false } == .giveUp)
    }

    @Test("a kept connection that had died costs no retry, unless bytes of an answer came")
    func staleConnections() {
        let stale: (inout AttemptPolicy) -> Void = {
            ($0.failure, $0.wasReused, $0.hasSent, $0.retries) = (.reset, true, true, 0)
        }
        #expect(Self.decision(stale) == .sameTarget)
        #expect(
            Self.decision {
                stale(&$0)
                $0.hasAnswerBytes = true
            } == .giveUp
        )
        #expect(
            Self.decision {
                stale(&$0)
                $0.isIdempotent = false
            } == .giveUp
        )
    }

    @Test("only failures of the way to a target lead to another one")
    func causes() {
        let retried: [ProxyFailure.Cause] = [
            .refused, .connectTimeout, .handshake, .writeTimeout, .readTimeout, .reset, .exhausted,
            .lostTrial, .stalled, .refusedStatus,
        ]
        for cause in ProxyFailure.Cause.allCases {
            let expected: AttemptPolicy.Decision =
                retried.contains(cause) ? .otherTarget : .giveUp
            #expect(Self.decision { $0.failure = cause } == expected, "\(cause)")
        }
    }

    @Test("a route that names its causes is obeyed; a dead kept connection is no cause")
    func namedCauses() {
        let decide = { (cause: ProxyFailure.Cause, causes: RetryCauses) in
            Self.decision { ($0.failure, $0.causes) = (cause, causes) }
        }
        #expect(decide(.refused, .error) == .otherTarget)
        #expect(decide(.refused, .timeout) == .giveUp)
        #expect(decide(.readTimeout, .timeout) == .otherTarget)
        #expect(decide(.readTimeout, .error) == .giveUp)
        #expect(decide(.refusedStatus, []) == .otherTarget, "the answer was looked at before")
        #expect(
            Self.decision {
                ($0.failure, $0.wasReused, $0.hasSent, $0.causes) = (.reset, true, true, [])
            } == .sameTarget
        )
        #expect(
            Self.decision {
                ($0.failure, $0.isIdempotent, $0.hasSent) = (.refusedStatus, false, true)
            } == .giveUp
        )
    }

    @Test("only what a target did is evidence about it")
    func evidence() {
        let innocent: [ProxyFailure.Cause] = [
            .none, .clientLeft, .clientTimeout, .clientMalformed, .clientTooLarge, .exhausted,
            .noTarget, .overloaded, .stopped, .deadline, .lostTrial, .stalled,
            .refusedStatus,
        ]
        for cause in ProxyFailure.Cause.allCases {
            #expect(
                ProxyFailure(cause: cause).isEvidence == !innocent.contains(cause),
                "\(cause)"
            )
        }
    }
}

@Suite("A client's connection after a response")
struct ConnectionFateTests {
    private static func fate(
        _ change: (inout ConnectionFate.Circumstances) -> Void
    ) -> ConnectionFate {
        var circumstances = ConnectionFate.Circumstances(
            keepsClient: true,
            requestComplete: true,
            isDraining: false,
            isWhole: true,
            endsByClose: false
        )
        change(&circumstances)
        return ConnectionFate(circumstances)
    }

    @Test("is kept when both sides are done and nobody wants its end")
    func keeps() {
        #expect(Self.fate { _ in } == .keep)
        #expect(Self.fate { $0.keepsClient = false } == .close)
        #expect(Self.fate { $0.isDraining = true } == .close)
    }

    @Test("lingers while the client still sends (RFC 9112 9.6)")
    func lingers() {
        #expect(Self.fate { $0.requestComplete = false } == .linger)
    }

    @Test("ends so that a cut response cannot be taken for a whole one")
    func cut() {
        #expect(Self.fate { $0.isWhole = false } == .close)
        #expect(Self.fate { ($0.isWhole, $0.endsByClose) = (false, true) } == .reset)
    }
}

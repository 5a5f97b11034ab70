internal import Glibc

/// Why a request did not end as it should, and whose doing that was.
///
/// One type for every failure of the request path: it decides the status, whether another attempt is
/// allowed, what the log says, and whether a target is to blame. Only what a target did is evidence
/// about it: a node without descriptors, memory or places accuses nobody.
struct ProxyFailure: Equatable {
    /// Whose doing it was.
    enum Owner: UInt8 {
        case client
        case target
        case ourselves
    }

    /// What happened.
    enum Cause: UInt8, CaseIterable {
        case none
        /// The target refused the connection, or there is no way to it.
        case refused
        /// No connection within the service's limit.
        case connectTimeout
        /// TLS could not be agreed on with the target.
        case handshake
        /// The target took no bytes within the service's limit.
        case writeTimeout
        /// The target sent nothing within the service's limit.
        case readTimeout
        /// The connection broke before a response.
        case reset
        /// The response was not HTTP, or broke its own framing.
        case malformed
        /// The response ended before its announced end.
        case cut
        /// The request's own deadline passed: that of a gRPC call, or the route's.
        case deadline
        /// The client left first.
        case clientLeft
        /// The client sent nothing, or took nothing, within our limits.
        case clientTimeout
        /// The client broke the framing of its request.
        case clientMalformed
        /// The client sent more than the limit of request bodies.
        case clientTooLarge
        /// No descriptor, memory, port or place was left here.
        case exhausted
        /// No target of the upstream can be used.
        case noTarget
        /// The gateway shed the request to stay alive.
        case overloaded
        /// The node was told to end before the request did.
        case stopped
        /// A target that is on trial answered with a server error; another one gets the request.
        case lostTrial
        /// The target answers nobody any more; another one gets the request.
        case stalled
        /// The target answered with a status for which the route tries another one.
        case refusedStatus
    }

    let cause: Cause

    /// Nothing failed.
    static var none: ProxyFailure { ProxyFailure(cause: .none) }

    /// Whose doing it was; meaningless for ``Cause/none``.
    var owner: Owner {
        switch self.cause {
        case .clientLeft, .clientTimeout, .clientMalformed, .clientTooLarge: .client
        case .refused, .connectTimeout, .handshake, .writeTimeout, .readTimeout, .reset,
            .malformed, .cut, .deadline, .lostTrial, .stalled, .refusedStatus:
            .target
        case .none, .exhausted, .noTarget, .overloaded, .stopped: .ourselves
        }
    }

    /// Whether it says something about the target's health.
    ///
    /// A request's own deadline may be shorter than a healthy target needs; an answer that lost a trial
    /// or is not wanted was counted as an answer; that a target is silent is told of the target, not of each
    /// request.
    var isEvidence: Bool {
        switch self.cause {
        case .deadline, .lostTrial, .stalled, .refusedStatus: false
        default: self.owner == .target
        }
    }

    /// The status that a client gets when no other attempt follows.
    var status: UInt16 {
        switch self.cause {
        case .connectTimeout, .writeTimeout, .readTimeout, .deadline, .stalled: 504
        case .none, .refused, .handshake, .reset, .malformed, .cut, .lostTrial, .refusedStatus:
            502
        case .exhausted, .noTarget, .overloaded, .stopped: 503
        case .clientLeft: 499
        case .clientTimeout: 408
        case .clientMalformed: 400
        case .clientTooLarge: 413
        }
    }

    /// The owner as logs and metrics spell it.
    var ownerName: StaticString {
        switch self.owner {
        case .client: "client"
        case .target: "target"
        case .ourselves: "gateway"
        }
    }

    /// The cause as logs and metrics spell it.
    var causeName: StaticString {
        switch self.cause {
        case .none: "none"
        case .refused: "refused"
        case .connectTimeout: "connect_timeout"
        case .handshake: "tls_handshake"
        case .writeTimeout: "write_timeout"
        case .readTimeout: "read_timeout"
        case .reset: "reset"
        case .malformed: "malformed"
        case .cut: "cut"
        case .deadline: "deadline"
        case .clientLeft: "left"
        case .clientTimeout: "timeout"
        case .clientMalformed: "malformed_request"
        case .clientTooLarge: "too_large"
        case .exhausted: "exhausted"
        case .noTarget: "no_target"
        case .overloaded: "overloaded"
        case .stopped: "stopped"
        case .lostTrial: "lost_trial"
        case .stalled: "stalled"
        case .refusedStatus: "refused_status"
        }
    }
}

extension ProxyFailure.Cause {
    /// What an errno of connecting means; a positive number.
    init(connectError error: Int32) {
        switch error {
        case EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, EAGAIN, EADDRINUSE, EACCES, EPERM:
            self = .exhausted
        case ETIMEDOUT: self = .connectTimeout
        default: self = .refused
        }
    }
}

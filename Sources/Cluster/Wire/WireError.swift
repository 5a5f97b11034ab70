/// Why received bytes were refused; each case is a counter's name, none is ever answered.
///
/// Nothing here says more to a sender than silence. Refusing changes no state but the counter.
public enum WireError: String, Error, CaseIterable, Sendable {
    /// Fewer bytes than the envelope, the handshake or a record needs.
    case truncated
    /// More bytes than a datagram or a stream frame may have.
    case tooLarge = "too_large"
    /// The first bytes are not ours: a stray or scanning sender.
    case notMeshgate = "not_meshgate"
    /// A protocol version that this node does not speak, or no longer.
    case unknownVersion = "unknown_version"
    /// A node that holds a key, but speaks no protocol version that this one does.
    case noCommonVersion = "no_common_version"
    /// A datagram where a handshake was due, or the reverse.
    case wrongKind = "wrong_kind"
    /// Another cluster's name: two clusters share an address range.
    case wrongCluster = "wrong_cluster"
    /// More bytes from one source than it may send.
    case overLimit = "over_limit"
    /// Sealed under a key epoch that the key ring does not hold.
    case unknownKeyEpoch = "unknown_key_epoch"
    /// The seal does not hold: forged, damaged, or another key under the same epoch.
    case forged
    /// Our own message came back.
    case ownMessage = "own_message"
    /// A session of the sender that a later start has closed, or a second one of the same start.
    case staleSession = "stale_session"
    /// The counter was seen before.
    case replayed
    /// The counter lies below the replay window.
    case belowWindow = "below_window"
    /// Sealed correctly, but the content does not follow the format.
    case malformed
    /// Sealed correctly, but it names an address that nothing can be sent to: unspecified,
    /// multicast, broadcast, or port 0.
    case unusableAddress = "unusable_address"
}

extension WireError: CustomStringConvertible {
    /// The counter's name, as metrics and logs show it.
    public var description: String { self.rawValue }
}

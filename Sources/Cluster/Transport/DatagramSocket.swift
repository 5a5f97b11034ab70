import Glibc
import MeshPrimitives

/// A bound UDP socket as the system knows it, for sending.
///
/// Datagrams are sent past NIO, whose channel closes itself at the first send that the system
/// refuses: one member behind a missing route would end the socket for all others.
final class DatagramSocket: Sendable {
    /// A descriptor of its own for the bound socket; NIO owns and closes the one it receives from.
    private let descriptor: CInt

    private init(_ descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(self.descriptor) }

    /// A socket to send by, as `receiver` is one to receive from, which stays the caller's.
    ///
    /// - Throws: ``SystemFailure``.
    static func sending(through receiver: CInt) throws(SystemFailure) -> DatagramSocket {
        let sender = fcntl(receiver, F_DUPFD_CLOEXEC, 0)
        guard sender >= 0 else { throw SystemFailure(code: errno) }
        return DatagramSocket(sender)
    }

    /// Hands one datagram to the system.
    ///
    /// - Returns: why it was refused; `nil` when it was taken.
    func send(_ bytes: [UInt8], to endpoint: Endpoint) -> SendRefusal? {
        let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)
        let sent = endpoint.withSystemAddress { address, length in
            sendto(self.descriptor, bytes, bytes.count, flags, address, length)
        }
        return sent < 0 ? SendRefusal(code: errno) : nil
    }
}

/// A refusal of the system, by its number.
struct SystemFailure: Error, Equatable, CustomStringConvertible {
    let code: CInt

    /// The system's own words.
    var description: String { String(cString: strerror(self.code)) }
}

/// Why the system did not take a datagram; each case is a counter's name.
public enum SendRefusal: String, CaseIterable, Sendable {
    /// No route to the address, or the link is down.
    case unreachable
    /// A rule of this machine's firewall, or the address of a broadcast.
    case forbidden
    /// IPv6 from an IPv4 socket, or the reverse.
    case wrongFamily = "wrong_family"
    /// Larger than the path takes.
    case tooLarge = "too_large"
    /// The system's buffers are full.
    case congested
    /// Anything else.
    case other

    /// Sorts an `errno` under its cause.
    init(code: CInt) {
        switch code {
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN, EADDRNOTAVAIL: self = .unreachable
        case EPERM, EACCES: self = .forbidden
        case EAFNOSUPPORT, EINVAL: self = .wrongFamily
        case EMSGSIZE: self = .tooLarge
        case EAGAIN, ENOBUFS, ENOMEM: self = .congested
        default: self = .other
        }
    }
}

extension SendRefusal: CustomStringConvertible {
    /// What to look at, for the operator.
    public var description: String {
        switch self {
        case .unreachable: "no route to it from here"
        case .forbidden: "this machine's firewall forbids it, or it is a broadcast address"
        case .wrongFamily: "its address family is not that of gossip.bind; bind [::] for both"
        case .tooLarge: "the datagram is larger than the path takes"
        case .congested: "the system's send buffers are full"
        case .other: "the system refuses it"
        }
    }
}

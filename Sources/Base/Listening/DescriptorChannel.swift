internal import CMeshSystem
internal import Glibc

/// A connection between two processes of this machine that carries short texts and descriptors.
///
/// Every call blocks, for at most the patience that was set.
public final class DescriptorChannel: Sendable {
    /// Most descriptors of one message: 128.
    public static let descriptorLimit = Int(MESH_DESCRIPTORS_PER_MESSAGE)
    /// The longest text in UTF-8 bytes: 16,384.
    public static let textByteLimit = 16_384

    private let descriptor: Int32

    /// Takes over an open socket that keeps messages apart, which is closed with this value.
    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(self.descriptor) }

    /// Connects to who listens at a path.
    ///
    /// - Throws: ``ListenFailure``: `ENOENT` or `ECONNREFUSED` when nobody does.
    public static func connect(to path: String) throws(ListenFailure) -> DescriptorChannel {
        let descriptor = mesh_unix_connect(path, 1)
        guard descriptor >= 0 else { throw ListenFailure(code: -descriptor) }
        return DescriptorChannel(descriptor: descriptor)
    }

    /// The user and the process at the other end; `nil` when the system does not say.
    public var peer: (user: UInt32, process: Int32)? {
        var peer = mesh_peer()
        guard mesh_peer_of(self.descriptor, &peer) == 0 else { return nil }
        return (peer.user, peer.process)
    }

    /// Sets how long a call may take; milliseconds, above 0.
    public func setPatience(milliseconds: Int) {
        _ = mesh_set_patience(self.descriptor, Int32(clamping: max(1, milliseconds)))
    }

    /// Sends a text and descriptors, which stay the caller's.
    ///
    /// - Throws: ``ListenFailure`` when the other end is gone or takes nothing.
    public func send(_ text: String, _ descriptors: [Int32] = []) throws(ListenFailure) {
        let bytes = Array(text.utf8)
        let sent = mesh_send_descriptors(
            self.descriptor,
            bytes,
            bytes.count,
            descriptors,
            Int32(clamping: descriptors.count)
        )
        guard sent == bytes.count else { throw ListenFailure(code: sent < 0 ? -sent : EIO) }
    }

    /// Waits for a message; its descriptors are the caller's.
    ///
    /// - Throws: ``ListenFailure``: `ECONNRESET` when the other end is gone, `EAGAIN` when it is silent.
    public func receive() throws(ListenFailure) -> (text: String, descriptors: [Int32]) {
        var bytes = [UInt8](repeating: 0, count: Self.textByteLimit)
        var descriptors = [Int32](repeating: -1, count: Self.descriptorLimit)
        var count: Int32 = 0
        let received = mesh_receive_descriptors(
            self.descriptor,
            &bytes,
            bytes.count,
            &descriptors,
            &count
        )
        guard received > 0 else {
            throw ListenFailure(code: received < 0 ? -received : ECONNRESET)
        }
        let text = String(decoding: bytes.prefix(Int(received)), as: UTF8.self)
        return (text, Array(descriptors.prefix(Int(count))))
    }
}

/// Where other processes of this machine open a ``DescriptorChannel``.
public final class DescriptorListener: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Listens at a path that only the own user may open; takes the path from who had it before.
    ///
    /// - Throws: ``ListenFailure``: `ENAMETOOLONG` for a path of more than 107 bytes.
    public init(path: String) throws(ListenFailure) {
        // Made beside and moved, so that there is no moment without one.
        let draft = path + ".new"
        unlink(draft)
        let descriptor = mesh_unix_listen(draft, 1, 8, 0o600)
        guard descriptor >= 0 else { throw ListenFailure(code: -descriptor) }
        guard rename(draft, path) == 0 else {
            let code = errno
            close(descriptor)
            unlink(draft)
            throw ListenFailure(code: code)
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(self.descriptor) }

    /// Waits for the next connection; `nil` once ``end()`` was called.
    public func accept() -> DescriptorChannel? {
        while true {
            let accepted = mesh_unix_accept(self.descriptor)
            if accepted >= 0 { return DescriptorChannel(descriptor: accepted) }
            guard accepted == -ECONNABORTED || accepted == -EMFILE || accepted == -ENFILE else {
                return nil
            }
            // No descriptor is free: one may be in a moment, and this thread has nothing else to do.
            if accepted != -ECONNABORTED { usleep(100_000) }
        }
    }

    /// Makes ``accept()`` return.
    public func end() { shutdown(self.descriptor, Int32(SHUT_RDWR)) }

    /// Removes the path, unless a successor listens there.
    public func removePath() { unlink(self.path) }
}

/// Messages to a supervisor such as systemd, in the form of `sd_notify`.
public final class NotifySocket: Sendable {
    private let descriptor: Int32

    /// Connects to the socket that `NOTIFY_SOCKET` names; `nil` when there is none.
    ///
    /// A name that begins with `@` is abstract.
    public init?(_ path: String?) {
        guard let path, !path.isEmpty else { return nil }
        let descriptor = mesh_unix_datagrams_to(path)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }

    /// Sends lines of `NAME=VALUE`, with descriptors for `FDSTORE=1`; what cannot be sent is lost.
    public func send(_ lines: [String], _ descriptors: [Int32] = []) {
        let bytes = Array(lines.joined(separator: "\n").utf8)
        _ = mesh_send_descriptors(
            self.descriptor,
            bytes,
            bytes.count,
            descriptors,
            Int32(clamping: descriptors.count)
        )
    }
}

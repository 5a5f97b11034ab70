internal import COpenSSL

/// How much ciphertext one `recv` may take.
enum ReadAhead {
    /// Two full records (RFC 8446 section 5.2) and their headers.
    static let byteCount = 2 * (16_384 + 256 + 5) + 64
}

/// OpenSSL's way to the socket: reads receive, writes gather in the thread's ``TLSOutput``.
///
/// A read that filled less than its room has drained the socket, so the next one answers "later"
/// without a system call until the reactor reports an edge.
enum SocketBIO {
    /// The method table, made once; nil when OpenSSL has no memory.
    nonisolated(unsafe) static let method: OpaquePointer? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mesh socket")
        else { return nil }
        BIO_meth_set_read_ex(method) { bio, to, limit, count in
            SocketBIO.read(bio, to, limit, count)
        }
        BIO_meth_set_write_ex(method) { bio, from, count, written in
            SocketBIO.write(bio, from, count, written)
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        BIO_meth_set_create(method) { bio in
            BIO_set_init(bio, 1)
            return 1
        }
        return method
    }()

    private static func state(_ bio: OpaquePointer?) -> UnsafeMutablePointer<SessionState>? {
        BIO_get_data(bio)?.assumingMemoryBound(to: SessionState.self)
    }

    private static func read(
        _ bio: OpaquePointer?,
        _ to: UnsafeMutablePointer<CChar>?,
        _ limit: Int,
        _ count: UnsafeMutablePointer<Int>?
    ) -> Int32 {
        guard let state = Self.state(bio), let to, let count else { return 0 }
        mesh_bio_clear_retry(bio)
        count.pointee = 0
        guard !state.pointee.isAtEnd, state.pointee.socketError == 0 else { return 0 }
        if !state.pointee.isDrained {
            let received = mesh_tls_receive(state.pointee.descriptor, to, limit)
            if received > 0 {
                state.pointee.isDrained = received < limit && !state.pointee.seesEnd
                count.pointee = received
                return 1
            }
            guard received == -Int(EAGAIN) else {
                state.pointee.isAtEnd = received == 0
                state.pointee.socketError = Int32(-received)
                return 0
            }
            state.pointee.isDrained = true
        }
        state.pointee.isStarved = true
        mesh_bio_retry_read(bio)
        return 0
    }

    private static func write(
        _ bio: OpaquePointer?,
        _ from: UnsafePointer<CChar>?,
        _ count: Int,
        _ written: UnsafeMutablePointer<Int>?
    ) -> Int32 {
        guard let state = Self.state(bio), let from else { return 0 }
        state.pointee.output.pointee.append(from, count: count)
        written?.pointee = count
        return 1
    }
}

internal import COpenSSL

/// Reads PEM from memory; every failure leaves this thread's error queue empty.
enum PEMText {
    /// Certificates of a chain in order, each owned by the caller; empty when the text holds none.
    ///
    /// Nil when a block is damaged.
    static func certificates(_ text: String) -> [OpaquePointer]? {
        Self.withSource(text) { source in
            var found: [OpaquePointer] = []
            while let certificate = PEM_read_bio_X509(source, nil, mesh_no_passphrase, nil) {
                found.append(certificate)
            }
            let code = ERR_peek_last_error()
            ERR_clear_error()
            let isEnd =
                ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE
            guard isEnd else {
                for certificate in found { X509_free(certificate) }
                return nil
            }
            return found
        }
    }

    /// The private key, owned by the caller; nil when there is none or it is encrypted.
    static func key(_ text: String) -> OpaquePointer? {
        Self.withSource(text) { source in
            let key = PEM_read_bio_PrivateKey(source, nil, mesh_no_passphrase, nil)
            ERR_clear_error()
            return key
        }
    }

    /// What `write` puts into a memory BIO, as text.
    static func written(_ write: (OpaquePointer) -> Int32) -> String? {
        guard let sink = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(sink) }
        var bytes: UnsafeMutablePointer<CChar>?
        guard write(sink) == 1 else {
            ERR_clear_error()
            return nil
        }
        let count = mesh_bio_memory(sink, &bytes)
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    private static func withSource<Value>(
        _ text: String,
        _ read: (OpaquePointer) -> Value?
    ) -> Value? {
        var text = text
        return text.withUTF8 { bytes in
            guard let count = Int32(exactly: bytes.count), count > 0,
                let source = BIO_new_mem_buf(bytes.baseAddress, count)
            else { return nil }
            defer { BIO_free(source) }
            return read(source)
        }
    }
}

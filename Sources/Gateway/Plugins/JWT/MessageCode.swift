internal import COpenSSL

/// Keyed hashes of messages (RFC 2104).
enum MessageCode {
    /// Which hash a code is made with.
    enum Hash: Sendable {
        case sha1
        case sha256
        case sha384
        case sha512

        fileprivate var name: String {
            switch self {
            case .sha1: "SHA1"
            case .sha256: "SHA256"
            case .sha384: "SHA384"
            case .sha512: "SHA512"
            }
        }
    }

    /// The code of a message; nil when OpenSSL cannot make it.
    static func make(
        _ hash: Hash,
        key: [UInt8],
        _ message: UnsafeRawBufferPointer
    ) -> [UInt8]? {
        var code = [UInt8](repeating: 0, count: 64)
        var count = 0
        let bytes = message.bindMemory(to: UInt8.self)
        // An empty key has no address, which OpenSSL would take for no key at all.
        let key = key.isEmpty ? [0] : key
        let made = EVP_Q_mac(
            nil,
            "HMAC",
            nil,
            hash.name,
            nil,
            key,
            key.count,
            bytes.baseAddress,
            bytes.count,
            &code,
            code.count,
            &count
        )
        guard made != nil else {
            ERR_clear_error()
            return nil
        }
        return Array(code[..<count])
    }
}

internal import COpenSSL
import MeshEntities
import MeshPrimitives

/// A key pair that signs tokens, and checks one signature as `openssl speed` does.
final class TokenSigner {
    let algorithm: JWTSecret.Algorithm
    let publicKey: String
    private let key: OpaquePointer
    /// Prepared once, as by `openssl speed`.
    private let check: OpaquePointer
    private let digest = [UInt8](repeating: 7, count: Int(SHA256_DIGEST_LENGTH))
    private var sample: [UInt8] = []

    init(_ algorithm: JWTSecret.Algorithm) throws(TokenBenchmarkError) {
        guard let key = Self.makeKey(algorithm), let check = EVP_PKEY_CTX_new(key, nil) else {
            throw .openSSL
        }
        self.algorithm = algorithm
        self.key = key
        self.check = check
        self.publicKey = Self.text(of: key)
        guard EVP_PKEY_verify_init(check) == 1,
            EVP_PKEY_CTX_set_signature_md(check, EVP_sha256()) > 0
        else { throw .openSSL }
        self.sample = try self.signature(of: self.digest)
    }

    deinit {
        EVP_PKEY_CTX_free(self.check)
        EVP_PKEY_free(self.key)
    }

    /// Checks the signature of one digest.
    func verifySample() throws(TokenBenchmarkError) {
        let status = EVP_PKEY_verify(
            self.check,
            self.sample,
            self.sample.count,
            self.digest,
            self.digest.count
        )
        guard status == 1 else { throw .openSSL }
    }

    /// A signed token with these claims.
    func token(_ claims: String) throws(TokenBenchmarkError) -> String {
        let header = #"{"alg":"\#(self.algorithm.rawValue)","typ":"JWT"}"#
        let signed = [header, claims].map { Base64.encode(Array($0.utf8), alphabet: .url) }
            .joined(separator: ".")
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let bytes = Array(signed.utf8)
        guard EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else {
            throw .openSSL
        }
        var signature = try self.signature(of: digest)
        if self.algorithm == .es256 { signature = Self.numbers(in: signature) }
        return "\(signed).\(Base64.encode(signature, alphabet: .url))"
    }

    private func signature(of digest: [UInt8]) throws(TokenBenchmarkError) -> [UInt8] {
        guard let context = EVP_PKEY_CTX_new(self.key, nil) else { throw .openSSL }
        defer { EVP_PKEY_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 512)
        var count = signature.count
        guard EVP_PKEY_sign_init(context) == 1,
            EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) > 0,
            EVP_PKEY_sign(context, &signature, &count, digest, digest.count) == 1
        else { throw .openSSL }
        return Array(signature[..<count])
    }

    /// The two numbers of a DER sequence, 32 bytes each (RFC 7518 section 3.4).
    private static func numbers(in sequence: [UInt8]) -> [UInt8] {
        var numbers: [UInt8] = []
        var at = 2
        for _ in 0..<2 {
            let count = Int(sequence[at + 1])
            let digits = sequence[(at + 2)..<(at + 2 + count)].drop { $0 == 0 }
            numbers += [UInt8](repeating: 0, count: 32 - digits.count) + digits
            at += 2 + count
        }
        return numbers
    }

    private static func makeKey(_ algorithm: JWTSecret.Algorithm) -> OpaquePointer? {
        let isRSA = algorithm == .rs256
        guard let context = EVP_PKEY_CTX_new_from_name(nil, isRSA ? "RSA" : "EC", nil) else {
            return nil
        }
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_keygen_init(context) == 1,
            (isRSA
                ? EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2_048)
                : EVP_PKEY_CTX_set_group_name(context, "P-256")) == 1
        else { return nil }
        var key: OpaquePointer?
        return EVP_PKEY_generate(context, &key) == 1 ? key : nil
    }

    /// The public half in PEM.
    private static func text(of key: OpaquePointer) -> String {
        guard let memory = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(memory) }
        var bytes: UnsafeMutablePointer<CChar>?
        guard PEM_write_bio_PUBKEY(memory, key) == 1 else { return "" }
        let count = mesh_bio_memory(memory, &bytes)
        return String(
            decoding: UnsafeRawBufferPointer(start: bytes, count: count),
            as: UTF8.self
        )
    }
}

/// Texts of tokens that mean the same.
enum TokenText {
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )
    private static let values: [UInt8] = (0...255).map { byte in
        UInt8(Self.digits.firstIndex(of: byte) ?? 0)
    }

    /// One of the 16 last digits that mean the same as this one, of signatures whose last digit has two
    /// bits that count.
    static func digit(like digit: UInt8, number: Int) -> UInt8 {
        Self.digits[Int(Self.values[Int(digit)] & 0x30) | number & 0xF]
    }
}

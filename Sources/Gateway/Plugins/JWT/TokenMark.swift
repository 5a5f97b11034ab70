internal import CSodium

extension PluginMark {
    /// What stands for a token that was found signed with a public key, so that a token that comes again
    /// costs a look-up.
    ///
    /// 128 bits of SipHash-2-4 of the whole token under a secret of the process, and over them the key's
    /// fingerprint: with another key, or another signature, it is never found.
    init(_ token: UnsafeRawBufferPointer, signedWith key: PublicKey, secret: [UInt8]) {
        precondition(secret.count >= Int(crypto_shorthash_siphashx24_KEYBYTES))
        let bytes = token.bindMemory(to: UInt8.self)
        var code = (UInt64(0), UInt64(0))
        withUnsafeMutableBytes(of: &code) { code in
            guard let room = code.bindMemory(to: UInt8.self).baseAddress else { return }
            _ = crypto_shorthash_siphashx24(room, bytes.baseAddress, UInt64(bytes.count), secret)
        }
        self.init(high: code.0 ^ key.fingerprint.high, low: code.1 ^ key.fingerprint.low)
    }
}

internal import CSodium

extension PluginMark {
    /// What stands for a token that was found signed with a public key, so that a token that comes again
    /// costs a look-up.
    ///
    /// 128 bits of SipHash-2-4 under a secret of the process, over the key's fingerprint and the whole
    /// token: with another key, or another signature, it is never found.
    init(_ token: [UInt8], signedWith key: PublicKey, secret: [UInt8]) {
        var text: [UInt8] = []
        text.reserveCapacity(key.fingerprint.count + token.count)
        text += key.fingerprint
        text += token
        let bytes = [UInt8](unsafeUninitializedCapacity: 16) { room, count in
            guard let start = room.baseAddress else { return }
            _ = crypto_shorthash_siphashx24(start, text, UInt64(text.count), secret)
            count = 16
        }
        self.init(bytes)
    }
}

internal import CSodium
import MeshEntities

extension PluginMark {
    /// What stands for a pair of a hash and a password that were found to belong together, so that a
    /// request with a known password costs a look-up.
    ///
    /// 128 bits of BLAKE2b under a secret of the process; a password that was changed has another
    /// hash, and is never found.
    init(_ credential: EntityID, _ hash: String, _ password: [UInt8], secret: [UInt8]) {
        let text = Array("\(credential)\n\(hash)\n".utf8) + password
        var bytes = [UInt8](repeating: 0, count: 16)
        crypto_generichash(
            &bytes,
            bytes.count,
            text,
            UInt64(text.count),
            secret,
            secret.count
        )
        self.init(bytes)
    }
}

import Foundation
import MeshDataPlane
import MeshTLS

/// The certificate that a node makes for itself at its first start, as Kong does, and keeps.
///
/// It serves names that no SNI covers, until an operator gives a better one. Its key never leaves
/// the node: another node makes its own.
enum DefaultCertificate {
    /// The file's name in the data directory: the certificate, then the key.
    static let fileName = "default-tls.pem"

    /// Reads the certificate of a data directory, or makes one.
    ///
    /// - Parameters:
    ///   - directory: the data directory; must exist.
    ///   - now: Unix seconds.
    /// - Returns: the certificate with its key.
    /// - Throws: ``SettingsError`` when the file is damaged or cannot be written.
    static func load(directory: String, now: Int) throws(SettingsError) -> CertificateText {
        let path = directory + "/" + Self.fileName
        if let content = FileManager.default.contents(atPath: path) {
            let text = String(decoding: content, as: UTF8.self)
            guard let chain = TLSCertificate.chain(pem: text),
                TLSCertificate.isMatch(certificatePEM: text, keyPEM: text)
            else {
                throw .unreadable(
                    file: path,
                    reason: "is damaged; remove it, and the node makes a new one"
                )
            }
            if let first = chain.first, !first.isExpired(at: now) {
                return CertificateText(certificate: text, key: text)
            }
        }
        guard let made = TLSCertificate.selfSigned(keyType: .ecdsa, now: now) else {
            throw .unreadable(file: path, reason: "OpenSSL could not make a certificate")
        }
        try Self.write(made.certificate + made.key, to: path)
        return CertificateText(certificate: made.certificate, key: made.key)
    }

    /// Writes a file that only its owner can read, whole or not at all.
    private static func write(_ text: String, to path: String) throws(SettingsError) {
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.unwritable(path) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data(text.utf8))
            try file.synchronize()
            try file.close()
        } catch {
            unlink(temporary)
            throw Self.unwritable(path)
        }
        guard rename(temporary, path) == 0 else { throw Self.unwritable(path) }
    }

    private static func unwritable(_ path: String) -> SettingsError {
        .unreadable(
            file: path,
            reason: "cannot be written (\(String(cString: strerror(errno)))); "
                + "give proxy.tls_certificate and proxy.tls_key, or make its directory writable"
        )
    }
}

import MeshAdmin
public import MeshPrimitives
import MeshTLS

/// Where the Admin API listens and who may use it.
public struct AdminSettings: Equatable, Sendable {
    /// `admin.listen`: beyond loopback only with TLS and with tokens or client certificates.
    ///
    /// Default: `127.0.0.1:8001`.
    public var listen: Endpoint
    /// `admin.socket`: a unix socket, mode 0660, whose openers may write.
    ///
    /// Default: none.
    public var socket: String?
    /// `admin.tls_cert`: the chain that ``listen`` shows, PEM.
    public var certificate: String?
    /// `admin.tls_key`: its key, PEM; others may not read it.
    public var key: String?
    /// `admin.client_ca`: authorities of client certificates, PEM.
    ///
    /// Without ``tokens`` every client must show a certificate and may then write; with it, the
    /// certificates that it names by their common name have the role it gives them.
    public var clientAuthorities: String?
    /// `admin.tokens_file`: lines of `ROLE NAME TOKEN`; others may not read it.
    public var tokens: String?
    /// What the files hold, once they are read.
    public var files = Files()

    /// What the files of these settings hold.
    public struct Files: Equatable, Sendable {
        /// The certificate and its key, PEM.
        var identity: TLSIdentity?
        /// Authorities of client certificates, PEM.
        var clientAuthorities: String?
        /// Who may ask.
        var credentials: AdminCredentials?
    }

    /// The settings as shown to operators hold paths only, never what stands in the files.
    init(listen: Endpoint) { self.listen = listen }

    /// Returns `self` if the settings hold together.
    ///
    /// - Returns: the same settings.
    /// - Throws: ``SettingsError`` for the first that does not.
    func validated() throws(SettingsError) -> AdminSettings {
        guard (self.certificate == nil) == (self.key == nil) else {
            throw .missing(
                field: self.key == nil ? "admin.tls_key" : "admin.tls_cert",
                remedy: "set both admin.tls_cert and admin.tls_key, or neither"
            )
        }
        guard self.clientAuthorities == nil || self.certificate != nil else {
            throw .missing(
                field: "admin.tls_cert",
                remedy: "admin.client_ca needs TLS: set admin.tls_cert and admin.tls_key"
            )
        }
        guard !self.listen.address.isLoopback else { return self }
        guard self.certificate != nil else {
            throw .conflict(
                field: "admin.listen",
                value: "\(self.listen)",
                remedy: "beyond loopback it needs TLS: set admin.tls_cert and admin.tls_key"
            )
        }
        guard self.tokens != nil || self.clientAuthorities != nil else {
            throw .conflict(
                field: "admin.listen",
                value: "\(self.listen)",
                remedy: "beyond loopback it must know who asks: set admin.tokens_file, "
                    + "or admin.client_ca for client certificates"
            )
        }
        return self
    }

    /// Reads the files.
    ///
    /// - Parameter read: reads one file; refuses one of secrets that others can read.
    /// - Returns: the settings with what the files hold.
    /// - Throws: ``SettingsError`` for the first file that cannot be used.
    func loaded(
        reading read: (_ field: String, _ path: String, _ isSecret: Bool) throws(SettingsError)
            -> String
    ) throws(SettingsError) -> AdminSettings {
        var loaded = self
        if let certificate, let key {
            let identity = TLSIdentity(
                id: "admin.tls_cert",
                certificate: try read("admin.tls_cert", certificate, false),
                key: try read("admin.tls_key", key, true)
            )
            let pair = identity.main
            guard
                TLSCertificate.isMatch(certificatePEM: pair.certificate, keyPEM: pair.key)
            else {
                throw .conflict(
                    field: "admin.tls_key",
                    value: key,
                    remedy: "it must be the key of admin.tls_cert, both as PEM, not encrypted"
                )
            }
            loaded.files.identity = identity
        }
        if let path = self.clientAuthorities {
            loaded.files.clientAuthorities = try read("admin.client_ca", path, false)
        }
        if let path = self.tokens {
            loaded.files.credentials = try self.credentials(
                try read("admin.tokens_file", path, true),
                path
            )
        }
        return loaded
    }

    private func credentials(
        _ text: String,
        _ path: String
    ) throws(SettingsError) -> AdminCredentials {
        let credentials: AdminCredentials
        do {
            credentials = try AdminCredentials(parsing: text)
        } catch {
            throw .unreadable(file: path, reason: error.description)
        }
        guard !credentials.isEmpty else {
            throw .unreadable(
                file: path,
                reason: "names nobody; write lines like 'write alice TOKEN'"
            )
        }
        guard !credentials.usesCertificates || self.clientAuthorities != nil else {
            throw .missing(
                field: "admin.client_ca",
                remedy: "\(path) knows somebody by certificate: name the authorities"
            )
        }
        return credentials
    }

    /// TLS as ``listen`` speaks it; `nil` for none.
    ///
    /// - Throws: ``SettingsError`` when a certificate cannot be used.
    func tlsContext() throws(SettingsError) -> TLSServerContext? {
        guard let identity = self.files.identity else { return nil }
        var settings = TLSServerSettings(defaultIdentity: identity)
        settings.offersHTTP2 = false
        if let authorities = self.files.clientAuthorities {
            settings.clientAuthorities = [authorities]
            settings.clientCertificates = self.files.credentials == nil ? .required : .optional
        }
        do {
            return try TLSServerContext(settings)
        } catch {
            throw .conflict(
                field: "admin.tls_cert",
                value: self.certificate ?? "",
                remedy: error.description
            )
        }
    }
}

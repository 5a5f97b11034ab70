internal import MeshTLS

/// Whom a client trusts, and how it says who it is.
public struct AdminClientSecurity: Sendable {
    /// The token that every request carries; `nil` for none.
    public var token: String?
    let context: TLSClientContext?

    /// Whoever listens is trusted by the system's authorities, and told nothing.
    public static let none = AdminClientSecurity(context: nil)

    private init(context: TLSClientContext?) {
        self.token = nil
        self.context = context
    }

    /// Creates one.
    ///
    /// - Parameters:
    ///   - token: what every request carries; `nil` for none.
    ///   - authorities: the only authorities that are trusted, PEM; `nil` for the system's.
    ///   - certificate: the client's chain and key, PEM; `nil` for none.
    /// - Throws: ``AdminClientError/unusable(reason:)`` for a file that is none of these.
    public init(
        token: String?,
        authorities: String?,
        certificate: (chain: String, key: String)?
    ) throws(AdminClientError) {
        self.token = token
        var settings = TLSClientSettings()
        settings.verifies = true
        if let authorities { settings.authorities = [authorities] }
        if let certificate {
            settings.identity = TLSIdentity(
                id: "--cert",
                certificate: certificate.chain,
                key: certificate.key
            )
        }
        do {
            self.context = try TLSClientContext(settings)
        } catch {
            throw .unusable(reason: error.description)
        }
    }

    /// One session towards a server of this name.
    func session(name: String) -> TLSMemorySession? {
        var settings = TLSClientSettings()
        settings.verifies = true
        let context = self.context ?? (try? TLSClientContext(settings))
        return context.flatMap { TLSMemorySession($0, name: name) }
    }
}

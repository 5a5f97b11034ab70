import HTTPTypes

/// Decides who asks and what he may do, before anything of the request is believed.
struct AdminAccess: Sendable {
    /// How requests reach the listener.
    let way: String
    /// Who may ask; `nil` lets everybody who reaches the listener write.
    let security: AdminSecurity

    /// Who asks; `nil` when nobody known does.
    ///
    /// Takes `Authorization: Bearer`, Kong's `Kong-Admin-Token`, or the client certificate.
    func holder(
        authorization: String?,
        kongToken: String?,
        certificate: String?
    ) -> AdminCredentials.Holder? {
        guard let credentials = self.security.credentials else {
            return AdminCredentials.Holder(name: certificate ?? self.way, role: .write)
        }
        if let token = kongToken ?? authorization.flatMap(Self.bearer) {
            return credentials.holder(ofToken: token)
        }
        return certificate.flatMap { credentials.holder(ofCertificate: $0) }
    }

    private static func bearer(_ field: String) -> String? {
        let words = field.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }

    /// The answer to somebody who is not known.
    static let unauthorized: AdminAnswer = {
        var answer = AdminAnswer.message("Unauthorized", status: 401)
        answer.headers = [
            ("WWW-Authenticate", "Bearer realm=\"meshgate\""), ("Connection", "close"),
        ]
        return answer
    }()

    /// The answer to somebody who may only read.
    static let forbidden: AdminAnswer = {
        var answer = AdminAnswer.message("Forbidden: the role 'read' may not do this", status: 403)
        answer.headers = [("Connection", "close")]
        return answer
    }()
}

import MeshEntities

/// Consumers by the names that their certificates bear.
final class CertificateNames: Sendable {
    private struct Key: Hashable {
        let name: String
        /// nil: any authority.
        let authority: EntityID?
    }

    private let credentials: EntityList<CertificateCredential>
    private let owners: [Key: EntityID]

    /// Makes a table, or gives the one before if nothing in it changed.
    static func make(
        _ credentials: EntityList<CertificateCredential>,
        reusing previous: CertificateNames?
    ) -> CertificateNames {
        if let previous, previous.credentials == credentials { return previous }
        return CertificateNames(credentials)
    }

    private init(_ credentials: EntityList<CertificateCredential>) {
        self.credentials = credentials
        self.owners = Dictionary(
            credentials.map { credential in
                (
                    Key(name: credential.subjectName, authority: credential.authority),
                    credential.consumer
                )
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Whose certificate bears a name for which an authority vouches; what names the authority counts
    /// first.
    func owner(of name: String, _ authority: EntityID) -> EntityID? {
        guard !self.owners.isEmpty else { return nil }
        return self.owners[Key(name: name, authority: authority)]
            ?? self.owners[Key(name: name, authority: nil)]
    }
}

import MeshEntities

/// The credentials of one kind by what a client names them by.
final class CredentialTable<Credential: GatewayEntity>: Sendable {
    let credentials: EntityList<Credential>
    private let keys: KeyTable

    /// Makes a table, or gives the one before if nothing in it changed.
    static func make(
        _ credentials: EntityList<Credential>,
        reusing previous: CredentialTable?
    ) -> CredentialTable {
        if let previous, previous.credentials == credentials { return previous }
        return CredentialTable(credentials)
    }

    private init(_ credentials: EntityList<Credential>) {
        self.credentials = credentials
        self.keys = KeyTable(credentials.lazy.map { $0.naturalKey ?? "" })
    }

    /// The credential that a client names.
    func credential(named key: UnsafeRawBufferPointer) -> Credential? {
        self.keys.number(of: key).map { self.credentials[$0] }
    }

    /// Whose credential a client names, and its id.
    func owner(of key: UnsafeRawBufferPointer) -> (consumer: EntityID, credential: EntityID)?
    where Credential: OwnedCredential {
        guard let number = self.keys.number(of: key) else { return nil }
        return (self.credentials[number].consumer, self.credentials[number].id)
    }

    /// The credential that a client names.
    func credential(named key: String) -> Credential? {
        var key = key
        return key.withUTF8 { self.credential(named: UnsafeRawBufferPointer($0)) }
    }
}

/// A credential that belongs to a consumer.
protocol OwnedCredential: GatewayEntity {
    var consumer: EntityID { get }
}

extension KeyCredential: OwnedCredential {}

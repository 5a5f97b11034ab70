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

    /// The number of the credential that a client names.
    func number(of key: UnsafeRawBufferPointer) -> Int? { self.keys.number(of: key) }

    /// The credential that a client names.
    func credential(named key: String) -> Credential? {
        var key = key
        return key.withUTF8 { self.credential(named: UnsafeRawBufferPointer($0)) }
    }
}

internal import COpenSSL

/// Which clients are asked for a certificate that something behind the handshake looks at.
///
/// The handshake accepts any certificate, and none; sessions of these clients are not resumed, since a
/// ticket would lose the certificates between theirs and an authority's.
public struct TLSCertificateRequest: Equatable, Sendable {
    /// Server names in lower case, with at most one label `*` at either end; nil for every client.
    public var names: [String]?
    /// Authorities whose names the client is told, PEM; empty: none, it shows what it has.
    public var authorities: [String]

    /// Asks clients for certificates.
    public init(names: [String]?, authorities: [String] = []) {
        self.names = names
        self.authorities = authorities
    }
}

/// Requests as a handshake looks them up.
final class CertificateRequests: Sendable {
    /// Names of authorities, by number; nil where none are told.
    private nonisolated(unsafe) let lists: [OpaquePointer?]
    private let names: ServerNames
    /// What clients are asked that name no server, or one that is not in ``names``.
    private let everybody: Int?

    /// Requests that ask for one name together tell all their authorities, unless one tells none.
    init(_ requests: [TLSCertificateRequest]) {
        var told: [String: [String]] = [:]
        var everybody: [String]?
        for request in requests {
            for name in request.names ?? [] {
                told[name] = Self.merged(told[name], request.authorities)
            }
            guard request.names == nil else { continue }
            everybody = Self.merged(everybody, request.authorities)
        }
        var names = ServerNames()
        var lists: [OpaquePointer?] = []
        for (name, texts) in told.sorted(by: { $0.key < $1.key }) {
            guard ServerNames.isValid(name), names.insert(name, index: lists.count) else {
                continue
            }
            lists.append(Self.list(texts))
        }
        self.everybody = everybody == nil ? nil : lists.count
        if let everybody { lists.append(Self.list(everybody)) }
        self.names = names
        self.lists = lists
    }

    deinit { for list in self.lists { if let list { mesh_authority_names_free(list) } } }

    private static func merged(_ old: [String]?, _ new: [String]) -> [String] {
        guard let old else { return new }
        return old.isEmpty || new.isEmpty ? [] : old + new.filter { !old.contains($0) }
    }

    private static func list(_ texts: [String]) -> OpaquePointer? {
        guard !texts.isEmpty, let list = mesh_authority_names() else { return nil }
        for text in texts {
            let found = PEMText.certificates(text) ?? []
            for certificate in found {
                _ = mesh_authority_names_add(list, certificate)
                X509_free(certificate)
            }
        }
        ERR_clear_error()
        return list
    }

    private func number(of name: UnsafeRawBufferPointer) -> Int? {
        guard !name.isEmpty else { return self.everybody }
        return self.names.index(of: String(decoding: name, as: UTF8.self)) ?? self.everybody
    }

    /// Whether a client that names this server, in lower case, is asked.
    func asks(_ name: UnsafeRawBufferPointer) -> Bool { self.number(of: name) != nil }

    /// Asks the client of a handshake, if it is one of those; false when OpenSSL has no memory.
    func ask(_ ssl: OpaquePointer, _ name: UnsafeRawBufferPointer) -> Bool {
        guard let number = self.number(of: name) else { return true }
        return mesh_ssl_request_certificate(ssl, self.lists[number]) == 1
    }
}

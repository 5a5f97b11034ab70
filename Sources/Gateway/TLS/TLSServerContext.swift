internal import COpenSSL

/// What a listener shows: certificates by server name, never changed after it is made.
///
/// Built off the workers and shared by all of them. A session keeps its context alive, so a
/// changed configuration is a new context for new connections, and drops none.
public final class TLSServerContext: Sendable {
    nonisolated(unsafe) let pointer: OpaquePointer
    let ticketKeys: TLSTicketKeys?
    let keyLog: Int32?
    /// Who is asked for a certificate beyond what the whole context asks; nil: nobody.
    let requests: CertificateRequests?
    /// Whether every client is asked for a certificate that the handshake checks.
    let asksEverybody: Bool
    /// Protocols in ALPN's wire form, by preference; empty: an offer is not answered.
    let protocols: [UInt8]
    private let identities: [LoadedIdentity]
    private let names: ServerNames

    /// Reads and checks everything; takes milliseconds for many certificates.
    ///
    /// - Parameters:
    ///   - settings: what to show.
    ///   - previous: a context whose unchanged certificates are used again, not read again.
    /// - Throws: ``TLSConfigurationError`` for the first value that cannot be used.
    public init(
        _ settings: TLSServerSettings,
        reusing previous: TLSServerContext? = nil
    ) throws(TLSConfigurationError) {
        try Self.check(settings)
        let sources = [settings.defaultIdentity] + settings.identities
        self.identities = try Self.load(sources, reusing: previous)
        self.names = try Self.names(of: sources)
        self.ticketKeys = settings.ticketKeys
        self.keyLog = settings.keyLog
        self.requests =
            settings.certificateRequests.isEmpty
            ? nil : CertificateRequests(settings.certificateRequests)
        self.asksEverybody = settings.clientCertificates != .none
        self.protocols = Self.protocols(of: settings)
        self.pointer = try Self.makeContext(settings)
        SSL_CTX_set_ex_data(self.pointer, 0, Unmanaged.passUnretained(self).toOpaque())
        self.setCallbacks()
    }

    deinit { SSL_CTX_free(self.pointer) }

    /// The identity for a lower-case server name; the default's for an empty or unknown one.
    func identity(for name: UnsafeRawBufferPointer) -> LoadedIdentity {
        guard !name.isEmpty, let index = self.names.index(of: String(decoding: name, as: UTF8.self))
        else { return self.identities[0] }
        return self.identities[index]
    }

    /// Whether one certificate is named for both server names, which are in lower case: then a client
    /// may use one connection for both.
    public func showsSame(
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer
    ) -> Bool {
        let index = self.names.index(of: String(decoding: first, as: UTF8.self))
        let other = self.names.index(of: String(decoding: second, as: UTF8.self))
        return index != nil && index == other
    }

    private static func load(
        _ sources: [TLSIdentity],
        reusing previous: TLSServerContext?
    ) throws(TLSConfigurationError) -> [LoadedIdentity] {
        var known: [String: LoadedIdentity] = [:]
        for identity in previous?.identities ?? [] { known[identity.source.id] = identity }
        let trial = IdentityTrial()
        var loaded: [LoadedIdentity] = []
        loaded.reserveCapacity(sources.count)
        for source in sources {
            if let old = known[source.id], old.source.holdsSamePairs(as: source) {
                loaded.append(old)
            } else {
                let identity = try LoadedIdentity(source)
                try trial.check(identity)
                loaded.append(identity)
            }
        }
        return loaded
    }

    private static func names(
        of sources: [TLSIdentity]
    ) throws(TLSConfigurationError) -> ServerNames {
        var names = ServerNames()
        for (index, source) in sources.enumerated() {
            for name in source.names {
                guard ServerNames.isValid(name) else {
                    throw .refused(
                        owner: source.id,
                        field: "snis",
                        value: name,
                        remedy: "give a host name, with at most one label * at either end, or *"
                    )
                }
                guard names.insert(name, index: index) else {
                    throw .refused(
                        owner: source.id,
                        field: "snis",
                        value: name,
                        remedy: "another certificate has this name; give each name once"
                    )
                }
            }
        }
        return names
    }

    private static func protocols(of settings: TLSServerSettings) -> [UInt8] {
        guard settings.application == .http else { return [] }
        let names = settings.offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
        return names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    }

    private static func check(_ settings: TLSServerSettings) throws(TLSConfigurationError) {
        guard (1...604_800).contains(settings.ticketLifetime) else {
            throw .refused(
                owner: "listener",
                field: "ticketLifetime",
                value: "\(settings.ticketLifetime)",
                remedy: "give 1 to 604800 seconds"
            )
        }
        guard (0...8).contains(settings.ticketCount) else {
            throw .refused(
                owner: "listener",
                field: "ticketCount",
                value: "\(settings.ticketCount)",
                remedy: "give 0 to 8"
            )
        }
        guard (0...64).contains(settings.clientDepth) else {
            throw .refused(
                owner: "listener",
                field: "clientDepth",
                value: "\(settings.clientDepth)",
                remedy: "give 0 to 64"
            )
        }
        guard settings.clientCertificates == .none || !settings.clientAuthorities.isEmpty else {
            throw .refused(
                owner: "listener",
                field: "clientAuthorities",
                value: "empty",
                remedy: "name the authorities of client certificates, or ask for none"
            )
        }
    }
}

extension TLSIdentity {
    /// Whether certificates, keys and responses are equal; names may differ.
    fileprivate func holdsSamePairs(as other: TLSIdentity) -> Bool {
        self.main == other.main && self.alternate == other.alternate
    }
}

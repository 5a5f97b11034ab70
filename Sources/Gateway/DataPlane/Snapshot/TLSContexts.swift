internal import CMeshSystem
internal import Glibc
internal import MeshEntities
internal import MeshPlugins
internal import MeshTLS

/// The TLS contexts of one installation: what listeners show, and how targets are spoken to.
///
/// Made off the workers; those of unchanged settings are used again, so that a change of routes costs
/// no certificate.
final class TLSContexts: Sendable {
    /// Of TLS listeners for HTTP; `nil` when there is no certificate to show.
    let server: TLSServerContext?
    /// Of TLS listeners for streams.
    let stream: TLSServerContext?
    /// What the listeners' contexts were made of.
    let serverSettings: TLSServerSettings?
    private let targets: [HopIdentity: TLSClientContext]
    private let targetSettings: [HopIdentity: TLSClientSettings]

    /// No listener and no target speaks TLS.
    init() {
        self.server = nil
        self.stream = nil
        self.serverSettings = nil
        self.targets = [:]
        self.targetSettings = [:]
    }

    /// Makes the contexts of a snapshot.
    ///
    /// - Throws: ``SnapshotError/tls(_:)`` naming the certificate that cannot be used.
    init(
        _ snapshot: Snapshot,
        _ plan: TLSPlan,
        previous: TLSContexts
    ) throws(SnapshotError) {
        do {
            let settings = plan.serverSettings(snapshot)
            self.serverSettings = settings
            if settings == previous.serverSettings {
                self.server = previous.server
                self.stream = previous.stream
            } else {
                self.server = try Self.context(settings, .http, previous.server)
                self.stream = try Self.context(settings, .stream, self.server)
            }
            var targets: [HopIdentity: TLSClientContext] = [:]
            var kept: [HopIdentity: TLSClientSettings] = [:]
            for identity in Set(snapshot.identities.joined()) {
                guard let settings = plan.clientSettings(identity, snapshot) else { continue }
                kept[identity] = settings
                if previous.targetSettings[identity] == settings,
                    let context = previous.targets[identity]
                {
                    targets[identity] = context
                } else {
                    targets[identity] = try TLSClientContext(settings)
                }
            }
            self.targets = targets
            self.targetSettings = kept
        } catch {
            throw .tls("\(error)")
        }
    }

    private static func context(
        _ settings: TLSServerSettings?,
        _ application: TLSServerSettings.Application,
        _ previous: TLSServerContext?
    ) throws(TLSConfigurationError) -> TLSServerContext? {
        guard var settings else { return nil }
        settings.application = application
        return try TLSServerContext(settings, reusing: previous)
    }

    /// The context for targets that are spoken to in one way.
    func target(_ identity: HopIdentity) -> TLSClientContext? { self.targets[identity] }
}

/// What the node's settings say of TLS, as the contexts need it.
struct TLSPlan: Sendable {
    private let listeners: ListenerTLS
    private let verifiesTargets: Bool
    private let speaksTLS: Bool
    private let keyLog: Int32?
    let ticketKeys: TLSTicketKeys?

    init(_ configuration: DataPlaneConfiguration) {
        self.listeners = configuration.tls
        self.verifiesTargets = configuration.verifiesTargets
        self.speaksTLS =
            !configuration.tlsListen.isEmpty
            || configuration.streamListen.contains { $0.kind == .tls }
        self.keyLog = configuration.tls.keyLog.flatMap { path in
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            return descriptor >= 0 ? descriptor : nil
        }
        self.ticketKeys = TLSTicketKeys.Key.random().map { TLSTicketKeys(current: $0) }
    }

    func serverSettings(_ snapshot: Snapshot) -> TLSServerSettings? {
        guard self.speaksTLS, let text = self.listeners.defaultCertificate else { return nil }
        var settings = TLSServerSettings(
            defaultIdentity: TLSIdentity(
                id: "default",
                certificate: text.certificate,
                key: text.key
            )
        )
        settings.identities = snapshot.certificates.map { certificate in
            let names = snapshot.snis.filter { $0.certificate == certificate.id }.map(\.name)
            return self.identity(certificate, names: names)
        }
        settings.ticketKeys = self.ticketKeys
        settings.ticketLifetime = Int(self.listeners.ticketRotation.components.seconds)
        settings.keyLog = self.keyLog
        if let authorities = self.listeners.clientAuthorities {
            settings.clientAuthorities = [authorities]
        }
        settings.certificateRequests = snapshot.certificateDemands.map { demand in
            TLSCertificateRequest(
                names: demand.names,
                authorities: demand.authorities.compactMap { id in
                    snapshot.authorities.first { $0.id == id }?.cert
                }
            )
        }
        switch self.listeners.clientCertificates {
        case .off: settings.clientCertificates = .none
        case .optional: settings.clientCertificates = .optional
        case .required: settings.clientCertificates = .required
        }
        return settings
    }

    private func identity(_ certificate: Certificate, names: [String]) -> TLSIdentity {
        var identity = TLSIdentity(
            id: certificate.id.description,
            certificate: certificate.cert,
            key: certificate.key,
            names: names
        )
        identity.main.ocspResponse = self.staple(certificate.id)
        if let alternate = certificate.certAlt, let key = certificate.keyAlt {
            identity.alternate = TLSIdentity.Pair(certificate: alternate, key: key)
        }
        return identity
    }

    /// The OCSP response that the operator put beside, if there is one that clients would believe:
    /// one that is too old, or says that the certificate is revoked, does worse than none.
    private func staple(_ certificate: EntityID) -> [UInt8]? {
        guard let directory = self.listeners.ocspDirectory,
            let file = fopen("\(directory)/\(certificate).der", "rbe")
        else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, file)
        let response = Array(bytes.prefix(count))
        let seconds = Int(mesh_clock_wall_milliseconds() / 1_000)
        guard let statement = OCSPStatement(response: response), statement.isUseful(at: seconds)
        else { return nil }
        return response
    }

    func clientSettings(_ identity: HopIdentity, _ snapshot: Snapshot) -> TLSClientSettings? {
        guard let policy = identity.tls else { return nil }
        var settings = TLSClientSettings()
        settings.verifies = policy.verifies ?? self.verifiesTargets
        settings.depth = policy.depth
        settings.authorities = policy.authorities.compactMap { id in
            snapshot.authorities.first { $0.id == id }?.cert
        }
        settings.protocols = identity.protocol == .http2 ? ["h2"] : ["http/1.1"]
        settings.keyLog = self.keyLog
        if let id = policy.clientCertificate,
            let certificate = snapshot.certificates.first(where: { $0.id == id })
        {
            settings.identity = self.identity(certificate, names: [])
        }
        return settings
    }
}

internal import CLDAP
internal import CMeshSystem
internal import Glibc
internal import MeshPlugins
internal import Synchronization

/// Asks directories by OpenLDAP's library on threads of its own, over connections that are kept.
final class OutsideDirectory: PluginDirectory {
    /// Threads in all: so many directories' answers are waited for at once, others wait.
    private static let threadCount = 16
    /// Most idle connections to one directory.
    private static let idleLimit = 16
    /// Most directories whose connections are kept.
    private static let placeLimit = 64

    private struct Idle {
        let link: DirectoryLink
        /// Milliseconds of the monotonic clock.
        let until: Int64
    }

    private let threads = OutsideThreads(count: OutsideDirectory.threadCount)
    private let idle = Mutex<[DirectoryPlace: [Idle]]>([:])

    func check(
        _ place: DirectoryPlace,
        _ logins: [DirectoryLogin],
        _ done: @escaping @Sendable ([DirectoryFinding]) -> Void
    ) -> Bool {
        self.threads.run {
            var findings: [DirectoryFinding] = []
            for login in logins {
                let finding = self.check(place, login)
                findings.append(finding)
                guard case .wrong = finding else { break }
            }
            done(findings)
        }
    }

    /// Ends the threads.
    func stop() {
        self.threads.stop()
        self.idle.withLock { $0 = [:] }
    }

    /// A kept connection may have ended meanwhile: then a new one has its turn.
    private func check(_ place: DirectoryPlace, _ login: DirectoryLogin) -> DirectoryFinding {
        while let kept = self.take(place) {
            guard let finding = kept.bind(login) else { continue }
            self.keep(kept, place)
            return finding
        }
        guard let link = DirectoryLink(place), let finding = link.bind(login) else {
            return .undecided
        }
        self.keep(link, place)
        return finding
    }

    private func take(_ place: DirectoryPlace) -> DirectoryLink? {
        let now = mesh_clock_nanoseconds() / 1_000_000
        return self.idle.withLock { idle in
            while let kept = idle[place]?.popLast() {
                if now < kept.until { return kept.link }
            }
            return nil
        }
    }

    private func keep(_ link: DirectoryLink, _ place: DirectoryPlace) {
        guard place.keptMilliseconds > 0 else { return }
        let until = mesh_clock_nanoseconds() / 1_000_000 + place.keptMilliseconds
        self.idle.withLock { idle in
            if idle.count >= Self.placeLimit, idle[place] == nil { idle = [:] }
            guard idle[place, default: []].count < Self.idleLimit else { return }
            idle[place, default: []].append(Idle(link: link, until: until))
        }
    }
}

/// One connection to a directory; used by one thread at a time, as whoever took it knows.
private final class DirectoryLink: Sendable {
    /// Debian's list of authorities.
    private static let authorities = "/etc/ssl/certs/ca-certificates.crt"
    /// Result codes that say nothing of the password (RFC 4511 appendix A).
    private static let others: Set<Int32> = [
        LDAP_OPERATIONS_ERROR, LDAP_PROTOCOL_ERROR, LDAP_TIMELIMIT_EXCEEDED,
        LDAP_STRONG_AUTH_REQUIRED, LDAP_ADMINLIMIT_EXCEEDED, LDAP_CONFIDENTIALITY_REQUIRED,
        LDAP_BUSY, LDAP_UNAVAILABLE, LDAP_LOOP_DETECT, LDAP_OTHER, LDAP_REFERRAL,
    ]

    private nonisolated(unsafe) let handle: OpaquePointer

    /// A connection, with TLS if the place asks for it; nil when that fails.
    init?(_ place: DirectoryPlace) {
        let host = place.host.contains(":") ? "[\(place.host)]" : place.host
        let scheme = place.security == .always ? "ldaps" : "ldap"
        let hasFile = access(Self.authorities, R_OK) == 0
        let opened = Self.authorities.withCString { file in
            var settings = mesh_ldap_settings(
                milliseconds: Int32(clamping: place.milliseconds),
                verifies: place.verifies ? 1 : 0,
                authorities: hasFile ? file : nil
            )
            return mesh_ldap_open("\(scheme)://\(host):\(place.port)", &settings)
        }
        guard let opened else { return nil }
        if place.security == .started, mesh_ldap_secure(opened) != LDAP_SUCCESS {
            mesh_ldap_close(opened)
            return nil
        }
        self.handle = opened
    }

    deinit { mesh_ldap_close(self.handle) }

    /// Shows a password; nil when no answer comes, so that the connection is of no use any more.
    func bind(_ login: DirectoryLogin) -> DirectoryFinding? {
        let code = login.password.withUnsafeBufferPointer { password in
            password.withMemoryRebound(to: CChar.self) { password in
                mesh_ldap_bind(self.handle, login.name, password.baseAddress, password.count)
            }
        }
        switch code {
        case LDAP_SUCCESS: return .right
        case ..<0: return nil
        case let code where Self.others.contains(code): return .undecided
        default: return .wrong
        }
    }
}

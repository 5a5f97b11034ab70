public import MeshTLS
import Synchronization

/// TLS and credentials of a listener, which can be replaced while it runs.
public final class AdminSecurity: Sendable {
    private struct Current {
        var tls: TLSServerContext?
        var credentials: AdminCredentials?
    }

    private let current: Mutex<Current>
    /// Whether the listener speaks TLS; does not change.
    let isEncrypted: Bool

    /// Creates what a listener begins with: no TLS, everybody may write, unless given.
    public init(tls: TLSServerContext? = nil, credentials: AdminCredentials? = nil) {
        self.isEncrypted = tls != nil
        self.current = Mutex(Current(tls: tls, credentials: credentials))
    }

    /// Takes others for connections and requests from now on.
    ///
    /// What is `nil` stays as it was, so that a listener never becomes open by it.
    public func replace(tls: TLSServerContext?, credentials: AdminCredentials?) {
        self.current.withLock { current in
            if let tls, self.isEncrypted { current.tls = tls }
            if let credentials, current.credentials != nil { current.credentials = credentials }
        }
    }

    var tls: TLSServerContext? { self.current.withLock { $0.tls } }
    var credentials: AdminCredentials? { self.current.withLock { $0.credentials } }
}

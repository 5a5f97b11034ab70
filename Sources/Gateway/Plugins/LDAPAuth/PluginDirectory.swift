/// Asks directories (LDAP) beside the workers; from any thread, returns at once.
public protocol PluginDirectory: AnyObject, Sendable {
    /// Finds out whether one of some passwords is right; hands over what came of each that was asked,
    /// in order, up to the first that is right or could not be decided.
    ///
    /// - Returns: false when too much waits already, so that nothing is asked.
    func check(
        _ place: DirectoryPlace,
        _ logins: [DirectoryLogin],
        _ done: @escaping @Sendable ([DirectoryFinding]) -> Void
    ) -> Bool
}

/// Where a directory is, and how it is spoken to.
public struct DirectoryPlace: Hashable, Sendable {
    /// When TLS begins.
    public enum Security: Hashable, Sendable {
        /// Never.
        case none
        /// With the connection.
        case always
        /// When it is asked for (RFC 4511 section 4.14).
        case started
    }

    /// Name or address.
    public var host: String
    /// TCP port.
    public var port: UInt16
    /// When TLS begins.
    public var security: Security
    /// Whether the directory's certificate and name are checked.
    public var verifies: Bool
    /// Milliseconds for connecting, and for each answer.
    public var milliseconds: Int64
    /// Milliseconds that an idle connection is kept.
    public var keptMilliseconds: Int64

    /// Where a directory is asked.
    public init(
        host: String,
        port: UInt16,
        security: Security = .none,
        verifies: Bool = false,
        milliseconds: Int64 = 10_000,
        keptMilliseconds: Int64 = 60_000
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.verifies = verifies
        self.milliseconds = milliseconds
        self.keptMilliseconds = keptMilliseconds
    }
}

/// A name in a directory and the password that a client shows for it.
public struct DirectoryLogin: Sendable {
    /// The distinguished name (RFC 4514).
    public let name: String
    /// The password; never empty, since that would be no check at all (RFC 4513 section 5.1.2).
    public let password: [UInt8]

    /// A name and a password, which is not empty.
    public init(name: String, password: [UInt8]) {
        precondition(!password.isEmpty, "an empty password checks nothing")
        self.name = name
        self.password = password
    }
}

/// What a directory says of a password.
public enum DirectoryFinding: Sendable {
    case right
    case wrong
    /// No answer, or one that says nothing about the password.
    case undecided
}

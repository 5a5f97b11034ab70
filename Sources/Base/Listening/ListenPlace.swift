public import MeshPrimitives

/// Where something listens, and for what.
public enum ListenPlace: Hashable, Sendable {
    /// Connections to an address.
    case stream(Endpoint)
    /// Datagrams to an address.
    case datagrams(Endpoint)
    /// Connections to a unix socket in the file system.
    case path(String)
}

extension ListenPlace: CustomStringConvertible {
    /// The address or path.
    public var description: String {
        switch self {
        case .stream(let endpoint), .datagrams(let endpoint): "\(endpoint)"
        case .path(let path): path
        }
    }
}

/// What a part of the node wants to listen on.
public struct ListenRequest: Sendable {
    /// How several sockets of one address come about.
    public enum Sharing: Sendable {
        /// One reader.
        case alone
        /// So many readers, each with a socket of its own (`SO_REUSEPORT`); at least 1.
        case among(Int)
    }

    /// The setting's short name, such as `proxy` or `gossip`: what supervisors call the socket.
    ///
    /// Letters, digits and `-`.
    public let name: String
    /// Where.
    public let place: ListenPlace
    /// Who reads.
    public var sharing = Sharing.alone
    /// Connections that the kernel keeps waiting per socket.
    ///
    /// Default 256.
    public var backlog: Int32 = 256
    /// Whether `[::]` takes IPv4 too; ``Sharing/among(_:)`` never does.
    ///
    /// Default true.
    public var isDualStack = true

    /// Creates a request of one reader.
    public init(_ name: String, _ place: ListenPlace) {
        self.name = name
        self.place = place
    }

    /// Creates a request of one reader per worker.
    public init(_ name: String, _ place: ListenPlace, workers: Int, backlog: Int32) {
        self.name = name
        self.place = place
        self.sharing = .among(max(1, workers))
        self.backlog = backlog
        self.isDualStack = false
    }
}

/// Why an address or path cannot be listened on.
public struct ListenFailure: Error, Equatable, Sendable {
    /// The system's number for it.
    public let code: Int32

    /// Creates a failure.
    public init(code: Int32) { self.code = code }
}

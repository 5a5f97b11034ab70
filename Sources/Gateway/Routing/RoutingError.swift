public import MeshEntities

/// Why a table cannot be compiled from these routes.
public indirect enum RoutingError: Error, Equatable, Sendable {
    /// A regex path that PCRE2 refuses.
    case invalidPath(route: String, path: String, message: String)
    /// A header regex (`~*…`) that PCRE2 refuses.
    case invalidHeader(route: String, header: String, value: String, message: String)
    /// An expression that cannot be read or answered.
    case invalidExpression(route: String, message: String)
    /// An expression where the node's flavour has none.
    case expressionNotRead(route: String, flavor: RouterFlavor)
    /// All routes together name more different methods than a table can tell apart.
    case tooManyMethods(route: String, limit: Int)
    /// A path longer than any request line.
    case pathTooLong(route: String, path: String, limit: Int)
}

extension RoutingError: CustomStringConvertible {
    /// The route, what is wrong with it and what to do.
    public var description: String {
        switch self {
        case .invalidPath(let route, let path, let message):
            "route \(route): path \(path) is not a regex (\(message)); correct the pattern"
        case .invalidHeader(let route, let header, let value, let message):
            "route \(route): value \(value) of header \(header) is not a regex (\(message)); "
                + "correct the pattern"
        case .invalidExpression(let route, let message):
            "route \(route): Router Expression failed validation: \(message)"
        case .expressionNotRead(let route, let flavor):
            "route \(route): 'expression' needs the router flavor 'expressions', but this node's is "
                + "'\(flavor.rawValue)'; set proxy.router_flavor on every node"
        case .tooManyMethods(let route, let limit):
            "route \(route): more than \(limit) different methods in all routes; use fewer"
        case .pathTooLong(let route, let path, let limit):
            "route \(route): path \(path.prefix(40))… is longer than \(limit) bytes; shorten it"
        }
    }
}

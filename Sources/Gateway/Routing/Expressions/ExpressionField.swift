internal import MeshEntities

/// The fields of a request or connection that an expression can ask for.
enum ExpressionField: Equatable, Sendable {
    case scheme
    case serverName
    case method
    case host
    case path
    /// Segments of the path, counted from 0, both included.
    case segments(first: Int, last: Int)
    case segmentCount
    /// A header by its lower-case name with underscores for dashes.
    case header(String)
    case queryArgument(String)
    case sourceAddress
    case sourcePort
    case destinationAddress
    case destinationPort

    /// What a field holds.
    enum Kind {
        case text
        case integer
        case address
    }

    var kind: Kind {
        switch self {
        case .scheme, .serverName, .method, .host, .path, .segments, .header, .queryArgument: .text
        case .segmentCount, .sourcePort, .destinationPort: .integer
        case .sourceAddress, .destinationAddress: .address
        }
    }

    /// Finds a field by its name; those of HTTP are unknown to streams.
    ///
    /// - Throws: ``ExpressionFailure`` for a name that is no field.
    init(_ name: String, isStream: Bool) throws(ExpressionFailure) {
        switch name {
        case "net.protocol": self = .scheme
        case "tls.sni": self = .serverName
        case "net.src.ip": self = .sourceAddress
        case "net.src.port": self = .sourcePort
        case "net.dst.ip": self = .destinationAddress
        // Kong's older name of it.
        case "net.dst.port", "net.port": self = .destinationPort
        default:
            guard !isStream, let field = try Self.http(name) else {
                throw ExpressionFailure("Unknown LHS field: \(name)")
            }
            self = field
        }
    }

    private static func http(_ name: String) throws(ExpressionFailure) -> ExpressionField? {
        switch name {
        case "http.method": return .method
        case "http.host": return .host
        case "http.path": return .path
        case "http.path.segments.len": return .segmentCount
        default: break
        }
        if let header = Self.rest(of: name, behind: "http.headers.") { return .header(header) }
        if let query = Self.rest(of: name, behind: "http.queries.") {
            return .queryArgument(query)
        }
        guard let range = Self.rest(of: name, behind: "http.path.segments.") else { return nil }
        guard let segments = Self.segments(range) else {
            throw ExpressionFailure("illformed http.path.segments.* field")
        }
        return segments
    }

    private static func rest(of name: String, behind prefix: String) -> String? {
        guard name.hasPrefix(prefix), name.utf8.count > prefix.utf8.count else { return nil }
        return String(name.dropFirst(prefix.count))
    }

    /// Reads `N` or `N_M` with N below M, without leading zeros.
    private static func segments(_ range: String) -> ExpressionField? {
        let bounds = range.split(separator: "_", omittingEmptySubsequences: false)
        guard bounds.count <= 2, let first = Self.number(bounds[0]) else { return nil }
        guard bounds.count == 2 else { return .segments(first: first, last: first) }
        guard let last = Self.number(bounds[1]), first < last else { return nil }
        return .segments(first: first, last: last)
    }

    private static func number(_ text: Substring) -> Int? {
        guard text == "0" || text.utf8.first != UInt8(ascii: "0"), text.utf8.count <= 6,
            text.utf8.allSatisfy({ $0 &- 0x30 < 10 })
        else { return nil }
        return Int(text)
    }
}

/// Kong's rules on which constants and operators fit which field.
///
/// Source: Kong/atc-router 1.7, `src/semantics.rs`.
enum ExpressionTypes {
    /// Checks every predicate.
    ///
    /// - Throws: ``ExpressionFailure`` for the first that fits not, from left to right.
    static func check(
        _ expression: RouteExpression,
        isStream: Bool
    ) throws(ExpressionFailure) {
        switch expression {
        case .predicate(let predicate): try Self.check(predicate, isStream: isStream)
        case .all(let parts), .any(let parts):
            for part in parts { try Self.check(part, isStream: isStream) }
        case .not(let inner): try Self.check(inner, isStream: isStream)
        }
    }

    private static func check(
        _ predicate: RouteExpression.Predicate,
        isStream: Bool
    ) throws(ExpressionFailure) {
        let kind = try ExpressionField(predicate.field, isStream: isStream).kind
        let isMembership = predicate.comparison == .inside || predicate.comparison == .notInside
        if predicate.comparison != .regex, !isMembership, !Self.fits(predicate.constant, kind) {
            throw ExpressionFailure(
                "Type mismatch between the LHS and RHS values of predicate"
            )
        }
        if predicate.isLowered, kind != .text {
            throw ExpressionFailure(
                "lower-case transformation function only supported with String type fields"
            )
        }
        switch predicate.comparison {
        case .equal, .notEqual: break
        case .regex where kind != .text:
            throw ExpressionFailure("Regex operators only supports string operands")
        case .prefix, .suffix:
            guard kind != .text else { break }
            throw ExpressionFailure(
                "Regex/Prefix/Postfix operators only supports string operands"
            )
        case .contains where kind != .text:
            throw ExpressionFailure("Contains operator only supports string operands")
        case .greater, .atLeast, .less, .atMost:
            guard kind != .integer else { break }
            throw ExpressionFailure(
                "Greater/GreaterOrEqual/Lesser/LesserOrEqual operators only supports integer "
                    + "operands"
            )
        case .inside, .notInside:
            if kind == .address, case .block = predicate.constant { break }
            throw ExpressionFailure("In/NotIn operators only supports IP in CIDR")
        case .regex, .contains: break
        }
    }

    private static func fits(
        _ constant: RouteExpression.Constant,
        _ kind: ExpressionField.Kind
    ) -> Bool {
        switch (constant, kind) {
        case (.text, .text), (.integer, .integer), (.address, .address): true
        case (.text, _), (.integer, _), (.address, _), (.block, _): false
        }
    }
}

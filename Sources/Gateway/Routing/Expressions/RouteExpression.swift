internal import MeshPrimitives

/// What a route of the flavour `expressions` asks of a request, parsed and not yet typed.
indirect enum RouteExpression: Equatable, Sendable {
    /// One field compared with one constant.
    case predicate(Predicate)
    /// All hold.
    case all([RouteExpression])
    /// At least one holds.
    case any([RouteExpression])
    /// It does not hold.
    case not(RouteExpression)

    /// A field, an operator and a constant.
    struct Predicate: Equatable, Sendable {
        /// The field's name as written.
        let field: String
        /// Whether `lower()` is around the field.
        let isLowered: Bool
        /// Whether `any()` is around it: one value of many is enough.
        let isAny: Bool
        let comparison: Comparison
        let constant: Constant
    }

    /// How a field and a constant are compared.
    enum Comparison: String, Equatable, Sendable {
        case equal = "=="
        case notEqual = "!="
        case regex = "~"
        case prefix = "^="
        case suffix = "=^"
        case atLeast = ">="
        case greater = ">"
        case atMost = "<="
        case less = "<"
        case inside = "in"
        case notInside = "not in"
        case contains = "contains"
    }

    /// The right side of a predicate.
    enum Constant: Equatable, Sendable {
        case text(String)
        case integer(Int64)
        case address(IPAddress)
        case block(AddressBlock)
    }
}

/// Why a text is no expression, or none that can be answered.
struct ExpressionFailure: Error, Equatable {
    /// Kong's text where it has one.
    let message: String

    init(_ message: String) { self.message = message }
}

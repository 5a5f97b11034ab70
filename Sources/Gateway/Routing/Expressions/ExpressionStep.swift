internal import MeshPrimitives

/// One comparison of a compiled expression, and where to go on; trivial.
///
///     step ──holds──> whenTrue        accepts, rejects, or the place of the next step
///       └──fails──> whenFalse
struct ExpressionStep {
    /// The place that ends a run in favour of the route.
    static let accepts: Int32 = -1
    /// The place that ends a run against it.
    static let rejects: Int32 = -2

    /// Whose value is compared.
    enum Subject {
        case scheme
        case serverName
        case method
        case host
        case path
        case segments
        case segmentCount
        case header
        case queryArgument
        case sourceAddress
        case sourcePort
        case destinationAddress
        case destinationPort
    }

    let subject: Subject
    let comparison: RouteExpression.Comparison
    let isLowered: Bool
    let isAny: Bool
    /// Name of a header with dashes, or of a query argument.
    let name: RoutingIndex.Text
    /// Name of a header with underscores; empty when it is the same.
    let otherName: RoutingIndex.Text
    /// A text to compare with.
    let text: RoutingIndex.Text
    /// Place of a pattern; -1 for none.
    let regex: Int32
    let number: Int64
    let block: AddressBlock
    /// Segments of the path.
    let segments: (first: Int32, last: Int32)
    let whenTrue: Int32
    let whenFalse: Int32
}

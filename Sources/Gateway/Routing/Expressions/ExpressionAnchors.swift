/// What a request certainly shows when an expression holds, so that an index can find it.
///
/// A filter: it may let requests through for which the expression does not hold, never the other
/// way round.
enum ExpressionAnchors {
    /// Most alternatives that an expression is filed under.
    private static let limit = 64

    /// What the name that hosts are filed under begins or ends with or is: one of these.
    ///
    /// The name is that of `field`: the host for requests, the server name for streams.
    static func hosts(
        of expression: RouteExpression,
        field: String = "http.host"
    ) -> [NamePattern]? {
        Self.alternatives(of: expression, length: \.text.count) { predicate in
            guard predicate.field == field, !predicate.isLowered,
                case .text(let text) = predicate.constant,
                text.utf8.allSatisfy({ $0 != 0x3A && $0 != 0x2A })
            else { return nil }
            switch predicate.comparison {
            case .equal where !text.isEmpty: return [NamePattern(text)]
            case .suffix where text.hasPrefix("."): return [NamePattern("*\(text)")]
            case .prefix where text.hasSuffix("."): return [NamePattern("\(text)*")]
            case .equal, .suffix, .prefix, .notEqual, .regex, .contains, .atLeast, .greater,
                .atMost, .less, .inside, .notInside:
                return nil
            }
        }
    }

    /// What the path begins with: one of these.
    static func prefixes(of expression: RouteExpression) -> [[UInt8]]? {
        Self.alternatives(of: expression, length: \.count) { predicate in
            guard predicate.field == "http.path", !predicate.isLowered,
                case .text(let text) = predicate.constant
            else { return nil }
            switch predicate.comparison {
            case .equal, .prefix:
                return [Array(text.utf8)]
            case .regex:
                // Only an anchored pattern says how a path begins.
                guard text.hasPrefix("^") else { return nil }
                let literal = RoutePattern.literalPrefix(of: String(text.dropFirst()))
                return literal.isEmpty ? nil : [literal]
            case .suffix, .notEqual, .contains, .atLeast, .greater, .atMost, .less, .inside,
                .notInside:
                return nil
            }
        }
    }

    private static func alternatives<Anchor: Hashable>(
        of expression: RouteExpression,
        length: (Anchor) -> Int,
        _ anchors: (RouteExpression.Predicate) -> [Anchor]?
    ) -> [Anchor]? {
        switch expression {
        case .predicate(let predicate):
            return anchors(predicate)
        case .all(let parts):
            // The fewest, and of as many those that say most.
            return parts.compactMap { Self.alternatives(of: $0, length: length, anchors) }
                .min { left, right in
                    guard left.count == right.count else { return left.count < right.count }
                    return left.map(length).min() ?? 0 > right.map(length).min() ?? 0
                }
        case .any(let parts):
            var union: Set<Anchor> = []
            for part in parts {
                guard let more = Self.alternatives(of: part, length: length, anchors) else {
                    return nil
                }
                union.formUnion(more)
            }
            return union.count <= Self.limit ? Array(union) : nil
        case .not:
            return nil
        }
    }
}

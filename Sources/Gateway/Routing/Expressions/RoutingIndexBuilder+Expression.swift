internal import MeshEntities
internal import MeshPrimitives

extension RoutingIndexBuilder {
    /// Adds a route that is written as an expression, once for each way to find it; hosts of the
    /// query stand for `hostField`.
    mutating func add(
        expression text: String,
        of route: Route,
        at place: Int,
        hostField: String = "http.host"
    ) throws(RoutingError) {
        let label = route.name ?? route.id.description
        let expression: RouteExpression
        let program: Int32
        do {
            expression = try ExpressionRules.complete(text, of: route)
            program = try self.compile(
                expression,
                whenTrue: ExpressionStep.accepts,
                whenFalse: ExpressionStep.rejects
            )
        } catch {
            throw .invalidExpression(route: label, message: error.message)
        }
        let entry = RoutingIndex.RouteEntry(
            routeIndex: Int32(place),
            regex: -1,
            program: program,
            methods: 0,
            headers: RoutingIndex.Run(start: 0, count: 0),
            serverNames: RoutingIndex.Run(start: 0, count: 0)
        )
        let hosts = ExpressionAnchors.hosts(of: expression, field: hostField) ?? []
        let priority = RoutePriority.value(ofExpression: route)
        for prefix in ExpressionAnchors.prefixes(of: expression) ?? [[]] {
            self.add(entry, of: route, priority: priority, hosts: hosts, prefix: prefix)
        }
        self.noteNeeds(of: expression)
    }

    /// Lays the steps of an expression out, last first.
    ///
    /// - Returns: the place of the first.
    private mutating func compile(
        _ expression: RouteExpression,
        whenTrue: Int32,
        whenFalse: Int32
    ) throws(ExpressionFailure) -> Int32 {
        switch expression {
        case .predicate(let predicate):
            let step = try self.step(predicate, whenTrue: whenTrue, whenFalse: whenFalse)
            self.steps.append(step)
            return Int32(self.steps.count - 1)
        case .not(let inner):
            return try self.compile(inner, whenTrue: whenFalse, whenFalse: whenTrue)
        case .all(let parts):
            var next = whenTrue
            for part in parts.reversed() {
                next = try self.compile(part, whenTrue: next, whenFalse: whenFalse)
            }
            return next
        case .any(let parts):
            var next = whenFalse
            for part in parts.reversed() {
                next = try self.compile(part, whenTrue: whenTrue, whenFalse: next)
            }
            return next
        }
    }

    private mutating func step(
        _ predicate: RouteExpression.Predicate,
        whenTrue: Int32,
        whenFalse: Int32
    ) throws(ExpressionFailure) -> ExpressionStep {
        // Types are checked: the fields of streams are fields of requests too.
        let field = try ExpressionField(predicate.field, isStream: false)
        let (name, otherName) = self.names(of: field)
        var regex: Int32 = -1
        if predicate.comparison == .regex, case .text(let pattern) = predicate.constant {
            do {
                regex = try self.regex(pattern, for: .field)
            } catch {
                throw ExpressionFailure("regex parse error: \(error.message)")
            }
        }
        return ExpressionStep(
            subject: Self.subject(of: field),
            comparison: predicate.comparison,
            isLowered: predicate.isLowered,
            isAny: predicate.isAny,
            name: self.text(Array(name.utf8)),
            otherName: self.text(Array(otherName.utf8)),
            text: self.text(Array(predicate.constant.text.utf8)),
            regex: regex,
            number: predicate.constant.number,
            block: predicate.constant.block,
            segments: Self.segments(of: field),
            whenTrue: whenTrue,
            whenFalse: whenFalse
        )
    }

    private func names(of field: ExpressionField) -> (String, String) {
        switch field {
        case .header(let name):
            let dashed = String(name.lowercased().map { $0 == "_" ? "-" : $0 })
            return (dashed, dashed == name ? "" : name)
        case .queryArgument(let name):
            return (name, "")
        case .scheme, .serverName, .method, .host, .path, .segments, .segmentCount,
            .sourceAddress, .sourcePort, .destinationAddress, .destinationPort:
            return ("", "")
        }
    }

    private static func segments(of field: ExpressionField) -> (first: Int32, last: Int32) {
        guard case .segments(let first, let last) = field else { return (0, 0) }
        return (Int32(first), Int32(last))
    }

    private static func subject(of field: ExpressionField) -> ExpressionStep.Subject {
        switch field {
        case .scheme: .scheme
        case .serverName: .serverName
        case .method: .method
        case .host: .host
        case .path: .path
        case .segments: .segments
        case .segmentCount: .segmentCount
        case .header: .header
        case .queryArgument: .queryArgument
        case .sourceAddress: .sourceAddress
        case .sourcePort: .sourcePort
        case .destinationAddress: .destinationAddress
        case .destinationPort: .destinationPort
        }
    }

    private mutating func noteNeeds(of expression: RouteExpression) {
        switch expression {
        case .predicate(let predicate):
            if predicate.field.hasPrefix("http.queries.") { self.needs.insert(.query) }
            if predicate.field.hasPrefix("net.src.") { self.needs.insert(.source) }
            if predicate.field == "net.dst.ip" { self.needs.insert(.destination) }
        case .all(let parts), .any(let parts):
            for part in parts { self.noteNeeds(of: part) }
        case .not(let inner):
            self.noteNeeds(of: inner)
        }
    }
}

/// What Kong makes of a route's expression before it is matched.
enum ExpressionRules {
    /// The expression as it is matched: typed, and with the route's protocols.
    ///
    /// A route for encrypted traffic alone keeps the chance to send a client in the clear there, so
    /// that its protocols are no condition; what becomes of such a request is decided after the
    /// match.
    ///
    /// Source: Kong 3.x, `kong/router/expressions.lua`.
    static func complete(
        _ text: String,
        of route: Route
    ) throws(ExpressionFailure) -> RouteExpression {
        var parser = ExpressionParser(text)
        let expression = try parser.parse()
        let isStream = route.protocols.contains(where: \.isStream)
        try ExpressionTypes.check(expression, isStream: isStream)
        guard !isStream else { return expression }
        let schemes = Set(route.protocols.map(\.scheme))
        guard schemes.count == 1, let scheme = schemes.first,
            scheme == "http" || route.protocols.contains(.grpcs)
        else { return expression }
        let condition = RouteExpression.Predicate(
            field: "net.protocol",
            isLowered: false,
            isAny: false,
            comparison: .equal,
            constant: .text(scheme)
        )
        return .all([expression, .predicate(condition)])
    }
}

extension GatewayProtocol {
    /// Kong's `net.protocol` of what this protocol takes.
    fileprivate var scheme: String {
        switch self {
        case .http, .grpc, .ws: "http"
        case .https, .grpcs, .wss: "https"
        case .tcp, .tlsPassthrough: "tcp"
        case .tls: "tls"
        case .udp: "udp"
        }
    }
}

extension RouteExpression.Constant {
    fileprivate var text: String {
        guard case .text(let text) = self else { return "" }
        return text
    }

    fileprivate var number: Int64 {
        guard case .integer(let number) = self else { return 0 }
        return number
    }

    fileprivate var block: AddressBlock {
        switch self {
        case .address(let address): AddressBlock(address)
        case .block(let block): block
        case .text, .integer: AddressBlock(IPAddress.v4(0))
        }
    }
}

extension RouteExpression {
    /// Checks a route's expression without keeping it.
    ///
    /// - Returns: what is wrong, without Kong's `Router Expression failed validation: `; `nil` for
    ///   a good one.
    static func check(_ text: String, of route: Route) -> String? {
        var builder = RoutingIndexBuilder()
        defer { builder.free() }
        do {
            try builder.add(expression: text, of: route, at: 0)
            return nil
        } catch {
            guard case .invalidExpression(_, let message) = error else { return "\(error)" }
            return message
        }
    }
}

import Foundation
import MeshEntities

/// One request as the paths of the Admin API see it.
struct AdminExchange: Sendable {
    var method: String
    /// The values of the pattern's `:` segments, in order.
    var parameters: [String] = []
    var query: [String: String]
    var headers: [String: String]
    var body: [UInt8]

    /// Whether a query argument is present and neither empty, `0` nor `false`.
    func flag(_ name: String) -> Bool {
        guard let value = self.query[name] else { return false }
        return !["", "0", "false"].contains(value)
    }

    /// The media type of the body without parameters, lower-cased; empty when not told.
    var mediaType: String {
        let field = self.headers["content-type"] ?? ""
        return field.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    }

    /// One parameter of the body's media type, such as `boundary`.
    func mediaParameter(_ name: String) -> String? {
        for part in (self.headers["content-type"] ?? "").split(separator: ";").dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2,
                pair[0].trimmingCharacters(in: .whitespaces).lowercased() == name
            else { continue }
            let value = pair[1].trimmingCharacters(in: .whitespaces)
            return value.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
        }
        return nil
    }
}

/// One path of the Admin API and what its methods do.
struct AdminPath: Sendable {
    typealias Operation = @Sendable (AdminExchange) async -> AdminAnswer

    /// Segments; `:` stands for any one segment.
    let pattern: [String]
    /// By method; `HEAD` and `OPTIONS` follow from these.
    let methods: [Method]

    /// One method and what it does.
    struct Method: Sendable {
        let name: String
        let run: Operation
    }

    /// A path that is read, and perhaps written.
    static func reading(
        _ pattern: String,
        writes: [Method] = [],
        _ run: @escaping Operation
    ) -> AdminPath {
        AdminPath(pattern, [Method(name: "GET", run: run)] + writes)
    }

    /// A path that only acts.
    static func posting(_ pattern: String, _ run: @escaping Operation) -> AdminPath {
        AdminPath(pattern, [Method(name: "POST", run: run)])
    }

    private init(_ pattern: String, _ methods: [Method]) {
        self.pattern = pattern.split(separator: "/").map(String.init)
        self.methods = methods
    }

    /// The values of the pattern's `:` segments, or `nil` if the path is another one.
    func match(_ segments: [String]) -> [String]? {
        guard segments.count == self.pattern.count else { return nil }
        var parameters: [String] = []
        for (segment, expected) in zip(segments, self.pattern) {
            if expected == ":" {
                parameters.append(segment)
            } else if expected != segment {
                return nil
            }
        }
        return parameters
    }

    /// The methods for `Allow`.
    var allowed: [String] {
        let own = self.methods.map(\.name)
        return (own.contains("GET") ? ["GET", "HEAD"] : []) + ["OPTIONS"]
            + own.filter { $0 != "GET" }
    }

    func operation(for method: String) -> Operation? {
        let wanted = method == "HEAD" ? "GET" : method
        return self.methods.first { $0.name == wanted }?.run
    }
}

import Foundation
import MeshEntities
import MeshPlugins

/// One request as the paths of the Admin API see it.
struct AdminExchange: Sendable {
    var method: String
    /// The path without query, as it came.
    var path = ""
    /// Who asks: the name of a token or of a client certificate, or how he came.
    var author = ""
    /// What he may do.
    var role = AdminRole.read
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

    /// The parts of a multipart form, files included; nil when the body is none.
    var parts: [(name: String, value: String)]? {
        MultipartForm.fields(of: self.body, type: self.headers["content-type"] ?? "")
    }
}

/// One path of the Admin API and what its methods do.
struct AdminPath: Sendable {
    typealias Operation = @Sendable (AdminExchange) async -> AdminAnswer

    /// Segments; one that begins with `:` stands for any one segment.
    let pattern: [String]
    /// By method; `HEAD` and `OPTIONS` follow from these.
    let methods: [Method]
    /// Whether also somebody unknown may read it: files that are the same everywhere.
    var isOpen = false

    /// What a method takes or answers with, for the description of the API.
    enum Content: Sendable {
        /// Nothing, or nothing that is described.
        case plain
        /// One entity.
        case entity(EntityKind)
        /// One page of entities.
        case page(EntityKind)
    }

    /// One method and what it does.
    struct Method: Sendable {
        let name: String
        /// What it does, in a few words.
        let summary: String
        /// What it takes.
        var input = Content.plain
        /// What it answers with when it succeeds.
        var output = Content.plain
        /// Bytes of body that it takes, when those are more than the listener's.
        var bodyLimit = 0
        /// The status of success.
        var status = 200
        /// Who may: everybody may read, unless what is read holds private keys.
        var role: AdminRole
        let run: Operation

        init(name: String, summary: String = "", run: @escaping Operation) {
            self.name = name
            self.summary = summary
            self.role = name == "GET" ? .read : .write
            self.run = run
        }

        /// The same, for bodies as large as a configuration may be.
        var takingConfiguration: Method {
            var method = self
            method.bodyLimit = AdminServerConfiguration.configurationByteCount
            return method
        }

        /// The same, for another role.
        func requiring(_ role: AdminRole) -> Method {
            var method = self
            method.role = role
            return method
        }

        /// A read.
        static func reading(
            _ summary: String,
            _ output: Content,
            _ run: @escaping Operation
        ) -> Method {
            var method = Method(name: "GET", summary: summary, run: run)
            method.output = output
            return method
        }

        /// A write that makes an entity.
        static func creating(
            _ summary: String,
            _ kind: EntityKind,
            _ run: @escaping Operation
        ) -> Method {
            var method = Self.writing("POST", summary, kind, run)
            method.status = 201
            return method
        }

        /// A write that makes or changes an entity.
        static func writing(
            _ name: String,
            _ summary: String,
            _ kind: EntityKind,
            _ run: @escaping Operation
        ) -> Method {
            var method = Method(name: name, summary: summary, run: run)
            method.input = .entity(kind)
            method.output = .entity(kind)
            return method
        }

        /// A write that takes an entity away.
        static func deleting(_ summary: String, _ run: @escaping Operation) -> Method {
            var method = Method(name: "DELETE", summary: summary, run: run)
            method.status = 204
            return method
        }
    }

    /// A path and what can be done there.
    init(_ pattern: String, _ methods: [Method]) {
        self.pattern = pattern.split(separator: "/").map(String.init)
        self.methods = methods
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
    static func posting(
        _ pattern: String,
        role: AdminRole = .write,
        _ run: @escaping Operation
    ) -> AdminPath {
        AdminPath(pattern, [Method(name: "POST", run: run).requiring(role)])
    }

    /// A path that only acts, and may act again.
    static func putting(
        _ pattern: String,
        _ summary: String,
        _ run: @escaping Operation
    ) -> AdminPath {
        AdminPath(pattern, [Method(name: "PUT", summary: summary, run: run)])
    }

    /// The same path without its writes.
    var readOnly: AdminPath {
        AdminPath(
            self.pattern.joined(separator: "/"),
            self.methods.filter { $0.name == "GET" }
        )
    }

    /// The path with its parameters in braces, as Kong lists it.
    var template: String {
        "/"
            + self.pattern.map { $0.hasPrefix(":") ? "{\($0.dropFirst())}" : $0 }
            .joined(separator: "/")
    }

    /// The values of the pattern's `:` segments, or `nil` if the path is another one.
    func match(_ segments: [String]) -> [String]? {
        guard segments.count == self.pattern.count else { return nil }
        var parameters: [String] = []
        for (segment, expected) in zip(segments, self.pattern) {
            if expected.hasPrefix(":") {
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

    func method(for name: String) -> Method? {
        let wanted = name == "HEAD" ? "GET" : name
        return self.methods.first { $0.name == wanted }
    }
}

import MeshDeclarative
import MeshEntities

/// Reads ``NodeSettings`` from a file, the environment and flags, and says whose value is wrong.
public enum SettingsReader {
    /// Most elements of one list.
    private static let listLimit = 4_096

    /// One place that settings come from, with a name for errors.
    private struct Source {
        let name: String
        let values: [String: [String]]
    }

    /// Reads and validates the settings.
    ///
    /// - Parameters:
    ///   - file: name and text of the settings file, if there is one.
    ///   - environment: the process's environment; only the `MESH_…` names
    ///     of settings count.
    ///   - flags: dotted setting to value, from the command line.
    ///   - hostName: the machine's name, default for `node.name`.
    ///   - defaults: dotted setting to value, where nothing else is said.
    /// - Returns: settings that hold together.
    /// - Throws: ``SettingsError`` for every setting whose name or value is wrong; when all can be read,
    ///   for the first that does not go with the others.
    public static func read(
        file: (name: String, text: String)?,
        environment: [String: String],
        flags: [String: String],
        hostName: String,
        defaults: [String: String] = [:]
    ) throws(SettingsError) -> NodeSettings {
        var settings = NodeSettings(hostName: hostName)
        var sources = [Source(name: "default", values: defaults.mapValues { Self.list($0) })]
        if let file { sources.append(try Self.source(file: file.name, text: file.text)) }
        sources.append(Self.source(environment: environment))
        sources.append(
            Source(name: "flag", values: flags.mapValues { Self.list($0) })
        )
        let errors = sources.flatMap { Self.apply($0, to: &settings) }
        if let first = errors.first { throw errors.count == 1 ? first : .several(errors) }
        return try settings.validated()
    }

    /// Sets what a source says.
    ///
    /// - Returns: everything that it says wrong.
    private static func apply(_ source: Source, to settings: inout NodeSettings) -> [SettingsError]
    {
        var errors: [SettingsError] = []
        for (name, values) in source.values.sorted(by: { $0.key < $1.key }) {
            guard let key = SettingKey.all.first(where: { $0.name == name }) else {
                errors.append(
                    .unknown(
                        field: name,
                        source: source.name,
                        suggestion: Self.suggestion(for: name)
                    )
                )
                continue
            }
            if !key.apply(values, &settings) {
                errors.append(
                    .invalid(
                        field: name,
                        value: values.joined(separator: ", "),
                        source: source.name,
                        allowed: key.allowed
                    )
                )
            }
        }
        return errors
    }

    private static func source(
        file: String,
        text: String
    ) throws(SettingsError) -> Source {
        let node: DocumentNode
        do throws(DocumentError) {
            node = try YAMLText.parse(text, scalars: .texts)
        } catch {
            throw .unreadable(file: file, reason: "not YAML: \(error)")
        }
        var values: [String: [String]] = [:]
        if !node.value.isNull { try Self.flatten(node.value, at: "", file: file, into: &values) }
        return Source(name: file, values: values)
    }

    /// Turns nested maps into dotted names; at most two levels exist, so deeper ones end unknown.
    private static func flatten(
        _ value: DocumentValue,
        at path: String,
        file: String,
        into values: inout [String: [String]]
    ) throws(SettingsError) {
        switch value {
        case .object(let fields):
            for field in fields {
                let dotted = path.isEmpty ? field.name : "\(path).\(field.name)"
                guard dotted.split(separator: ".").count <= 2 else {
                    throw .unknown(field: dotted, source: file, suggestion: nil)
                }
                try Self.flatten(field.node.value, at: dotted, file: file, into: &values)
            }
        case .array(let nodes):
            guard nodes.count <= Self.listLimit else {
                throw .unreadable(
                    file: file,
                    reason: "\(path) has more than \(Self.listLimit) elements"
                )
            }
            values[path] = nodes.map { $0.value.text ?? "" }
        case .null, .bool, .integer, .number, .string:
            guard !path.isEmpty else {
                throw .unreadable(file: file, reason: "expected a map of settings")
            }
            values[path] = [value.text ?? ""]
        }
    }

    private static func source(environment: [String: String]) -> Source {
        var values: [String: [String]] = [:]
        for key in SettingKey.all {
            guard let value = environment[key.environmentName] else { continue }
            values[key.name] = Self.list(value)
        }
        return Source(name: "environment", values: values)
    }

    private static func list(_ value: String) -> [String] {
        value.split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// The setting whose name is nearest, when it is near.
    private static func suggestion(for name: String) -> String? {
        let last = name.split(separator: ".").last.map(String.init) ?? name
        return SettingKey.all.map(\.name).first { known in
            known.hasSuffix(last) || Self.distance(known, name) <= 2
        }
    }

    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8.prefix(64))
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let substituted = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}

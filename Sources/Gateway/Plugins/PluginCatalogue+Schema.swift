public import MeshEntities

extension PluginCatalogue {
    /// The fields of a built plugin's `config`; `nil` for a plugin that is not built.
    public static func fields(of name: String) -> [FieldSchema]? {
        switch name {
        case "correlation-id":
            [
                .standard("header_name", .string, .string("Kong-Request-ID")),
                .choice("generator", ["uuid", "uuid#counter", "tracker"], "uuid#counter"),
                .standard("echo_downstream", .boolean, .bool(false)),
            ]
        case "request-termination":
            [
                .standard("status_code", .integer, .integer(503), in: 100...599),
                FieldSchema("message", .string), FieldSchema("content_type", .string),
                FieldSchema("body", .string), .standard("echo", .boolean, .bool(false)),
                FieldSchema("trigger", .string),
            ]
        case "prometheus":
            PrometheusSettings.flags.map { .standard($0, .boolean, .bool(false)) }
        default: nil
        }
    }
}

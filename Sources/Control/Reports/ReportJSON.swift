public import Foundation

/// How reports become JSON and back: snake_case keys, sorted, no escaped slashes.
public enum ReportJSON {
    /// Which layout of the same JSON to write.
    public enum Layout: Sendable {
        /// One line.
        case compact
        /// Indented by two spaces.
        case pretty
    }

    /// Writes `report` as JSON without a trailing newline.
    ///
    /// - Throws: `EncodingError` for a number that JSON cannot hold.
    public static func encode(_ report: some Encodable, layout: Layout = .compact) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if layout == .pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return try encoder.encode(report)
    }

    /// Reads a report; unknown keys are ignored, so that an older client understands a newer node.
    ///
    /// - Throws: `DecodingError` naming the key that is missing or of another type.
    public static func decode<Report: Decodable>(
        _ type: Report.Type,
        from data: Data
    ) throws -> Report {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: data)
    }
}

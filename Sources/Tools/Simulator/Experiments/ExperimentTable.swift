/// What an experiment found, as rows for people and for spreadsheets.
public struct ExperimentTable: Sendable {
    /// What was measured, and how.
    public let title: String
    /// Names of the columns.
    public let columns: [String]
    /// One list of cells per row, as many as there are columns.
    public private(set) var rows: [[String]] = []
    /// Faults that should have happened and did not: what was measured then says nothing.
    public private(set) var missing: [String] = []
    /// What was promised and is not kept by what was measured.
    public private(set) var broken: [String] = []

    /// Creates an empty table.
    public init(_ title: String, _ columns: [String]) {
        self.title = title
        self.columns = columns
    }

    /// Adds a row.
    public mutating func add(_ row: [String]) { self.rows.append(row) }

    /// Adds findings, with what is broken.
    public mutating func add(_ findings: [BalanceFinding]) {
        for finding in findings {
            let text = finding.text.replacing(",", with: ";")
            self.add([finding.name, finding.isKept ? "kept" : "BROKEN", text])
            self.promise(finding.isKept, "\(finding.name): \(finding.text)")
        }
    }

    /// Adds what runs of a profile have shown.
    public mutating func add(
        failures: Int,
        of runs: Int,
        _ profile: FaultProfile,
        slowest: Duration
    ) {
        self.promise(failures == 0, "\(profile.name): \(failures) of \(runs) runs failed")
        self.add([
            profile.name, "\(profile.nodeCount)", "\(runs)", "\(failures)", "\(slowest)",
        ])
    }

    /// Notes a fault that did not happen.
    mutating func expect(_ hasHappened: Bool, _ text: String) {
        if !hasHappened { self.missing.append(text) }
    }

    /// Notes a promise that what was measured does not keep.
    mutating func promise(_ isKept: Bool, _ text: String) {
        if !isKept { self.broken.append(text) }
    }

    /// Notes a value that is above its limit, or that there is none.
    mutating func promise(_ value: Double?, atMost limit: Double, _ text: String) {
        let isKept = value.map { $0 <= limit } ?? false
        self.promise(isKept, "\(text): \(Self.seconds(value)), at most \(Self.seconds(limit))")
    }

    /// Columns of equal width under the title.
    public var text: String {
        let all = [self.columns] + self.rows
        let widths = self.columns.indices.map { column in
            all.map { $0[column].count }.max() ?? 0
        }
        let lines = all.map { row in
            zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }.joined(separator: "  ")
        }
        return ([self.title] + lines).joined(separator: "\n") + "\n"
    }

    /// Comma separated values with a header; cells hold no commas.
    public var csv: String {
        ([self.columns] + self.rows).map { $0.joined(separator: ",") }
            .joined(separator: "\n") + "\n"
    }

    /// The table as an image: a title and the columns in type of equal width.
    public var svg: String {
        let lines = self.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let width = 20 + 8 * (lines.map(\.count).max() ?? 0)
        let rows = lines.enumerated().map { number, line in
            "<text x=\"10\" y=\"\(24 + 20 * number)\">\(Self.escaped(line))</text>"
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(20 + 20 * lines.count)">
            <rect width="100%" height="100%" fill="white"/>
            <g font-family="monospace" font-size="13" xml:space="preserve">
            \(rows.joined(separator: "\n"))
            </g>
            </svg>

            """
    }

    private static func escaped(_ text: Substring) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            default: String(character)
            }
        }.joined()
    }

    /// Two digits after the point.
    static func seconds(_ value: Double?) -> String {
        guard let value else { return "never" }
        let hundredths = Int((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    /// The value below which `share` of all lie.
    static func percentile(_ values: [Double], _ share: Double) -> Double? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        let place = Int((Double(sorted.count) * share).rounded(.up)) - 1
        return sorted[min(max(0, place), sorted.count - 1)]
    }
}

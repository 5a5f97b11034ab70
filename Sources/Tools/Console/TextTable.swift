/// Rows under headings, aligned with spaces and cut to the width of the reader's screen.
public struct TextTable: Sendable {
    /// How wide lines may be and whether they may have colour.
    public struct Style: Equatable, Sendable {
        /// Characters per line; `nil` never cuts.
        public var width: Int?
        /// Whether tones are shown as colours.
        public var hasColour: Bool
        /// Whether columns are shown that few look for.
        public var isWide: Bool

        /// 100 columns without colour.
        public static let plain = Style(width: 100, hasColour: false)
        /// Everything, as long as it is, without colour.
        public static let wide = Style(width: nil, hasColour: false, isWide: true)

        /// Creates a style.
        public init(width: Int?, hasColour: Bool, isWide: Bool = false) {
            self.width = width
            self.hasColour = hasColour
            self.isWide = isWide
        }
    }

    /// A column's heading and what stands in it.
    public struct Column: Equatable, Sendable {
        /// What stands in a column, which says how it is aligned and cut.
        public enum Content: Sendable {
            /// Names: aligned to the left, cut in the middle, since their ends tell them apart.
            case words
            /// Numbers: aligned to the right.
            case numbers
            /// Sentences: cut at the end, and before anything else.
            case prose
        }

        /// What stands above it.
        public var heading: String
        /// What stands in it.
        public var content: Content

        /// A column of names.
        public static func words(_ heading: String) -> Column {
            Column(heading: heading, content: .words)
        }

        /// A column of numbers.
        public static func numbers(_ heading: String) -> Column {
            Column(heading: heading, content: .numbers)
        }

        /// A column of sentences.
        public static func prose(_ heading: String) -> Column {
            Column(heading: heading, content: .prose)
        }
    }

    private static let gap = "  "

    private let columns: [Column]
    private var rows: [[Cell]] = []

    /// Creates a table without rows.
    public init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row; it must have one cell per column.
    public mutating func add(_ row: [Cell]) {
        precondition(row.count == self.columns.count, "a row has one cell per column")
        self.rows.append(row)
    }

    /// The lines without trailing spaces, headings first; each ends with a newline.
    public func text(_ style: Style = .plain) -> String {
        let widths = self.widths(within: style.width)
        let headings = self.columns.map { Cell($0.heading) }
        return ([headings] + self.rows)
            .map { row in self.line(row, widths, hasColour: style.hasColour) + "\n" }
            .joined()
    }

    private func line(_ row: [Cell], _ widths: [Int], hasColour: Bool) -> String {
        var line = ""
        for (index, cell) in row.enumerated() {
            let content = self.columns[index].content
            let shown =
                content == .prose
                ? Cell.cutEnd(cell.text, to: widths[index])
                : Cell.cut(cell.text, to: widths[index])
            let padding = String(repeating: " ", count: widths[index] - shown.count)
            let dressed = hasColour ? cell.coloured(shown) : shown
            line += content == .numbers ? padding + dressed : dressed + padding
            line += Self.gap
        }
        while line.last == " " { line.removeLast() }
        return line
    }

    /// Columns are cut no narrower than this; sentences need room to say anything.
    private static func minimumWidth(of column: Column) -> Int {
        column.content == .prose ? 16 : 6
    }

    /// Natural widths, then the widest column gives way, one character at a time, prose first.
    private func widths(within limit: Int?) -> [Int] {
        var widths = self.columns.indices.map { index in
            self.rows.reduce(self.columns[index].heading.count) { widest, row in
                max(widest, row[index].text.count)
            }
        }
        guard let limit else { return widths }
        let gaps = Self.gap.count * max(0, widths.count - 1)
        let prose = widths.indices.filter { self.columns[$0].content == .prose }
        for candidates in [prose, Array(widths.indices)] {
            while widths.reduce(gaps, +) > limit {
                let able = candidates.filter { index in
                    widths[index] > Self.minimumWidth(of: self.columns[index])
                }
                guard let widest = able.max(by: { widths[$0] < widths[$1] }) else { break }
                widths[widest] -= 1
            }
        }
        return widths
    }
}

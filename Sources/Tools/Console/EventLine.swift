public import MeshReports

/// One line of `meshctl events`.
public struct EventLine: Sendable {
    private let event: EventReport

    /// Creates a line.
    public init(_ event: EventReport) { self.event = event }

    /// Date and time, kind, type, subject and sentence, without a newline.
    public func text(_ style: TextTable.Style = .plain) -> String {
        // A node keeps what happened days ago.
        let time = self.event.time.prefix(23).replacing("T", with: " ")
        let head = [self.event.kind.rawValue, self.event.type, self.event.subject]
            .filter { !$0.isEmpty }.joined(separator: " ")
        let sentence = self.event.message.isEmpty ? "" : "  \(self.event.message)"
        let line = Cell("\(time)  \(head)\(sentence)").text
        return style.width.map { Cell.cutEnd(line, to: $0) } ?? line
    }
}

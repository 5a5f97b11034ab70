public import MeshReports

/// One line of `meshctl tap`: what was asked, what was decided, how long it took.
public struct RequestLine: Sendable {
    private let request: RequestReport

    /// Creates a line.
    public init(_ request: RequestReport) { self.request = request }

    /// Time, node, status, times, attempts, route and target, then the request; without a newline.
    public func text(_ style: TextTable.Style = .plain) -> String {
        let time = self.request.time.split(separator: "T").last.map { $0.prefix(12) } ?? ""
        let parts = [
            "\(time)", self.request.node, "\(self.request.status)",
            Self.milliseconds(self.request.totalMs), self.decision,
            "\(self.request.method) \(self.request.host)\(self.request.path)", self.request.id,
        ]
        let line = Cell(parts.joined(separator: "  ")).text
        return style.width.map { Cell.cutEnd(line, to: $0) } ?? line
    }

    /// Which way it went, or who answered in place of a target, and what went wrong.
    private var decision: String {
        var words = [self.request.route ?? "no route"]
        if let plugin = self.request.plugin {
            words.append("answered by \(plugin)")
        } else if let target = self.request.target {
            let waited = self.request.upstreamMs.map { " \(Self.milliseconds($0))" } ?? ""
            words.append("→ \(target)\(waited)")
        }
        if !self.request.changedBy.isEmpty {
            words.append("changed by \(self.request.changedBy.joined(separator: ", "))")
        }
        if self.request.attempts > 1 { words.append("\(self.request.attempts) tries") }
        if let cause = self.request.errorCause {
            words.append("\(self.request.errorOwner ?? "?") \(cause)")
        }
        if self.request.isCut { words.append("cut") }
        return words.joined(separator: " ")
    }

    static func milliseconds(_ value: Double) -> String {
        value < 10 ? "\((value * 100).rounded() / 100) ms" : "\(Int(value.rounded())) ms"
    }
}

/// What `meshctl trace` prints: one fact per line for each request, or why there is none.
public struct TraceScreen: Sendable {
    private let report: TraceReport

    /// Creates a screen.
    public init(_ report: TraceReport) { self.report = report }

    /// The screen.
    public var text: String {
        let silent = self.report.nodes.filter { !$0.isReached }.map {
            "\($0.node) did not answer\n"
        }
        guard !self.report.requests.isEmpty else { return self.nothing + silent.joined() }
        return self.report.requests.map { Self.facts($0) }.joined(separator: "\n")
            + silent.joined()
    }

    private var nothing: String {
        var lines = [
            "no node remembers \(Cell(self.report.id).text): it is older than what they keep, was "
                + "never here, or proxy.recent_requests is 0; older ones are in the access logs"
        ]
        for node in self.report.nodes where node.isReached {
            let since = node.since.map { " since \($0)" } ?? ""
            lines.append("\(Cell(node.node).text) remembers \(node.requests)\(since)")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func facts(_ request: RequestReport) -> String {
        var lines: [(String, String)] = [
            ("request", request.id), ("node", request.node), ("time", request.time),
            ("client", request.client),
            ("asked", "\(request.method) \(request.host)\(request.path)"),
            ("route", request.route ?? "none matched"), ("service", request.service ?? Words.none),
        ]
        if let correlation = request.correlation { lines.append(("correlation", correlation)) }
        if let plugin = request.plugin {
            lines.append(("answered by", "plugin \(plugin)"))
        } else {
            lines.append(("target", request.target ?? "none asked"))
        }
        if !request.changedBy.isEmpty {
            lines.append(("changed by", request.changedBy.joined(separator: ", ")))
        }
        lines += [
            ("tries", "\(request.attempts)"),
            ("status", "\(request.status)\(request.isCut ? ", broken off" : "")"),
        ]
        if let cause = request.errorCause {
            lines.append(("failed", "\(cause), by the \(request.errorOwner ?? "?")"))
        }
        let waited = request.upstreamMs.map {
            ", of which the target \(RequestLine.milliseconds($0))"
        }
        lines += [
            ("took", RequestLine.milliseconds(request.totalMs) + (waited ?? "")),
            ("bytes", "\(request.receivedBytes) received, \(request.sentBytes) sent"),
        ]
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + Cell(value).text + "\n"
        }.joined()
    }
}

import MeshReports

/// Short forms of numbers and states, one place for all tables.
enum Words {
    static let none = "–"

    /// `12 s`, `3m`, `6d2h`: two units at most.
    static func age(_ seconds: Double?) -> String {
        guard let seconds, seconds.isFinite else { return self.none }
        let whole = Int(min(max(0, seconds), 1e12))
        if whole < 60 { return "\(whole)s" }
        if whole < 3_600 { return "\(whole / 60)m" }
        if whole < 86_400 { return Self.pair(whole / 3_600, "h", whole / 60 % 60, "m") }
        return Self.pair(whole / 86_400, "d", whole / 3_600 % 24, "h")
    }

    private static func pair(_ first: Int, _ unit: String, _ second: Int, _ other: String) -> String
    {
        second == 0 ? "\(first)\(unit)" : "\(first)\(unit)\(second)\(other)"
    }

    /// `0.4ms`, `81ms`.
    static func roundTrip(_ milliseconds: Double?) -> String {
        guard let milliseconds else { return self.none }
        return milliseconds < 10
            ? "\(Self.tenths(milliseconds))ms" : "\(Int(milliseconds.rounded()))ms"
    }

    /// One digit after the point.
    static func tenths(_ number: Double) -> String {
        let tenths = Int((min(abs(number), 1e12) * 10).rounded())
        return "\(number < 0 && tenths > 0 ? "-" : "")\(tenths / 10).\(tenths % 10)"
    }

    /// `31 %` of a share from 0 to 1.
    static func percent(_ share: Double?) -> String {
        share.map { "\(Int(($0 * 100).rounded())) %" } ?? self.none
    }

    /// `g41 7c1e`: the generation and the start of the hash.
    static func config(_ config: ConfigurationVersion) -> String {
        guard !config.version.isEmpty else { return self.none }
        return "\(config.version) \(config.hash.prefix(4))"
    }

    /// The two letters: U up, S suspect, D down, L left; N normal, D draining, M maintenance.
    static func code(_ member: MemberReport) -> Cell {
        let mode =
            switch member.mode {
            case .normal: "N"
            case .draining: "D"
            case .maintenance: "M"
            }
        switch member.state {
        case .alive: return Cell("U\(mode)", member.mode == .normal ? .good : .warning)
        case .suspect: return Cell("S\(mode)", .warning)
        case .failed: return Cell("D\(mode)", .bad)
        case .left: return Cell("L\(mode)")
        }
    }

    /// `1 member`, `2 members`.
    static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Who was asked, and how old the view is.
    static func stamp(_ view: ViewReport) -> String {
        Self.shortStamp(view) + ", " + Self.count(view.members, "member") + " known"
    }

    /// The same where the members are counted already.
    static func shortStamp(_ view: ViewReport) -> String {
        "asked \(view.node), view \(Self.tenths(view.ageSeconds)) s old"
    }
}

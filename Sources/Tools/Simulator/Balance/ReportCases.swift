/// Many targets that report their load with every answer, beside what other ways of choosing make of
/// the same requests.
enum ReportCases {
    static func run(seed: UInt64) -> [BalanceFinding] {
        [Self.halfSlow(seed), Self.antagonists(seed), Self.few(seed)]
    }

    /// W6 by reports.
    private static func halfSlow(_ seed: UInt64) -> BalanceFinding {
        let shop = BalanceCases.measure(
            BalanceCases.equal(50) + Array(repeating: 0.02, count: 50),
            gateways: 20,
            load: 0.7,
            rule: .hcl,
            seconds: 4,
            warm: 3,
            seed: seed
        )
        let p99 = shop.percentile(990)
        return BalanceFinding(
            name: "W6r",
            text: "100 targets that report, half slow, 70 %: p99 \(BalanceCases.text(p99)) ms "
                + "(at most 69, what the shortest queue of all would give)",
            isKept: p99 <= 69
        )
    }

    /// Others on the same machines slow some targets down for a while.
    private static func antagonists(_ seed: UInt64) -> BalanceFinding {
        let rules: [(Shop.Rule, String)] = [
            (.hcl, "hcl"), (.latency, "latency"), (.leastConnections, "least-connections"),
            (.roundRobin, "round-robin"),
        ]
        let p99 = rules.map { rule, _ in
            BalanceCases.measure(
                BalanceCases.equal(50),
                gateways: 20,
                load: 0.75,
                rule: rule,
                seconds: 6,
                warm: 3,
                antagonists: Self.capacity,
                seed: seed
            ).percentile(990)
        }
        let list = zip(rules, p99).map { "\(BalanceCases.text($1)) by \($0.1)" }
        let least = p99[1...].min() ?? 0
        return BalanceFinding(
            name: "W7",
            text: "50 targets that report, antagonists come and go, 75 %: p99 in ms "
                + list.joined(separator: ", ") + " (the first at most 0.95 of the best other)",
            isKept: p99[0] <= 0.95 * least
        )
    }

    /// With few targets reports decide nothing.
    private static func few(_ seed: UInt64) -> BalanceFinding {
        let shops = [Shop.Rule.hcl, .latency].map { rule in
            BalanceCases.measure(
                BalanceCases.equal(16),
                gateways: 8,
                load: 0.9,
                rule: rule,
                seconds: 2,
                warm: 1,
                seed: seed
            )
        }
        let isSame = shops[0].latencies == shops[1].latencies
        return BalanceFinding(
            name: "W1r",
            text: "16 targets that report are chosen \(isSame ? "" : "otherwise than ")by latency",
            isKept: isSame
        )
    }

    /// The capacity of targets with antagonists over that of targets without.
    private static let capacity = 0.6 + 0.25 / 2 + 0.15 / 4
}

import MeshPrimitives

/// Workloads whose figures are known from simulations of other rules, so that a change of a rule that
/// makes it worse is seen.
///
/// Targets have eight workers and take 10 ms on average, exponentially; a second of each target at full
/// load is 800 requests.
public enum BalanceCases {
    /// Runs all, with a mistake where `latency` chooses; the same seed gives the same findings.
    public static func run(seed: UInt64, plant: BalanceMistake? = nil) -> [BalanceFinding] {
        let rule = plant?.rule ?? .latency
        return [
            Self.equalTargets(seed, rule), Self.leastConnections(seed), Self.halfSlow(seed, rule),
            Self.oneSlow(seed, rule), Self.oneSlowManyGateways(seed, rule),
            Self.fewGateways(seed, rule), Self.manyTargets(seed, rule), Self.kong(seed),
            Self.added(seed),
            OverloadCases.hundredTwenty(seed), OverloadCases.burst(seed), OverloadCases.fits(seed),
        ] + ReportCases.run(seed: seed) + BalanceRules.run(seed: seed)
            + GossipCases.run(seed: seed, plant: plant)
            + LateCases.run(seed: seed, plant: plant)
            + SpillCases.run(seed: seed, plant: plant) + HomeCases.run(seed: seed, plant: plant)
    }

    /// Those that take seconds even without optimization, for tests.
    public static func runQuick(seed: UInt64) -> [BalanceFinding] {
        [
            Self.equalTargets(seed), Self.kong(seed), Self.added(seed),
            OverloadCases.hundredTwenty(seed), OverloadCases.burst(seed),
        ] + BalanceRules.run(seed: seed)
    }

    static func measure(
        _ means: [Double],
        gateways: Int,
        load: Double,
        rule: Shop.Rule = .latency,
        seconds: Double,
        warm: Double = 4,
        antagonists: Double? = nil,
        seed: UInt64
    ) -> Shop {
        var shop = Shop(means: means, gateways: gateways, rule: rule, seed: seed)
        if antagonists != nil { shop.addAntagonists() }
        let capacity = means.reduce(0) { $0 + 8 / $1 } * (antagonists ?? 1)
        shop.run(rate: capacity * load, from: 0, to: warm)
        shop.forget()
        shop.run(rate: capacity * load, from: warm, to: warm + seconds)
        return shop
    }

    private static func finding(
        _ name: String,
        _ what: String,
        _ shop: Shop,
        p99: Double? = nil,
        p999: Double? = nil,
        _ more: (String, Bool)? = nil
    ) -> BalanceFinding {
        let (first, second) = (shop.percentile(990), shop.percentile(999))
        var text = "\(what): p99 \(Self.text(first)) ms"
        if let p99 { text += " (at most \(Self.text(p99)))" }
        text += ", p99.9 \(Self.text(second)) ms"
        if let p999 { text += " (at most \(Self.text(p999)))" }
        if let more { text += ", \(more.0)" }
        let isKept = first <= p99 ?? .infinity && second <= p999 ?? .infinity && more?.1 ?? true
        return BalanceFinding(name: name, text: text, isKept: isKept)
    }

    static func text(_ number: Double) -> String {
        "\(Int(number)).\(Int(number * 10) % 10)"
    }

    static func equal(_ count: Int) -> [Double] { Array(repeating: 0.01, count: count) }

    static func equalTargets(
        _ seed: UInt64,
        _ rule: Shop.Rule = .latency
    ) -> BalanceFinding {
        let shop = Self.measure(
            Self.equal(16),
            gateways: 8,
            load: 0.9,
            rule: rule,
            seconds: 10,
            seed: seed
        )
        return Self.finding(
            "W1",
            "equal targets at 90 %",
            shop,
            p99: 54,
            p999: 82,
            ("most of one second \(Self.text(shop.herding)) of its share", shop.herding <= 1.5)
        )
    }

    private static func leastConnections(_ seed: UInt64) -> BalanceFinding {
        let shop = Self.measure(
            Self.equal(16),
            gateways: 8,
            load: 0.9,
            rule: .leastConnections,
            seconds: 10,
            seed: seed
        )
        return Self.finding("W1l", "the same by least connections", shop, p99: 54, p999: 82)
    }

    static func halfSlow(
        _ seed: UInt64,
        _ rule: Shop.Rule
    ) -> BalanceFinding {
        let means = Self.equal(8) + Array(repeating: 0.02, count: 8)
        let shop = Self.measure(
            means,
            gateways: 8,
            load: 0.9,
            rule: rule,
            seconds: 10,
            seed: seed
        )
        return Self.finding("W2", "half of them at half speed, 90 %", shop, p99: 88)
    }

    private static func oneSlow(
        _ seed: UInt64,
        _ rule: Shop.Rule
    ) -> BalanceFinding {
        let means = [0.1] + Self.equal(15)
        let shop = Self.measure(
            means,
            gateways: 50,
            load: 0.3,
            rule: rule,
            seconds: 12,
            warm: 8,
            seed: seed
        )
        let share = shop.share(0)
        return Self.finding(
            "W3",
            "one at a tenth of the speed, 50 gateways, 30 %",
            shop,
            p99: 52,
            p999: 140,
            ("it gets \(Int(share * 10_000)) of 10,000", share <= 0.012)
        )
    }

    private static func oneSlowManyGateways(
        _ seed: UInt64,
        _ rule: Shop.Rule
    ) -> BalanceFinding {
        let means = [0.1] + Self.equal(15)
        let shop = Self.measure(
            means,
            gateways: 200,
            load: 0.1,
            rule: rule,
            seconds: 30,
            warm: 20,
            seed: seed
        )
        // Each gateway must find out by itself: latencies are not shared.
        return Self.finding("W4", "the same, 200 gateways, 10 %", shop, p99: 60, p999: 320)
    }

    private static func fewGateways(
        _ seed: UInt64,
        _ rule: Shop.Rule
    ) -> BalanceFinding {
        let shop = Self.measure(
            Self.equal(4),
            gateways: 1,
            load: 0.9,
            rule: rule,
            seconds: 20,
            seed: seed
        )
        return Self.finding("W5", "four targets, one gateway, 90 %", shop, p99: 75)
    }

    private static func manyTargets(
        _ seed: UInt64,
        _ rule: Shop.Rule
    ) -> BalanceFinding {
        let means = Self.equal(50) + Array(repeating: 0.02, count: 50)
        let shop = Self.measure(
            means,
            gateways: 20,
            load: 0.7,
            rule: rule,
            seconds: 4,
            warm: 3,
            seed: seed
        )
        return Self.finding("W6", "100 targets, half slow, 70 %", shop, p99: 86)
    }

    /// The fixture that shows that herding would be seen.
    private static func kong(_ seed: UInt64) -> BalanceFinding {
        let shop = Self.measure(
            Self.equal(16),
            gateways: 8,
            load: 0.5,
            rule: .kongLatency,
            seconds: 6,
            seed: seed
        )
        return Self.finding(
            "Kong",
            "the lowest average alone must fail W1",
            shop,
            ("most of one second \(Self.text(shop.herding)) of its share", shop.herding > 1.5)
        )
    }

    /// One target becomes 100 ms slower, and well again.
    private static func added(_ seed: UInt64) -> BalanceFinding {
        var shop = Shop(means: Self.equal(4), gateways: 1, rule: .latency, seed: seed)
        shop.run(rate: 1_900, from: 0, to: 5)
        shop.means[0] = 0.11
        shop.run(rate: 1_900, from: 5, to: 6)
        shop.forget()
        shop.run(rate: 1_900, from: 6, to: 15)
        let during = shop
        shop.means[0] = 0.01
        shop.run(rate: 1_900, from: 15, to: 30)
        shop.forget()
        shop.run(rate: 1_900, from: 30, to: 34)
        let (slow, well) = (during.share(0), shop.share(0))
        return Self.finding(
            "b",
            "one of four 100 ms slower, 60 %, from 1 s on",
            during,
            p99: 70,
            (
                "its share \(Int(slow * 10_000)) of 10,000, later \(Int(well * 100)) %",
                slow <= 0.01 && well >= 0.2
            )
        )
    }
}

/// What clients feel of gossip that is late, lost or off.
enum LateCases {
    static func run(seed: UInt64, plant: BalanceMistake? = nil) -> [BalanceFinding] {
        typealias Gossip = JudgedShop.Gossip
        let kinds: [(String, Gossip)] = [
            ("50 ms late", Gossip()), ("1 s late", Gossip(delay: 1_000)),
            ("30 % lost", Gossip(loss: 30)), ("off", Gossip(isOn: false)),
        ]
        let p99 = kinds.map { Self.p99($0.1, plant, seed: seed) }
        let list = zip(kinds, p99).map { "\(BalanceCases.text($1)) with gossip \($0.0)" }
        let (least, most) = (p99.min() ?? 0, p99.max() ?? 0)
        return [
            BalanceFinding(
                name: "B-I12",
                text:
                    "one of 16 targets begins to fail every request after 300 ms, 12 gateways take "
                    + "turns: p99 in ms " + list.joined(separator: ", ")
                    + " (they differ by 10 % at most)",
                isKept: most <= 1.1 * least
            )
        ]
    }

    /// Over the ten seconds that begin with the failure.
    private static func p99(
        _ gossip: JudgedShop.Gossip,
        _ plant: BalanceMistake?,
        seed: UInt64
    ) -> Double {
        var shop = JudgedShop(
            gateways: 12,
            targets: 16,
            load: 0.5,
            gossip: gossip,
            deafFrom: plant == .hearsay ? 2 : .max,
            seed: seed
        )
        shop.run(until: 4)
        shop.forget()
        shop.broken = [3]
        shop.run(until: 14)
        return shop.percentile(990)
    }
}

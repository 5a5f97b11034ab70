/// More work than the targets can do, before limits that are found by measuring and a line.
enum OverloadCases {
    private static func measure(
        _ seed: UInt64,
        load: Double,
        until end: Double = 17
    ) -> OverloadedShop {
        var shop = OverloadedShop(seed: seed)
        shop.run(load: 0.6, until: 5)
        shop.run(load: load, until: 6)
        shop.forget()
        shop.run(load: load, until: end)
        return shop
    }

    /// The median and the 99th percentile of those that are answered, and who is shed.
    static func hundredTwenty(_ seed: UInt64) -> BalanceFinding {
        let figures = Self.measure(seed, load: 1.2, until: 40).figures
        let (shed, urgent) = (figures.shedPercent, figures.urgentShed)
        let (median, p99) = (figures.percentile(500), figures.percentile(990))
        return BalanceFinding(
            name: "f2",
            text: "120 % of all there is: \(BalanceCases.text(shed)) % shed (16.7 are too many, "
                + "at most 18.0), "
                + "\(urgent) of the most urgent; p50 \(BalanceCases.text(median)) ms (at most 21), "
                + "p99 \(BalanceCases.text(p99)) ms (at most 64)",
            isKept: shed <= 18 && urgent == 0 && median <= 21 && p99 <= 64
        )
    }

    /// Twice what there is, and 60 % afterwards.
    static func burst(_ seed: UInt64) -> BalanceFinding {
        var shop = Self.measure(seed, load: 2)
        let figures = shop.figures
        let share = Double(figures.latencies.count) / 11 / OverloadedShop.capacity
        shop.forget()
        shop.run(load: 0.6, until: 30)
        let after = shop.figures.shed == 0 ? 0 : Double(shop.figures.lastShed) / 1e9 - 17
        return BalanceFinding(
            name: "f3",
            text:
                "200 % of all there is: \(Int(share * 100)) % of the capacity in use (at least 97), "
                + "\(figures.urgentShed) of the most urgent shed; nobody is shed "
                + "\(Int(after * 1_000)) ms after it ends (at most 2,000)",
            isKept: share >= 0.97 && figures.urgentShed == 0 && after <= 2
        )
    }

    /// What fits is hardly shed, and does not wait.
    static func fits(_ seed: UInt64) -> BalanceFinding {
        let figures = Self.measure(seed, load: 0.9).figures
        let p99 = figures.percentile(990)
        return BalanceFinding(
            name: "90 %",
            text: "90 % of what there is under limits: \(BalanceCases.text(figures.shedPercent)) % "
                + "shed (at most 0.2), "
                + "p99 \(BalanceCases.text(p99)) ms (at most 60)",
            isKept: figures.shedPercent <= 0.2 && p99 <= 60
        )
    }
}

import MeshMembership
import MeshPrimitives

/// E1 of the Lifeguard paper: members of 128 are blocked for a while, run for a while, and so on.
///
/// The paper's table sums over all sizes of the blocked group, lengths of a block and pauses between
/// them; so does this, over a part of them.
enum LifeguardExperiment {
    private struct Mode {
        let name: String
        let mechanisms: Mechanisms
        /// Shares of SWIM's false alarms in %, at all members and at healthy ones.
        let published: (all: Double, healthy: Double)?
    }

    private static let modes = [
        Mode(name: "SWIM", mechanisms: [], published: (100, 100)),
        Mode(name: "LHA-Probe", mechanisms: [.localHealth], published: (67.72, 32.88)),
        Mode(name: "LHA-Suspicion", mechanisms: [.dynamicSuspicion], published: (3, 6.71)),
        Mode(name: "Buddy", mechanisms: [.buddy], published: (94.08, 44.57)),
        Mode(name: "Lifeguard", mechanisms: .lifeguard, published: (1.53, 1.89)),
        Mode(name: "ours", mechanisms: .all, published: nil),
    ]

    /// How many are blocked, for how many milliseconds, and for how many they run in between.
    private struct Anomaly {
        let blocked: Int
        let length: Int64
        let pause: Int64
    }

    /// A group of one size and one pause, or, which takes many minutes, all that are looked at.
    private static func anomalies(isLong: Bool) -> [Anomaly] {
        (isLong ? [4, 16, 32] : [16]).flatMap { blocked in
            [512, 2_048, 8_192, 32_768].flatMap { length in
                (isLong ? [4, 64, 1_024] : [64]).map {
                    Anomaly(blocked: blocked, length: length, pause: $0)
                }
            }
        }
    }

    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "False alarms, \(options.nodes ?? 128) members, "
                + (options.isLong
                    ? "groups of 4 to 32 blocked for 0.5 to 33 s, 4 ms to 1 s apart, "
                    : "16 of them blocked for 0.5 to 33 s, 64 ms apart, ")
                + "120 s each; published: share of SWIM's in % (all / at healthy)",
            [
                "mode", "all", "%", "at healthy", "%", "messages %", "bytes %", "published",
                "pings, acks, relaying, gossip, streams per node and s",
            ]
        )
        var base: Outcome?
        for mode in self.modes {
            var sum = Outcome()
            for anomaly in self.anomalies(isLong: options.isLong) {
                for offset in 0..<UInt64(options.repetitions) {
                    sum.add(self.measure(mode, anomaly, options, options.seed &+ offset))
                }
            }
            table.expect(sum.delayed > 0, "no member was blocked under \(mode.name)")
            let swim = base ?? sum
            base = swim
            self.judge(mode, sum, swim, in: &table)
            let published = mode.published.map {
                "\(ExperimentTable.seconds($0.all)) / \(ExperimentTable.seconds($0.healthy))"
            }
            table.add([
                mode.name, "\(sum.all)", self.text(sum.all, swim.all), "\(sum.healthy)",
                self.text(sum.healthy, swim.healthy),
                self.text(Int(sum.messages), Int(swim.messages)),
                self.text(Int(sum.bytes), Int(swim.bytes)), published ?? "-",
                self.rates(sum, options),
            ])
        }
        return table
    }

    /// The paper's ratios within three tenths; of this membership, next to no false alarm.
    private static func judge(
        _ mode: Mode,
        _ sum: Outcome,
        _ swim: Outcome,
        in table: inout ExperimentTable
    ) {
        let all = self.share(sum.all, swim.all)
        guard let published = mode.published else {
            table.promise(all, atMost: 0.3, "ours, % of SWIM's false alarms")
            table.promise(sum.healthy == 0, "ours: \(sum.healthy) at healthy members")
            return
        }
        let healthy = self.share(sum.healthy, swim.healthy)
        for (text, share, goal) in [
            ("all", all, published.all), ("healthy", healthy, published.healthy),
        ] {
            let isNear = share.map { abs($0 - goal) <= 0.3 * goal } ?? false
            table.promise(
                isNear,
                "\(mode.name), % of SWIM's at \(text): \(ExperimentTable.seconds(share)), "
                    + "published \(ExperimentTable.seconds(goal))"
            )
        }
    }

    private struct Outcome {
        var all = 0
        var healthy = 0
        var runs = 0
        /// By what they are for.
        var byErrand = [UInt64](repeating: 0, count: ExperimentFleet.Errand.allCases.count)
        var bytes: UInt64 = 0
        var delayed: UInt64 = 0

        var messages: UInt64 { self.byErrand.reduce(0, +) }

        mutating func add(_ other: Outcome) {
            self.all += other.all
            self.healthy += other.healthy
            self.runs += other.runs
            self.byErrand = zip(self.byErrand, other.byErrand).map { $0 + $1 }
            self.bytes += other.bytes
            self.delayed += other.delayed
        }
    }

    /// A healthy member declared failed counts once at every member that believes it.
    private static func measure(
        _ mode: Mode,
        _ anomaly: Anomaly,
        _ options: Experiment.Options,
        _ seed: UInt64
    ) -> Outcome {
        let count = options.nodes ?? 128
        var configuration = MembershipConfiguration.lan
        configuration.mechanisms = mode.mechanisms
        if mode.published != nil {
            configuration.suspicionMultiplier = 5
            configuration.suspicionMaximumMultiplier = 6
            configuration.suspicionConfirmations = 3
            // As in memberlist: the wait is not measured, and the verdict comes after an interval.
            configuration.probeTimeout = .milliseconds(500)
            configuration.probeTimeoutMinimum = .milliseconds(500)
        }
        var fleet = options.fleet(count, configuration, seed: seed)
        let tally = Tally((all: 0, healthy: 0))
        let slow = Tally(Set<Int>())
        fleet.onEvent = { sighting in
            guard case .changed(let member, let before) = sighting.event,
                member.state == .failed, before != .failed,
                !slow.value.contains(ExperimentFleet.index(member.id))
            else { return }
            tally.value.all += 1
            if !slow.value.contains(sighting.observer) { tally.value.healthy += 1 }
        }
        fleet.startKnowing()
        fleet.run(until: 15)
        let (messages, bytes) = (fleet.messages, fleet.bytes)
        let blocked = min(anomaly.blocked, count / 2)
        slow.value = Set((0..<blocked).map { $0 * count / blocked })
        // What comes meanwhile waits.
        var millisecond: Int64 = 15_000
        while millisecond < 135_000 {
            let end = millisecond + anomaly.length
            for index in slow.value {
                fleet.block(index, until: MonotonicInstant(nanoseconds: end * 1_000_000))
            }
            millisecond = end + anomaly.pause
            fleet.run(until: Double(millisecond) / 1_000)
        }
        var outcome = Outcome(all: tally.value.all, healthy: tally.value.healthy)
        outcome.delayed = fleet.delayedCount
        outcome.runs = 1
        outcome.byErrand = zip(fleet.messages, messages).map { $0 - $1 }
        outcome.bytes = fleet.bytes - bytes
        return outcome
    }

    private static func rates(_ sum: Outcome, _ options: Experiment.Options) -> String {
        let share = Double(options.nodes ?? 128) * 120 * Double(max(1, sum.runs))
        return sum.byErrand.map { ExperimentTable.seconds(Double($0) / share) }
            .joined(separator: " ")
    }

    private static func share(_ value: Int, _ base: Int) -> Double? {
        base == 0 ? nil : 100 * Double(value) / Double(base)
    }

    private static func text(_ value: Int, _ base: Int) -> String {
        self.share(value, base).map { ExperimentTable.seconds($0) } ?? "-"
    }
}

import MeshMembership
import MeshPrimitives

/// E2: from a crash to its detection.
enum DetectionExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "Seconds from a crash until it is declared; published: memberlist, one of 128: first "
                + "10.1 p50, 13.7 p99, then 0.98 until the last knows (p99)",
            [
                "nodes", "killed", "first p50", "first p99", "last p50", "last p99", "all known",
                "wrong", "peak B/s", "held",
            ]
        )
        let count = options.nodes ?? 128
        for killed in Set([1, max(1, count / 10), count / 2]).sorted() {
            self.add(killed, of: count, options, to: &table)
        }
        return table
    }

    private static func add(
        _ killed: Int,
        of count: Int,
        _ options: Experiment.Options,
        to table: inout ExperimentTable
    ) {
        var first: [Double] = []
        var last: [Double] = []
        var whole: Double?
        var wrong = 0
        var limits = LimitsSeen()
        // One crash says little; enough of them are looked at, one after the other.
        let rounds = killed == 1 ? max(options.repetitions, 10) : options.repetitions
        for round in 0..<rounds {
            var fleet = options.fleet(count, .lan, seed: options.seed &+ UInt64(round))
            fleet.limitSources()
            fleet.startKnowing()
            fleet.run(until: 12 + 0.37 * Double(round % 7))
            let victims = Set((0..<killed).map { $0 * count / killed })
            let sightings = Tally([Int: [Double]]())
            let mistakes = Tally(0)
            let crash = fleet.seconds
            fleet.onEvent = { sighting in
                guard case .changed(let member, let before) = sighting.event,
                    member.state == .failed, before != .failed
                else { return }
                let index = ExperimentFleet.index(member.id)
                guard victims.contains(index) else {
                    mistakes.value += 1
                    return
                }
                let after = Double(sighting.at.nanoseconds) / 1e9 - crash
                sightings.value[index, default: []].append(after)
            }
            fleet.kill(victims)
            let survivors = count - killed
            let end = fleet.run(until: crash + 180, step: 0.1) { _ in
                sightings.value.count == killed
                    && sightings.value.values.allSatisfy { $0.count >= survivors }
            }
            for times in sightings.value.values {
                first.append(times.min() ?? 0)
                last.append((times.max() ?? 0) - (times.min() ?? 0))
            }
            wrong += mistakes.value
            limits.add(fleet)
            whole = end.map { max(whole ?? 0, $0 - crash) }
        }
        let text = "\(killed) of \(count) killed"
        let middle = ExperimentTable.percentile(first, 0.5)
        table.promise(middle, atMost: 5, "\(text), first declared, p50")
        let late = ExperimentTable.percentile(first, 0.99)
        table.promise(late, atMost: 8, "\(text), first declared, p99")
        table.promise(whole, atMost: 8, "\(text), known to all")
        table.promise(wrong == 0, "\(text): \(wrong) others declared")
        if killed == 1 {
            let spread = count <= 128 ? 1.0 : count <= 1_000 ? 1.3 : 1.5
            let slowest = ExperimentTable.percentile(last, 0.99)
            table.promise(slowest, atMost: spread, "\(text), declared to last node, p99")
        }
        table.add([
            "\(count)", "\(killed)",
            ExperimentTable.seconds(middle),
            ExperimentTable.seconds(late),
            ExperimentTable.seconds(ExperimentTable.percentile(last, 0.5)),
            ExperimentTable.seconds(ExperimentTable.percentile(last, 0.99)),
            ExperimentTable.seconds(whole), "\(wrong)", "\(limits.peak)", "\(limits.held)",
        ])
        limits.judge(text, in: &table)
    }
}

/// What the limits on bytes did in some runs.
private struct LimitsSeen {
    /// The most that one node sent in a second.
    var peak: UInt64 = 0
    /// Times that something was held back.
    var held: UInt64 = 0
    var refused: UInt64 = 0

    mutating func add(_ fleet: ExperimentFleet) {
        self.peak = max(self.peak, fleet.peakBytes)
        self.held += fleet.heldCount
        self.refused += fleet.refusedCount
    }

    /// No member sends another too much.
    func judge(_ text: String, in table: inout ExperimentTable) {
        table.promise(self.refused == 0, "\(text): \(self.refused) datagrams were too many")
    }
}

/// E9: a fleet is cut in two halves, and heals.
enum PartitionExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "Seconds from the end of a cut in two halves to one view; published: memberlist never, "
                + "Serf tries every 30 s, foca every 65 s",
            ["nodes", "cut for", "cuts", "one view after p50", "p99", "never"]
        )
        let count = options.nodes ?? 100
        // 25 hours are run on request only: they take minutes.
        for length in options.isLong ? [60.0, 600, 90_000] : [60.0, 600] {
            let times = (0..<options.repetitions).map { offset in
                self.heal(count, length, options, options.seed &+ UInt64(offset), in: &table)
            }
            let healed = times.compactMap(\.self)
            let text = "one view after \(Int(length)) s in halves"
            let middle = ExperimentTable.percentile(healed, 0.5)
            table.promise(middle, atMost: 15, "\(text), p50")
            let late = ExperimentTable.percentile(healed, 0.99)
            table.promise(late, atMost: 60, "\(text), p99")
            table.promise(healed.count == times.count, "\(text): not in every run")
            table.add([
                "\(count)", "\(Int(length)) s", "\(times.count)",
                ExperimentTable.seconds(middle), ExperimentTable.seconds(late),
                "\(times.count - healed.count)",
            ])
        }
        return table
    }

    private static func heal(
        _ count: Int,
        _ length: Double,
        _ options: Experiment.Options,
        _ seed: UInt64,
        in table: inout ExperimentTable
    ) -> Double? {
        var fleet = options.fleet(count, .lan, seed: seed)
        fleet.startKnowing()
        fleet.run(until: 10)
        fleet.cut = Set(0..<(count / 2))
        fleet.run(until: 10 + length)
        fleet.cut = []
        let healed = fleet.seconds
        let end = fleet.run(until: healed + 300, step: 0.25) { $0.agrees() }
        table.expect(fleet.lostCount > 0, "nothing was lost in the cut of \(Int(length)) s")
        return end.map { $0 - healed }
    }
}

/// E5: all nodes start within a second, with one seed.
enum BootstrapExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "Seconds from the start of all nodes with one seed to one view; published at 1,000 and "
                + "2,000: memberlist 46 and 97, Rapid 29 and 53",
            ["nodes", "one view after", "bytes per node and s", "sizes seen", "peak B/s", "held"]
        )
        let count = options.nodes ?? 200
        var fleet = options.fleet(count, .lan, seed: options.seed)
        fleet.limitSources()
        for index in 0..<count {
            fleet.run(until: Double(index) / Double(count))
            fleet.start(index, seeds: index == 0 ? [] : [0])
        }
        var sizes: Set<Int> = []
        let end = fleet.run(until: 300, step: 0.5) { fleet in
            sizes.formUnion(fleet.nodes.compactMap { $0?.presentCount })
            return fleet.agrees()
        }
        table.promise(end, atMost: 30, "\(count) nodes to one view")
        var limits = LimitsSeen()
        limits.add(fleet)
        limits.judge("\(count) nodes at once", in: &table)
        table.add([
            "\(count)", ExperimentTable.seconds(end),
            ExperimentTable.seconds(Double(fleet.bytes) / Double(count) / fleet.seconds),
            "\(sizes.count)", "\(limits.peak)", "\(limits.held)",
        ])
        return table
    }
}

/// Members that live for half a minute, 100 of them per minute.
enum ChurnExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        let count = options.nodes ?? 50
        // The hour of the promise is run on request only: it takes minutes.
        let minutes = options.isLong ? 60 : 10
        var table = ExperimentTable(
            "\(count) members and 100 short-lived ones per minute, for \(minutes) minutes: the dead "
                + "that are still alive to somebody, and what it costs",
            ["minute", "still alive", "slowest s", "tombstones", "bytes per node and s"]
        )
        var fleet = options.fleet(count, .lan, seed: options.seed)
        let died = Tally([Int: Double]())
        let slowest = Tally(0.0)
        fleet.onEvent = { sighting in
            guard case .changed(let member, _) = sighting.event, member.state == .failed,
                sighting.observer < count, let at = died.value[ExperimentFleet.index(member.id)]
            else { return }
            slowest.value = max(slowest.value, Double(sighting.at.nanoseconds) / 1e9 - at)
        }
        fleet.startKnowing()
        fleet.run(until: 10)
        var next = count
        var steady = Double.infinity
        for minute in 1...minutes {
            let bytes = fleet.bytes
            slowest.value = 0
            for step in 0..<100 {
                fleet.run(until: 10 + 60 * Double(minute - 1) + 0.6 * Double(step))
                fleet.start(next, seeds: [next % count])
                next += 1
                let dying = next - 51
                guard dying >= count else { continue }
                died.value[dying] = fleet.seconds
                fleet.kill([dying])
            }
            fleet.run(until: 10 + 60 * Double(minute))
            let recent = fleet.seconds - 8
            let gone = Set(died.value.filter { $0.value < recent }.keys.map(ExperimentFleet.id))
            let members = fleet.nodes[0]?.members ?? []
            let alive = members.count { $0.state.isPresent && gone.contains($0.id) }
            table.promise(alive == 0, "minute \(minute): \(alive) of the dead still alive")
            table.promise(slowest.value, atMost: 8, "minute \(minute), dead to declared")
            // After some minutes there are as many tombstones as are kept: everything is as it stays.
            let share = Double(fleet.bytes - bytes) / 60 / Double(count + 50)
            if minute == 7 { steady = share }
            if minute > 7 {
                table.promise(share, atMost: steady * 1.1, "minute \(minute), bytes per s")
            }
            let tombstones = members.count { !$0.state.isPresent }
            let most = max(Membership.leastTombstones, 2 * (count + 60))
            table.promise(tombstones <= most, "minute \(minute): \(tombstones) tombstones")
            table.add([
                "\(minute)",
                "\(alive)",
                ExperimentTable.seconds(slowest.value),
                "\(tombstones)",
                ExperimentTable.seconds(share),
            ])
        }
        return table
    }
}

/// E10: a fleet in which nothing happens.
enum IdleExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        var table = ExperimentTable(
            "What each node sends while nothing happens, membership only; published at 1,000: "
                + "memberlist 0.64 KB/s, Rapid 0.71 KB/s",
            ["nodes", "bytes per s", "of them streams", "datagrams per s"]
        )
        for count in options.nodes.map({ [$0] }) ?? [10, 100, 300] {
            var fleet = options.fleet(count, .lan, seed: options.seed)
            fleet.startKnowing()
            fleet.run(until: 60)
            let (bytes, streams, datagrams) = (fleet.bytes, fleet.streamBytes, fleet.datagrams)
            fleet.run(until: 360)
            let share = 300 * Double(count)
            let rate = Double(fleet.bytes - bytes) / share
            table.promise(rate, atMost: 1_000, "\(count) idle nodes, bytes per s")
            table.add([
                "\(count)", ExperimentTable.seconds(rate),
                ExperimentTable.seconds(Double(fleet.streamBytes - streams) / share),
                ExperimentTable.seconds(Double(fleet.datagrams - datagrams) / share),
            ])
        }
        return table
    }
}

/// E4: 17 nodes join one after the other while one datagram in ten is lost.
enum LossExperiment {
    static func run(_ options: Experiment.Options) -> ExperimentTable {
        let count = options.nodes ?? 17
        var table = ExperimentTable(
            "Members after \(count) joins at 10 % loss, and when all saw all; published: SWIM 12 "
                + "with suspicion, 4 and 2 without, after 175 s",
            ["seed", "members after 175 s", "all after the last join"]
        )
        for offset in 0..<options.repetitions {
            let seed = options.seed &+ UInt64(offset)
            var fleet = options.fleet(count, .lan, seed: seed)
            fleet.loss = 0.1
            for index in 0..<count {
                fleet.run(until: Double(index))
                fleet.start(index, seeds: index == 0 ? [] : [0])
            }
            let last = fleet.seconds
            let end = fleet.run(until: 175, step: 0.1) { $0.agrees() }
            fleet.run(until: 175)
            let least = fleet.nodes.compactMap { $0?.presentCount }.min() ?? 0
            table.expect(fleet.lostCount > 0, "no datagram was lost")
            table.promise(least == count, "seed \(seed): \(least) of \(count) members")
            table.promise(end.map { $0 - last }, atMost: 10, "seed \(seed), all joined")
            table.add(["\(seed)", "\(least)", ExperimentTable.seconds(end.map { $0 - last })])
        }
        return table
    }
}

import MeshPrimitives
import Testing

@testable import MeshHealth

@Suite("A fleet's health checking")
struct FleetHealthTests {
    @Test("makes no more probes than its checkers' share, however many nodes there are")
    func probeRate() {
        var fleet = SimulatedFleet(
            seed: 1,
            regions: (0..<50).map { $0 % 2 == 0 ? "eu" : "us" },
            targets: 200,
            rate: 0,
            interval: .seconds(5)
        )
        fleet.run(until: .seconds(10))
        let before = fleet.probes
        fleet.run(until: .seconds(40))
        let rate = Double(fleet.probes - before) / 30

        #expect((155...160.5).contains(rate), "\(rate) probes a second")
    }

    @Test("needs as many timers, probes and places after a day of change as after an hour")
    func daylong() {
        var fleet = SimulatedFleet(
            seed: 7,
            regions: ["eu", "eu", "us"],
            targets: 8,
            rate: 0.1,
            interval: .seconds(20)
        )
        fleet.settings.active.rules.tcpFailures = 2
        fleet.settings.active.rules.successes = 2
        var generator = SeededGenerator(seed: 99)
        var hours: [(wakes: Int, probes: Int, due: Int)] = []
        var (wakes, probes, next) = (0, 0, 100)
        for minute in 1...(24 * 60) {
            // One target flaps, DNS and the configuration change, time and again.
            let flapping = fleet.targets[generator.next(below: 3)].id
            let isWell = fleet.conduct[flapping] ?? .well == .well
            fleet.conduct[flapping] = isWell ? (minute % 3 == 0 ? .frozen : .refusing) : .well
            if minute % 2 == 0 {
                let place = 3 + generator.next(below: 5)
                let region = fleet.targets[place].region
                fleet.targets[place] = fleet.target(next, region: region)
                next += 1
            }
            fleet.settings.active.rules.httpFailures = minute % 5
            fleet.configure()
            fleet.run(until: .seconds(minute * 60))
            guard minute % 60 == 0 else { continue }
            let due = fleet.nodes.map(\.machine.due.count).reduce(0, +)
            hours.append((fleet.wakes - wakes, fleet.probes - probes, due))
            (wakes, probes) = (fleet.wakes, fleet.probes)
        }
        let first = hours[1]
        for (hour, found) in hours.enumerated().dropFirst(2) {
            #expect(found.wakes < first.wakes * 3 / 2, "hour \(hour)")
            #expect(found.probes < first.probes * 3 / 2, "hour \(hour)")
        }
        #expect(hours.allSatisfy { $0.due <= 40 })
        #expect(first.wakes < 3 * 3_600 * 12, "\(first.wakes) wakes an hour")
        for node in fleet.nodes {
            #expect(node.machine.entries.count <= 16)
            #expect(node.machine.pools.count <= 4)
            #expect(node.machine.ownVotes.count <= 8)
        }
        // All is well at last: all is in use again.
        fleet.conduct = [:]
        fleet.run(until: .seconds(24 * 3_600 + 700))
        for node in fleet.nodes.indices { #expect(fleet.excluded(at: node).isEmpty) }
    }

    @Test("goes on at its pace while the configuration changes more often than it checks")
    func pace() {
        var fleet = SimulatedFleet(
            seed: 3,
            regions: ["eu"],
            targets: 7,
            rate: 0,
            interval: .seconds(6)
        )
        for step in 1...24 {
            fleet.settings.active.rules.timeouts = step
            fleet.targets.reverse()
            fleet.configure()
            fleet.run(until: .seconds(step * 5 / 2))
        }

        // Sixty seconds, seven targets, each six seconds.
        #expect((63...77).contains(fleet.probes), "\(fleet.probes) probes")
    }

    @Test("excludes no healthy target elsewhere when one node lacks network, sockets or processor")
    func ownFaults() {
        for fault in 0..<4 {
            var fleet = SimulatedFleet(
                seed: UInt64(11 + fault),
                regions: ["eu", "eu", "eu", "eu", "eu"],
                targets: 10,
                rate: 20,
                interval: .seconds(2)
            )
            fleet.run(until: .seconds(20))
            switch fault {
            case 0: fleet.nodes[0].hasNoNetwork = true
            case 1: fleet.nodes[0].hasNoDescriptors = true
            case 2: fleet.nodes[0].hasNoProcessor = true
            default:
                fleet.nodes[0].hasNoNetwork = true
                fleet.nodes[0].isConnected = false
            }
            for second in 20...80 {
                fleet.run(until: .seconds(second))
                for node in 1..<5 {
                    #expect(fleet.excluded(at: node).isEmpty, "fault \(fault), second \(second)")
                }
            }
            if fault == 1 { #expect(fleet.excluded(at: 0).isEmpty) }
        }
    }

    @Test("avoids a dead target at every node within a second, and takes it back by ramps")
    func deadTarget() {
        var fleet = SimulatedFleet(
            seed: 21,
            regions: Array(repeating: "eu", count: 10),
            targets: 5,
            rate: 20,
            interval: .seconds(2)
        )
        fleet.run(until: .seconds(20))
        let victim = fleet.targets[2].id
        fleet.conduct[victim] = .refusing
        fleet.run(until: .milliseconds(20_500))
        for node in fleet.nodes.indices { #expect(fleet.excluded(at: node) == [victim]) }

        fleet.conduct[victim] = .well
        fleet.run(until: .seconds(60))
        for node in fleet.nodes.indices {
            #expect(fleet.nodes[node].factors[victim] == 1)
        }
    }

    @Test("finds a target that fails in three of ten answers by what all nodes have seen together")
    func failingTarget() {
        var latest = 0.0
        for seed in UInt64(0)..<5 {
            var fleet = SimulatedFleet(
                seed: 100 + seed,
                regions: Array(repeating: "eu", count: 50),
                targets: 2,
                rate: 4,
                interval: .seconds(5)
            )
            fleet.run(until: .seconds(20))
            let victim = fleet.targets[0].id
            fleet.conduct[victim] = .failing(percent: 30)
            var moment = 20_000
            while moment < 40_000, fleet.nodes.contains(where: { $0.factors[victim] != 0 }) {
                moment += 50
                fleet.run(until: .milliseconds(moment))
            }
            latest = max(latest, Double(moment - 20_000) / 1_000)
        }

        #expect(latest <= 2, "found after \(latest) s at the last node")
    }

    @Test("finds it within sixty requests where there are many, however well it was for long")
    func failingBusyTarget() {
        var counts: [Int] = []
        for seed in UInt64(0)..<5 {
            var fleet = SimulatedFleet(
                seed: 300 + seed,
                regions: ["eu"],
                targets: 4,
                rate: 1_900,
                interval: .zero
            )
            fleet.run(until: .seconds(6))
            let victim = fleet.targets[1].id
            fleet.conduct[victim] = .failing(percent: 30)
            let before = fleet.requests[victim, default: 0]
            fleet.run(until: .seconds(8))
            counts.append(fleet.requests[victim, default: 0] - before)
            #expect(fleet.nodes[0].factors[victim] == 0)
            #expect(fleet.excluded(at: 0) == [victim])
        }
        counts.sort()
        #expect(counts[2] <= 60 && counts[4] <= 150, "\(counts) requests still went there")
    }

    @Test("blames nobody when all begin to fail alike", arguments: [2, 4], [20, 50])
    func failingApplication(targets: Int, percent: Int) {
        for seed: UInt64 in [335, 343] {
            var fleet = SimulatedFleet(
                seed: seed,
                regions: ["eu"],
                targets: targets,
                rate: 250 * Double(targets),
                interval: .zero
            )
            fleet.run(until: .seconds(6))
            for target in fleet.targets { fleet.conduct[target.id] = .failing(percent: percent) }
            fleet.run(until: .seconds(16))
            // Five failures in a row may still happen, and are another matter.
            #expect(fleet.events.allSatisfy { $0.event.reason != .failureRate })
        }
    }

    @Test("ejects nobody for one failure in a hundred")
    func falseAlarms() {
        var fleet = SimulatedFleet(
            seed: 31,
            regions: Array(repeating: "eu", count: 5),
            targets: 6,
            rate: 60,
            interval: .zero
        )
        // Each target is asked fifty times a second, for two minutes.
        for target in fleet.targets { fleet.conduct[target.id] = .failing(percent: 1) }
        fleet.run(until: .seconds(120))

        #expect(fleet.events.allSatisfy { $0.event.verdict != .excluded })
    }

    @Test("tries a frozen target by single requests, ever more rarely")
    func frozenTarget() {
        var fleet = SimulatedFleet(
            seed: 41,
            regions: ["eu", "eu", "eu"],
            targets: 4,
            rate: 20,
            interval: .zero
        )
        // A frozen target still takes connections: checks that only connect find nothing.
        fleet.settings.active.check = .tcp
        fleet.configure()
        fleet.run(until: .seconds(10))
        let victim = fleet.targets[1].id
        fleet.conduct[victim] = .frozen
        fleet.run(until: .seconds(20))
        let before = fleet.requests[victim, default: 0]
        fleet.run(until: .seconds(320))
        let tried = fleet.requests[victim, default: 0] - before

        // At a tenth of its share it would be 150 times in these five minutes.
        #expect((3...60).contains(tried), "\(tried) requests")
        fleet.conduct[victim] = .well
        fleet.run(until: .seconds(1_000))
        for node in fleet.nodes { #expect(node.factors[victim] == 1) }
    }

    @Test("keeps half of the capacity in use when all answer with errors")
    func panic() {
        var fleet = SimulatedFleet(
            seed: 51,
            regions: ["eu", "eu", "eu"],
            targets: 6,
            rate: 100,
            interval: .zero
        )
        fleet.run(until: .seconds(15))
        for target in fleet.targets { fleet.conduct[target.id] = .failing(percent: 100) }
        for second in 16...40 {
            fleet.run(until: .seconds(second))
            for node in fleet.nodes.indices {
                #expect(fleet.excluded(at: node).count <= 3, "second \(second)")
            }
        }
    }

    @Test("leaves a slow target a hundredth of its share until it is fast again")
    func slowTarget() {
        var fleet = SimulatedFleet(
            seed: 61,
            regions: ["eu", "eu"],
            targets: 4,
            rate: 400,
            interval: .zero
        )
        fleet.run(until: .seconds(15))
        let victim = fleet.targets[3].id
        fleet.conduct[victim] = .slow(milliseconds: 200)
        fleet.run(until: .seconds(21))
        let before = fleet.requests[victim, default: 0]
        let all = fleet.requests.values.reduce(0, +)
        fleet.run(until: .seconds(41))
        let share =
            Double(fleet.requests[victim, default: 0] - before)
            / Double(fleet.requests.values.reduce(0, +) - all)
        #expect(share < 0.01, "\(share) of all requests")

        fleet.conduct[victim] = .well
        fleet.run(until: .seconds(75))
        for node in fleet.nodes { #expect(node.factors[victim] == 1) }
    }
}

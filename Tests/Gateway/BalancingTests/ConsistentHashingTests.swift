import MeshPrimitives
import Testing

@testable import MeshBalancing

@Suite("Consistent hashing")
struct ConsistentHashingTests {
    private static let picks = 20_000

    private func choices(_ balancer: Balancer, tried: TriedTargets = TriedTargets()) -> [Int] {
        (0..<Self.picks).map { balancer.pick(hash: UInt64($0), tried: tried) }
    }

    private func balancer(_ targets: [BalancerTarget], seed: UInt64 = 0) -> Balancer {
        Balancer(algorithm: .consistentHashing(slots: 10_000), targets: targets, seed: seed)
    }

    @Test("gives every target its share of the keys")
    func sharesByWeight() {
        let weights = [100, 200, 50, 650]
        let balancer = self.balancer(targets(weights))
        let shares = balancer.shares(of: 4, picks: Self.picks)

        for index in weights.indices {
            let expected = Double(Self.picks * weights[index]) / 1_000
            #expect(abs(Double(shares[index]) - expected) < 0.1 * expected + 20)
        }
    }

    @Test(
        "builds the same table on every node, in whatever order targets come",
        arguments: UInt64(1)...8
    )
    func isEqualEverywhere(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let original = targets((0..<9).map { _ in 1 + generator.next(below: 100) })
        let shuffled = generator.shuffle(original)
        let here = self.balancer(original, seed: 1)
        let there = self.balancer(shuffled, seed: 2)
        here.setFactor(0, at: 4)
        let lost = shuffled.firstIndex(of: original[4]) ?? -1
        there.setFactor(0, at: lost)

        for (mine, theirs) in zip(self.choices(here), self.choices(there)) {
            #expect(original[mine].id == shuffled[theirs].id, "seed \(seed)")
        }
    }

    @Test(
        "moves only the keys of a lost target, to all others, and gives them back",
        arguments: 0..<6
    )
    func isStable(lost: Int) {
        let balancer = self.balancer(targets([1, 2, 3, 1, 2, 3]))
        let before = self.choices(balancer)

        balancer.setFactor(0, at: lost)
        let during = self.choices(balancer)
        balancer.setFactor(1, at: lost)
        let after = self.choices(balancer)

        #expect(before == after)
        var heirs: Set<Int> = []
        for (old, new) in zip(before, during) {
            if old == lost { heirs.insert(new) } else { #expect(old == new) }
        }
        #expect(heirs == Set(0..<6).subtracting([lost]))
    }

    @Test("moves few keys when a target is added to the configuration")
    func growsGently() {
        let before = self.choices(self.balancer(targets(Array(repeating: 1, count: 10))))
        let after = self.choices(self.balancer(targets(Array(repeating: 1, count: 11))))
        let moved = zip(before, after).count { $0 != $1 }

        // One eleventh must move; Maglev moves about as much again as disruption.
        #expect(moved < Self.picks / 11 * 2)
    }

    @Test("keeps a part of the keys of a doubtful target, the same part everywhere")
    func lowersShare() {
        let here = self.balancer(targets([1, 1, 1, 1]), seed: 1)
        let there = self.balancer(targets([1, 1, 1, 1]), seed: 2)
        let before = self.choices(here)
        here.setFactor(0.5, at: 2)
        there.setFactor(0.5, at: 2)
        let during = self.choices(here)

        #expect(during == self.choices(there))
        let kept = during.count { $0 == 2 }
        let had = before.count { $0 == 2 }
        #expect(abs(kept * 2 - had) < had / 10)
        #expect(zip(before, during).allSatisfy { $0 == $1 || $0 == 2 })
    }

    @Test("retries on the second choice of the key")
    func retriesBySecondChoice() {
        let balancer = self.balancer(targets([1, 1, 1, 1, 1]))
        for key in UInt64(0)..<500 {
            let first = balancer.pick(hash: key, tried: TriedTargets())
            let retry = balancer.pick(hash: key, tried: tried([first]))
            balancer.setFactor(0, at: first)
            #expect(balancer.pick(hash: key, tried: TriedTargets()) == retry)
            balancer.setFactor(1, at: first)
        }
    }

    @Test("hashes inside the group that serves")
    func hashesPerGroup() {
        let both = self.balancer(targets([1, 1, 1, 1], groups: [0, 0, 1, 1]))
        let alone = self.balancer(Array(targets([1, 1, 1, 1]).suffix(2)))
        both.setActiveGroup(1)

        #expect(self.choices(both) == self.choices(alone).map { $0 + 2 })
    }

    @Test("keeps a hot key below the bound, when one is set")
    func boundsLoad() {
        let list = targets([1, 1, 1, 1])
        let free = self.balancer(list)
        let bounded = Balancer(
            algorithm: .consistentHashing(slots: 10_000),
            targets: list,
            seed: 0,
            loadBound: 1.25
        )
        for _ in 0..<400 {
            for balancer in [free, bounded] {
                balancer.began(balancer.pick(hash: 77, tried: TriedTargets()))
            }
        }

        #expect(free.passedOver == -1)
        #expect(bounded.passedOver == free.pick(hash: 77, tried: TriedTargets()))
        #expect((0..<4).map(free.inFlight).max() == 400)
        #expect((0..<4).map(bounded.inFlight).max() ?? 0 <= 126)
    }

    @Test("fills the next of a hot key's own order, and gives the key back when it is calm")
    func spillsInOrder() {
        let balancer = Balancer(
            algorithm: .consistentHashing(slots: 10_000),
            targets: targets([1, 1, 1, 1]),
            seed: 0,
            loadBound: 1.25
        )
        let first = balancer.pick(hash: 77, tried: TriedTargets())
        let second = balancer.pick(hash: 77, tried: tried([first]))
        var order: [Int] = []
        for _ in 0..<30 {
            let choice = balancer.pick(hash: 77, tried: TriedTargets())
            #expect(balancer.passedOver == (choice == first ? -1 : first))
            if !order.contains(choice) { order.append(choice) }
            balancer.began(choice)
        }
        #expect(order.starts(with: [first, second]))
        for index in 0..<4 { balancer.setInFlight(0, at: index) }
        #expect(balancer.pick(hash: 77, tried: TriedTargets()) == first)
        #expect(balancer.passedOver == -1)
    }

    @Test("moves only the keys of excluded targets, however many, and alike on every node")
    func isStableWithManyExcluded() {
        let here = self.balancer(targets(Array(repeating: 1, count: 200)), seed: 1)
        let there = self.balancer(targets(Array(repeating: 1, count: 200)), seed: 2)
        var before = self.choices(here)
        for lost in [10..<100, 100..<190, 190..<199] {
            for index in lost { here.setFactor(0, at: index) }
            for index in lost.reversed() { there.setFactor(0, at: index) }
            let during = self.choices(here)

            #expect(during == self.choices(there))
            #expect(zip(before, during).allSatisfy { lost.contains($0) || $0 == $1 })
            before = during
        }
        // Eleven are left; each gets about its share of all keys.
        var shares = Array(repeating: 0, count: 200)
        for choice in before { shares[choice] += 1 }
        let fair = Self.picks / 11
        #expect((0..<10).allSatisfy { abs(shares[$0] - fair) < fair / 4 })
        #expect(abs(shares[199] - fair) < fair / 4)
    }

    @Test("nodes that disagree about one target's health disagree about its keys only")
    func localizesDisagreement() {
        let here = self.balancer(targets(Array(repeating: 1, count: 60)), seed: 1)
        let there = self.balancer(targets(Array(repeating: 1, count: 60)), seed: 2)
        for index in 5..<55 {
            here.setFactor(0, at: index)
            there.setFactor(0, at: index)
        }
        here.setFactor(0, at: 2)

        for (mine, theirs) in zip(self.choices(here), self.choices(there)) {
            #expect(mine == theirs || theirs == 2)
        }
    }

    @Test(
        "fills a prime number of slots, a hundred per target",
        arguments: [0, 1, 655, 656, 3_000, 65_000]
    )
    func sizesTable(count: Int) {
        let slots = MaglevTables.slotCount(for: count)

        #expect(slots >= min(count * 100, 655_373) && (65_537...655_373).contains(slots))
        #expect(!(2...810).contains { slots % $0 == 0 && slots != $0 })
    }
}

@Suite("Rendezvous hashing")
struct RendezvousTests {
    @Test("takes logarithms that are exact at powers of two and close between")
    func takesLogarithms() {
        for exponent in -53...3 {
            let power = Double(sign: .plus, exponent: exponent, significand: 1)
            #expect(abs(Rendezvous.binaryLogarithm(power) - Double(exponent)) < 1e-12)
        }
        #expect(abs(Rendezvous.binaryLogarithm(0.75) + 0.415_037_499_278_844) < 1e-4)
        #expect(abs(Rendezvous.binaryLogarithm(0.71) + 0.494_109_070_270_043) < 1e-4)
        #expect(abs(Rendezvous.binaryLogarithm(0.7) + 0.514_573_172_829_758) < 1e-4)
    }
}

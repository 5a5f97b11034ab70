import MeshDissemination
import MeshPrimitives
import Testing

@Suite("A peer sampler")
struct PeerSamplerTests {
    private var generator = SeededGenerator(seed: 7)

    private func id(_ number: Int) -> NodeID { NodeID(high: 0, low: UInt64(number)) }

    private func sampler(near: Int, far: Int) -> PeerSampler {
        var sampler = PeerSampler(region: "eu")
        for number in 0..<near { sampler.insert(Peer(id: self.id(number), region: "eu")) }
        for number in 0..<far { sampler.insert(Peer(id: self.id(10_000 + number), region: "us")) }
        return sampler
    }

    @Test("picks different peers, none of the excluded, and all when there are too few")
    mutating func picksDifferentPeers() {
        let sampler = self.sampler(near: 40, far: 0)
        for count in [1, 3, 12, 39] {
            let picked = sampler.pick(count, excluding: [self.id(3)], using: &self.generator)
            #expect(Set(picked).count == count)
            #expect(!picked.contains(self.id(3)))
        }
        #expect(sampler.pick(50, using: &self.generator).count == 40)
        #expect(PeerSampler(region: "eu").pick(3, using: &self.generator).isEmpty)
    }

    @Test("tells one peer of another region per round from a small region")
    mutating func crossesOnce() {
        let sampler = self.sampler(near: 5, far: 5)
        for _ in 0..<100 {
            let picked = sampler.pick(3, using: &self.generator)
            #expect(picked.count(where: { sampler[$0]?.region == "us" }) == 1)
            #expect(picked.count == 3)
        }
    }

    @Test("keeps what a large region tells another as many as a small one does")
    mutating func boundsCrossing() {
        let sampler = self.sampler(near: 1_000, far: 1_000)
        var crossings = 0
        for _ in 0..<10_000 {
            crossings += sampler.pick(3, using: &self.generator)
                .count { sampler[$0]?.region == "us" }
        }

        // 1,001 nodes make 10,000 picks in about ten rounds: 16 tellers each.
        #expect((120...200).contains(crossings))
    }

    @Test("reaches both sides with a single pick")
    mutating func takesTurns() {
        let sampler = self.sampler(near: 5, far: 5)
        let regions = (0..<100).compactMap { _ in
            sampler.pick(1, using: &self.generator).first.flatMap { sampler[$0]?.region }
        }

        #expect((20...80).contains(regions.count { $0 == "us" }))
    }

    @Test("picks others when the own region is empty, and the own when there are no others")
    mutating func fillsUp() {
        #expect(self.sampler(near: 0, far: 9).pick(3, using: &self.generator).count == 3)
        #expect(self.sampler(near: 9, far: 0).pick(3, using: &self.generator).count == 3)
    }

    @Test("picks evenly over all regions where the region does not matter")
    mutating func picksEvenly() {
        let sampler = self.sampler(near: 10, far: 30)
        var far = 0
        for _ in 0..<1_000 {
            far += sampler.pickEvenly(2, using: &self.generator)
                .count { sampler[$0]?.region == "us" }
        }

        #expect((1_350...1_650).contains(far))
    }

    @Test("moves a peer that changed its region and forgets one that left")
    mutating func followsChanges() {
        var sampler = self.sampler(near: 3, far: 0)
        sampler.insert(Peer(id: self.id(1), region: "us", roundTrip: .milliseconds(80)))
        sampler.remove(self.id(2))
        sampler.remove(self.id(77))

        #expect(sampler.regional == [self.id(0)])
        #expect(sampler.remote == [self.id(1)])
        #expect(sampler[self.id(1)]?.roundTrip == .milliseconds(80))
        #expect(sampler.count == 2)
    }
}

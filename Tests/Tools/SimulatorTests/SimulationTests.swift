import MeshSimulator
import Testing

@Suite("A simulated mesh")
struct SimulationTests {
    private static let fixedSeeds: [UInt64] = [1, 2]

    @Test(
        "keeps every promise",
        arguments: FaultProfile.all.filter { !FaultProfile.configuration.contains($0) }
            .map(\.name),
        Self.fixedSeeds
    )
    func keepsPromises(name: String, seed: UInt64) throws {
        let profile = try #require(FaultProfile.named(name))
        var simulation = Simulation(seed: seed, profile: profile)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
    }

    @Test("keeps what is promised of configurations", arguments: FaultProfile.configuration)
    func keepsConfigurations(profile: FaultProfile) {
        var simulation = Simulation(seed: 1, profile: profile)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
    }

    @Test("demands no fault that another one of its schedule has made senseless")
    func senselessFaults() {
        // Its only node that is to be set up anew may not crash before: too many others are down.
        var simulation = Simulation(seed: 90, profile: .wiped)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
    }

    @Test("counts a fault that did not happen as a failure of the run")
    func missesFaults() {
        var profile = FaultProfile.calm
        // So rarely that none comes twice.
        profile.duplication = 1e-12
        var simulation = Simulation(seed: 1, profile: profile)

        let report = simulation.run()

        #expect(report.violation?.promise == .faults, "\(report)")
    }

    @Test("keeps every promise under seeds nobody has tried", arguments: FaultProfile.all)
    func keepsPromisesUnderFreshSeeds(profile: FaultProfile) {
        var dice = SystemRandomNumberGenerator()
        let seed = UInt64(UInt32.random(in: .min ... .max, using: &dice))
        print("fresh seed: swift run meshsim --seed \(seed) --profile \(profile.name)")
        var simulation = Simulation(seed: seed, profile: profile)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
    }

    @Test("does not fail a member again whose refutations were lost: lossy, seed 51")
    func lostRefutations() {
        var simulation = Simulation(seed: 51, profile: .lossy)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
    }

    @Test("mixes up nothing that two starts of one number have said: rolled-back, seed 27")
    func sameBoot() {
        var simulation = Simulation(seed: 27, profile: .rolledBack)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
    }

    @Test("brings nothing deleted back with what came late: copied", arguments: [65, 196, 225])
    func lateCreations(seed: UInt64) {
        var simulation = Simulation(seed: seed, profile: .copied)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
    }

    @Test("folds while disks are full and slow")
    func foldsOnBadDisks() {
        var simulation = Simulation(seed: 3, profile: .disks)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
        #expect(simulation.checkpointCount > FaultProfile.disks.nodeCount)
    }

    @Test("sees a killed node within four seconds", arguments: UInt64(100)..<104)
    func detectsKill(seed: UInt64) throws {
        var simulation = Simulation(seed: seed, profile: .kill)

        let report = simulation.run()

        #expect(report.violation == nil, "\(report)")
        #expect(try #require(report.slowestDetection) <= .seconds(4))
    }

    @Test("repeats itself exactly")
    func isDeterministic() {
        var first = Simulation(seed: 5, profile: .churn)
        var second = Simulation(seed: 5, profile: .churn)

        let reports = (first.run(), second.run())

        #expect(reports.0.inputCount == reports.1.inputCount)
        #expect(reports.0.datagramCount == reports.1.datagramCount)
        #expect(reports.0.lastEvents == reports.1.lastEvents)
    }
}

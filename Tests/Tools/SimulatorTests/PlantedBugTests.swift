import MeshSimulator
import Testing

@Suite("A checker")
struct PlantedBugTests {
    /// Enough members to fill datagrams, for a short time.
    private static let crowd: FaultProfile = {
        var profile = FaultProfile.calm
        profile.nodeCount = 24
        profile.faultSeconds = 8
        profile.quietSeconds = 1
        return profile
    }()

    @Test(
        "catches a planted mistake",
        arguments: [
            (PlantedBug.deafToAccusations, FaultProfile.stalls, Violation.Promise.accuracy),
            (.blindProbes, .kill, .detection),
            (.noFullSync, .split, .equalViews),
            (.largeDatagrams, Self.crowd, .datagramSize),
            (.hastyAcknowledgement, .calm, .durability),
            (.deafToObservations, .calm, .equalObservations),
            (.noRepair, .split, .equalStores),
        ]
    )
    func catches(bug: PlantedBug, profile: FaultProfile, promise: Violation.Promise) {
        let caught = (UInt64(1)...4).contains { seed in
            var simulation = Simulation(seed: seed, profile: profile, bug: bug)
            return simulation.run().violation?.promise == promise
        }

        #expect(caught, "\(bug) went unseen")
    }

    @Test("tells how to repeat a failed run")
    func tellsHowToRepeat() {
        var simulation = Simulation(seed: 1, profile: .kill, bug: .blindProbes)

        let text = "\(simulation.run())"

        #expect(text.contains("FAILED seed 1 profile kill"))
        #expect(text.contains("swift run meshsim --seed 1 --profile kill --nodes 5"))
        #expect(text.contains("crashes"))
    }
}

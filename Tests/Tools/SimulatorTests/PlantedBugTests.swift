import MeshSimulator
import Testing

@Suite("A checker")
struct PlantedBugTests {
    @Test("catches a planted mistake", arguments: PlantedBug.allCases)
    func catches(bug: PlantedBug) {
        #expect(bug.caught(under: 1...16) != nil, "\(bug) went unseen")
    }

    @Test("knows ten mistakes at least")
    func isMany() {
        #expect(PlantedBug.allCases.count >= 10)
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

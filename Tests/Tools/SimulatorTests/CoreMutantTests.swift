import MeshActivation
import MeshChangelog
import MeshObservations
import MeshSimulator
import Testing

@Suite("A mistake inside a core")
struct CoreMutantTests {
    /// Those that show soon; `meshsim config --plant all --seeds 1000` plants all.
    private static let quick: [CoreMutant] = [
        .changelog(.appliesInOrderOfArrival), .changelog(.hidesConflicts),
        .changelog(.ignoresOtherContents), .changelog(.knowsStreamsOnly),
        .changelog(.takesAnyGeneration), .observations(.neverWithdraws),
        .observations(.keepsFormerStarts), .activation(.takesStaleResults),
        .activation(.forgetsLastGood), .activation(.forgetsWhatWaits),
    ]

    @Test("is caught", arguments: Self.quick)
    func catches(mutant: CoreMutant) {
        #expect(mutant.caught(under: 1...4) != nil, "\(mutant.name) went unseen")
    }

    @Test("can be planted in each of three cores, by a name of its own")
    func names() {
        let names = CoreMutant.allCases.map(\.name)

        #expect(Set(names).count == names.count)
        #expect(names.count >= 20)
        #expect(CoreMutant.named("hidesConflicts") == .changelog(.hidesConflicts))
    }
}

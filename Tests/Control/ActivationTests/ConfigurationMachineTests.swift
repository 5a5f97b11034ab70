import MeshPrimitives
import Testing

@testable import MeshActivation

@Suite("The configuration machine")
struct ConfigurationMachineTests {
    typealias Effect = ConfigurationMachine.Effect

    private static let one = HostAddress(.v4(0x0A00_0001))
    private static let two = HostAddress(.v4(0x0A00_0002))
    private var machine = Self.machine()

    private static func machine(
        _ change: (inout ConfigurationMachine.Setup) -> Void = { _ in }
    ) -> ConfigurationMachine {
        var setup = ConfigurationMachine.Setup()
        change(&setup)
        return ConfigurationMachine(setup, at: Self.at(0))
    }

    private static func at(_ seconds: Int64) -> MonotonicInstant {
        MonotonicInstant(sinceStart: .seconds(seconds))
    }

    private static func state(_ generation: UInt64, _ keys: String...) -> RoutedState {
        RoutedState(
            head: .init(generation: generation, hash: ContentHash(high: 7, low: generation)),
            entities: keys.map { StoredEntity(key: $0, body: []) }
        )
    }

    private static func facts(_ hosts: String..., fingerprint: UInt64 = 0) -> CompiledFacts {
        CompiledFacts(hosts: Set(hosts), fingerprint: fingerprint)
    }

    /// Activates a state from beginning to end.
    private mutating func activate(
        _ state: RoutedState,
        revision: UInt64,
        _ facts: CompiledFacts = facts()
    ) -> [Effect] {
        var effects = self.machine.receive(state, at: Self.at(1))
        effects += self.machine.compiled(revision, facts, at: Self.at(1))
        return effects + self.machine.installed(revision, at: Self.at(1))
    }

    private static func builds(_ effects: [Effect]) -> [ConfigurationBuild] {
        effects.compactMap { if case .compile(let build) = $0 { build } else { nil } }
    }

    private static func lookups(_ effects: [Effect]) -> [ResolutionTable.Lookup] {
        effects.compactMap { if case .resolve(let lookup) = $0 { lookup } else { nil } }
    }

    @Test("is not ready with an empty store, and says what it waits for")
    mutating func emptyStart() {
        let effects = self.machine.receive(.empty, at: Self.at(0))

        #expect(Self.builds(effects) == [])
        #expect(!self.machine.current.isReady)
        #expect(self.machine.current.waiting == .operator)
    }

    @Test("is ready when a configuration is in use, not when it has arrived or is compiled")
    mutating func readiness() {
        var ready: [Bool] = []
        _ = self.machine.receive(Self.state(1, "routes/a"), at: Self.at(0))
        ready.append(self.machine.current.isReady)
        let install = self.machine.compiled(1, Self.facts(), at: Self.at(0))
        ready.append(self.machine.current.isReady)
        _ = self.machine.installed(1, at: Self.at(0))
        ready.append(self.machine.current.isReady)

        #expect(install.first == .install(revision: 1))
        #expect(ready == [false, false, true])
        #expect(self.machine.current.waiting == nil)
    }

    @Test("waits for its activation while it holds something, for its file until that is applied")
    mutating func waiting() {
        _ = self.machine.receive(Self.state(1, "routes/a"), at: Self.at(0))
        #expect(self.machine.current.waiting == .activation)

        var setup = ConfigurationMachine.Setup()
        setup.file = .unread
        self.machine = ConfigurationMachine(setup, at: Self.at(0))
        _ = self.machine.receive(.empty, at: Self.at(0))
        #expect(self.machine.current.waiting == .ownFile)
        let effects = self.machine.fileRead(fingerprint: 1, at: Self.at(1))
        #expect(effects.contains(.applyFile) && self.machine.current.waiting == .ownFile)
        _ = self.machine.fileApplied(at: Self.at(2))
        #expect(self.machine.current.waiting == .operator, "there was nothing in it")
    }

    @Test("is not ready when what it has cannot be used, and says why")
    mutating func refusedStart() {
        _ = self.machine.receive(Self.state(1, "routes/a"), at: Self.at(0))
        let effects = self.machine.refused(1, reason: "no such service", at: Self.at(0))

        let refusal = ConfigurationStanding.Refusal(
            head: Self.state(1).head,
            reason: "no such service"
        )
        #expect(effects.first == .event(.refused(refusal)))
        #expect(!self.machine.current.isReady)
        #expect(self.machine.current.refusal == refusal)
    }

    @Test("keeps the last good one when a later state cannot be used, and tries the next state")
    mutating func keepsLastGood() {
        _ = self.activate(Self.state(1, "routes/a"), revision: 1)
        _ = self.machine.receive(Self.state(2, "routes/b"), at: Self.at(2))
        _ = self.machine.refused(2, reason: "torn", at: Self.at(2))

        #expect(self.machine.current.isReady)
        #expect(self.machine.current.active == Self.state(1).head)
        #expect(self.machine.current.refusal?.reason == "torn")

        let again = self.machine.receive(Self.state(2, "routes/b"), at: Self.at(3))
        let next = self.machine.receive(Self.state(3, "routes/c"), at: Self.at(4))
        _ = self.machine.compiled(3, Self.facts(), at: Self.at(4))
        _ = self.machine.installed(3, at: Self.at(4))

        #expect(Self.builds(again) == [], "the same state is refused the same way")
        #expect(Self.builds(next).map(\.state) == [Self.state(3, "routes/c")])
        #expect(self.machine.current.active == Self.state(3).head)
        #expect(self.machine.current.refusal == nil)
    }

    @Test("compiles one state at a time, and of those that arrive meanwhile the newest")
    mutating func newestWins() {
        let first = self.machine.receive(Self.state(1, "routes/a"), at: Self.at(0))
        let second = self.machine.receive(Self.state(2, "routes/b"), at: Self.at(0))
        let third = self.machine.receive(Self.state(3, "routes/c"), at: Self.at(0))
        let install = self.machine.compiled(1, Self.facts(), at: Self.at(1))
        let after = self.machine.installed(1, at: Self.at(1))

        #expect(Self.builds(first).map(\.revision) == [1])
        #expect(Self.builds(second + third + install) == [])
        #expect(Self.builds(after).map(\.state.head.generation) == [3])
    }

    @Test("hands a build all changes since the build before, when every state told its own")
    mutating func gathersChanges() {
        let hash = { (number: UInt64) in ContentHash(high: 7, low: number) }
        let told = { (number: UInt64, key: String) in
            var state = Self.state(number, "a", "b", "c")
            state.changes = .init(base: hash(number - 1), bodies: [key: [UInt8(number)]])
            return state
        }
        _ = self.activate(Self.state(1, "a", "b", "c"), revision: 1)
        let second = self.machine.receive(told(2, "a"), at: Self.at(2))
        _ = self.machine.receive(told(3, "b"), at: Self.at(2))
        _ = self.machine.receive(told(4, "a"), at: Self.at(2))
        _ = self.machine.compiled(2, Self.facts(), at: Self.at(2))
        let fourth = self.machine.installed(2, at: Self.at(2))
        // This one does not say what it changes.
        _ = self.machine.receive(Self.state(5, "a"), at: Self.at(3))
        _ = self.machine.receive(told(6, "c"), at: Self.at(3))
        _ = self.machine.compiled(3, Self.facts(), at: Self.at(3))
        let sixth = self.machine.installed(3, at: Self.at(3))

        #expect(
            Self.builds(second).map(\.state.changes) == [.init(base: hash(1), bodies: ["a": [2]])]
        )
        #expect(
            Self.builds(fourth).map(\.state.changes)
                == [.init(base: hash(2), bodies: ["a": [4], "b": [3]])]
        )
        #expect(Self.builds(sixth).map(\.state.changes) == [nil])
    }

    @Test("drops results of builds that are not under way, so that nothing old comes back")
    mutating func staleResults() {
        _ = self.activate(Self.state(1, "routes/a"), revision: 1)
        _ = self.machine.receive(Self.state(2, "routes/b"), at: Self.at(2))

        #expect(self.machine.compiled(1, Self.facts(), at: Self.at(2)) == [])
        #expect(self.machine.installed(1, at: Self.at(2)) == [])
        #expect(self.machine.refused(1, reason: "late", at: Self.at(2)) == [])
        #expect(self.machine.compiled(2, Self.facts(), at: Self.at(2)) == [.install(revision: 2)])
    }

    @Test("looks up names after the activation, and never waits for them")
    mutating func namesFollow() {
        let effects = self.activate(
            Self.state(1, "targets/a"),
            revision: 1,
            Self.facts("slow.test")
        )
        let next = self.machine.receive(Self.state(2, "targets/b"), at: Self.at(2))
        _ = self.machine.compiled(2, Self.facts("slow.test"), at: Self.at(2))
        _ = self.machine.installed(2, at: Self.at(2))

        #expect(Self.lookups(effects).map(\.host) == ["slow.test"])
        #expect(effects.firstIndex(of: .install(revision: 1)) ?? .max < effects.count - 1)
        #expect(Self.builds(next).count == 1, "an unanswered name holds up nothing")
        #expect(self.machine.current.active == Self.state(2).head)
    }

    @Test("builds what is in use again when an address changes, not what was in use then")
    mutating func addressesOfTheActive() {
        let effects = self.activate(Self.state(1, "targets/a"), revision: 1, Self.facts("a.test"))
        let lookup = Self.lookups(effects)[0]
        _ = self.activate(Self.state(2, "targets/b"), revision: 2, Self.facts("a.test"))

        let answered = self.machine.resolved(
            lookup,
            .found([Self.one], timeToLive: .seconds(60)),
            at: Self.at(4)
        )

        let build = Self.builds(answered).first
        #expect(build?.state == Self.state(2, "targets/b"))
        #expect(build?.addresses == ["a.test": [Self.one]])
    }

    @Test("does not build again for an answer that is only rotated")
    mutating func rotation() {
        let effects = self.activate(Self.state(1, "targets/a"), revision: 1, Self.facts("a.test"))
        let answer = [Self.two, Self.one]
        let first = self.machine.resolved(
            Self.lookups(effects)[0],
            .found(answer, timeToLive: .seconds(5)),
            at: Self.at(1)
        )
        _ = self.machine.compiled(2, Self.facts("a.test"), at: Self.at(1))
        _ = self.machine.installed(2, at: Self.at(1))
        let again = Self.lookups(self.machine.wake(at: Self.at(7)))
        let second = self.machine.resolved(
            again[0],
            .found(answer.reversed(), timeToLive: .seconds(5)),
            at: Self.at(7)
        )

        #expect(Self.builds(first).map { $0.addresses["a.test"] } == [[Self.one, Self.two]])
        #expect(Self.builds(second) == [])
    }

    @Test("keeps the addresses in use up to date while it refuses the newest state")
    mutating func addressesUnderRefusal() {
        let effects = self.activate(Self.state(1, "targets/a"), revision: 1, Self.facts("a.test"))
        _ = self.machine.receive(Self.state(2, "targets/b"), at: Self.at(2))
        _ = self.machine.refused(2, reason: "bad", at: Self.at(2))

        let answered = self.machine.resolved(
            Self.lookups(effects)[0],
            .found([Self.one], timeToLive: .seconds(5)),
            at: Self.at(3)
        )

        #expect(Self.builds(answered).map(\.state.head.generation) == [1])
        #expect(self.machine.current.refusal?.reason == "bad")
    }

    @Test("takes over another generation of the same entities without a build")
    mutating func sameHash() {
        _ = self.activate(Self.state(1, "routes/a"), revision: 1)
        var later = Self.state(1, "routes/a")
        later.head.generation = 9

        let effects = self.machine.receive(later, at: Self.at(2))

        #expect(Self.builds(effects) == [])
        #expect(self.machine.current.active?.generation == 9)
    }

    @Test("settles a state when it or a later one is in use or refused")
    mutating func settles() {
        _ = self.machine.receive(Self.state(1, "routes/a"), at: Self.at(0))
        let first = self.machine.stateNumber
        _ = self.machine.receive(Self.state(2, "routes/b"), at: Self.at(0))
        #expect(self.machine.settledNumber < first)
        _ = self.machine.refused(1, reason: "bad", at: Self.at(0))
        #expect(self.machine.settledNumber == first)
        _ = self.machine.compiled(2, Self.facts(), at: Self.at(0))
        _ = self.machine.installed(2, at: Self.at(0))
        #expect(self.machine.settledNumber == self.machine.stateNumber)
    }

    @Test("applies the file at once without seeds, when there is nothing")
    mutating func fileWithoutSeeds() {
        self.machine = Self.machine { $0.file = .usable(fingerprint: 5) }

        #expect(self.machine.receive(.empty, at: Self.at(0)).contains(.applyFile))
        #expect(!self.machine.receive(.empty, at: Self.at(1)).contains(.applyFile))
    }

    @Test("applies the file when the seeds have not answered for a bounded time")
    mutating func fileWithDeadSeeds() {
        self.machine = Self.machine {
            $0.file = .usable(fingerprint: 5)
            $0.hasSeeds = true
        }
        let begin = self.machine.receive(.empty, at: Self.at(0))
        #expect(self.machine.current.waiting == .seeds)
        let early = self.machine.wake(at: Self.at(9))
        let late = self.machine.wake(at: Self.at(10))

        #expect(begin.contains(.wake(at: Self.at(10))))
        #expect(!(begin + early).contains(.applyFile))
        #expect(late.contains(.applyFile))
    }

    @Test("gives the mesh it joins time to send its own, and then never applies the file")
    mutating func fileIsNotForAMeshThatHasOne() {
        self.machine = Self.machine {
            $0.file = .usable(fingerprint: 5)
            $0.hasSeeds = true
        }
        var effects = self.machine.receive(.empty, at: Self.at(0))
        effects += self.machine.joined(at: Self.at(9))
        #expect(self.machine.current.waiting == .mesh)
        effects += self.machine.wake(at: Self.at(11))
        effects += self.activate(Self.state(41, "routes/a"), revision: 1)
        effects += self.machine.wake(at: Self.at(60))

        #expect(!effects.contains(.applyFile))
        #expect(effects.contains(.event(.fileDiffers(Self.state(41).head))))
        #expect(self.machine.current.differsFromFile)
    }

    @Test("applies the file to a mesh that it joined and that has none")
    mutating func fileForAnEmptyMesh() {
        self.machine = Self.machine {
            $0.file = .usable(fingerprint: 5)
            $0.hasSeeds = true
        }
        _ = self.machine.receive(.empty, at: Self.at(0))
        _ = self.machine.joined(at: Self.at(1))

        #expect(!self.machine.wake(at: Self.at(3)).contains(.applyFile))
        #expect(self.machine.wake(at: Self.at(4)).contains(.applyFile))
    }

    @Test("tries a file that could not be written again, but not one that is refused")
    mutating func fileFails() {
        self.machine = Self.machine { $0.file = .usable(fingerprint: 5) }
        _ = self.machine.receive(.empty, at: Self.at(0))
        let failed = self.machine.fileFailed(reason: "disk full", isFinal: false, at: Self.at(0))
        let again = self.machine.wake(at: Self.at(5))
        _ = self.machine.fileFailed(reason: "bad", isFinal: true, at: Self.at(5))
        let never = self.machine.wake(at: Self.at(60))

        #expect(failed.first == .event(.fileRefused(reason: "disk full")))
        #expect(again.contains(.applyFile))
        #expect(!never.contains(.applyFile))
        #expect(self.machine.current.waiting == .file(reason: "bad"))
    }

    @Test("says once when the file is not what it routes by, and forgets it when it is")
    mutating func fileDiffers() {
        self.machine = Self.machine { $0.file = .usable(fingerprint: 5) }
        let first = self.activate(
            Self.state(1, "routes/a"),
            revision: 1,
            Self.facts(fingerprint: 6)
        )
        let second = self.activate(
            Self.state(2, "routes/b"),
            revision: 2,
            Self.facts(fingerprint: 7)
        )
        let differs = self.machine.current.differsFromFile
        _ = self.activate(Self.state(3, "routes/c"), revision: 3, Self.facts(fingerprint: 5))

        #expect(first.contains(.event(.fileDiffers(Self.state(1).head))))
        #expect(!second.contains { if case .event(.fileDiffers) = $0 { true } else { false } })
        #expect(differs)
        #expect(!self.machine.current.differsFromFile)
    }
}

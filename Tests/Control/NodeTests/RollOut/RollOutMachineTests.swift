import MeshPrimitives
import MeshReports
import Testing

@testable import MeshNode

@Suite("A roll-out in waves")
struct RollOutMachineTests {
    private static let nodes: [NodeID] = (1...3).map { NodeID(high: 0, low: $0) }
    private static let limits = RollOutLimits(errors: 0.01, latencyRise: 0.2, holdSeconds: 10)

    /// First node 1, then node 2, then all.
    private static var rollOut: RollOut {
        RollOut(
            id: "ab12cd34",
            base: "old",
            waves: [[Self.nodes[0].description], [Self.nodes[1].description]],
            limits: Self.limits
        )
    }

    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(sinceStart: .seconds(seconds))
    }

    private static func view(
        new active: Set<Int>,
        dead: Set<Int> = [],
        suspect: Set<Int> = [],
        refusing: Set<Int> = [],
        harm: String? = nil
    ) -> RollOutMachine.View {
        var standings: [RollOutMachine.Standing] = []
        for (number, id) in zip(1...3, Self.nodes) {
            standings.append(
                RollOutMachine.Standing(
                    id: id,
                    name: "n\(number)",
                    isAlive: !dead.contains(number) && !suspect.contains(number),
                    isFailed: dead.contains(number),
                    hash: active.contains(number) ? "new" : "old",
                    refusal: refusing.contains(number) ? "no such plugin" : ""
                )
            )
        }
        return RollOutMachine.View(nodes: standings, newest: "new", harm: harm)
    }

    @Test("releases its first wave at once, and the others one by one until all are")
    func waves() {
        var rollOut = Self.rollOut

        #expect(Self.nodes.map(rollOut.isReleased) == [true, false, false])
        rollOut = rollOut.advanced
        #expect(Self.nodes.map(rollOut.isReleased) == [true, true, false])
        rollOut = rollOut.advanced
        #expect(Self.nodes.map(rollOut.isReleased) == [true, true, true])
        #expect(rollOut.isOpen)
        rollOut = rollOut.advanced
        #expect(rollOut.phase == .finished && !rollOut.isOpen)
        #expect(RollOut(body: rollOut.body) == rollOut)
        #expect(RollOut(body: [1, 2]) == nil)
    }

    @Test("lets every node take up what is over, be it finished or taken back")
    func over() {
        var rollOut = Self.rollOut
        for phase in [RollOut.Phase.finished, .aborted] {
            rollOut.phase = phase
            #expect(Self.nodes.allSatisfy(rollOut.isReleased))
        }
        rollOut.phase = .paused
        #expect(Self.nodes.map(rollOut.isReleased) == [true, false, false])
    }

    @Test("goes on when a wave has held, counted from when all of it was active")
    func holds() {
        var machine = RollOutMachine(node: Self.nodes[0])
        #expect(machine.step(Self.rollOut, Self.view(new: []), at: Self.at(0)) == nil)
        #expect(machine.step(Self.rollOut, Self.view(new: [1]), at: Self.at(5)) == nil)
        #expect(machine.step(Self.rollOut, Self.view(new: [1]), at: Self.at(14.9)) == nil)
        #expect(machine.step(Self.rollOut, Self.view(new: [1]), at: Self.at(15)) == .advance)

        let second = Self.rollOut.advanced
        #expect(machine.step(second, Self.view(new: [1, 2]), at: Self.at(16)) == nil)
        // The node fell back to the old one for a moment, after a restart say.
        #expect(machine.step(second, Self.view(new: [1]), at: Self.at(20)) == nil)
        #expect(machine.step(second, Self.view(new: [1, 2]), at: Self.at(21)) == nil)
        #expect(machine.step(second, Self.view(new: [1, 2]), at: Self.at(30)) == nil)
        #expect(machine.step(second, Self.view(new: [1, 2]), at: Self.at(31)) == .advance)
    }

    @Test("is carried on by the next living node when the one before does not")
    func successors() {
        let view = Self.view(new: [1], dead: [])
        var machines = Self.nodes.map { RollOutMachine(node: $0) }
        for index in machines.indices {
            #expect(machines[index].step(Self.rollOut, view, at: Self.at(0)) == nil)
        }
        #expect(machines[1].step(Self.rollOut, view, at: Self.at(11.9)) == nil)
        #expect(machines[1].step(Self.rollOut, view, at: Self.at(12)) == .advance)
        #expect(machines[2].step(Self.rollOut, view, at: Self.at(13.9)) == nil)
        #expect(machines[2].step(Self.rollOut, view, at: Self.at(14)) == .advance)
    }

    @Test("waits for a suspect of a released wave and names it, not for one of a later wave")
    func suspects() {
        var machine = RollOutMachine(node: Self.nodes[1])
        let view = Self.view(new: [1], suspect: [1])

        #expect(machine.step(Self.rollOut, view, at: Self.at(0)) == nil)
        #expect(machine.step(Self.rollOut, view, at: Self.at(1_000)) == nil)
        #expect(RollOutMachine.missing(Self.rollOut, view) == ["n1 (suspect)"])
        let later = Self.view(new: [1], suspect: [3])
        #expect(machine.step(Self.rollOut, later, at: Self.at(1_001)) == nil)
        #expect(machine.step(Self.rollOut, later, at: Self.at(1_020)) == .advance)
    }

    @Test("is taken back when a node dies while it is watched, also before it said anything")
    func deaths() {
        var machine = RollOutMachine(node: Self.nodes[1])
        #expect(machine.step(Self.rollOut, Self.view(new: []), at: Self.at(0)) == nil)
        #expect(
            machine.step(Self.rollOut, Self.view(new: [], dead: [1]), at: Self.at(7))
                == .abort(reason: "n1 failed while it was watched")
        )
    }

    @Test("goes on without a node that has held before, or was gone when its wave began")
    func gone() {
        var machine = RollOutMachine(node: Self.nodes[1])
        let second = Self.rollOut.advanced
        #expect(machine.step(second, Self.view(new: [1, 2]), at: Self.at(0)) == nil)
        let view = Self.view(new: [2], dead: [1])
        #expect(machine.step(second, view, at: Self.at(5)) == nil)
        #expect(machine.step(second, view, at: Self.at(10)) == .advance)

        let last = second.advanced
        let alone = Self.view(new: [2], dead: [1, 3])
        #expect(machine.step(last, alone, at: Self.at(11)) == nil)
        #expect(machine.step(last, alone, at: Self.at(21)) == .advance)
    }

    @Test("is taken back when a node that took the change up does worse, or cannot use it")
    func harm() {
        var first = RollOutMachine(node: Self.nodes[0])
        let bad = Self.view(new: [1], harm: "9 % of 100 requests failed")
        #expect(
            first.step(Self.rollOut, bad, at: Self.at(0))
                == .abort(reason: "n1: 9 % of 100 requests failed")
        )
        // A node that is held back sees nothing of the change.
        var third = RollOutMachine(node: Self.nodes[2])
        #expect(third.step(Self.rollOut, bad, at: Self.at(0)) == nil)
        #expect(
            third.step(Self.rollOut, Self.view(new: [], refusing: [1]), at: Self.at(0))
                == .abort(reason: "n1 cannot use it: no such plugin")
        )
        #expect(third.step(Self.rollOut, Self.view(new: [1], refusing: [3]), at: Self.at(0)) == nil)
    }

    @Test("does nothing while it is paused, and begins to count again when it is resumed")
    func pause() {
        var machine = RollOutMachine(node: Self.nodes[0])
        var paused = Self.rollOut
        paused.phase = .paused
        _ = machine.step(Self.rollOut, Self.view(new: [1]), at: Self.at(0))
        #expect(machine.step(paused, Self.view(new: [1], harm: "x"), at: Self.at(50)) == nil)
        #expect(machine.step(Self.rollOut, Self.view(new: [1]), at: Self.at(60)) == nil)
        #expect(machine.step(Self.rollOut, Self.view(new: [1]), at: Self.at(70)) == .advance)
    }
}

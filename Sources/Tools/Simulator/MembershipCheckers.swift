import MeshMembership
import MeshPrimitives

/// Checks that nobody declares a member failed that it could reach all the time.
///
/// A node that crashed, started, left or stood still for long is excused for a while; so is everybody
/// after a cut of the network.
struct AccuracyChecker {
    private let grace: Duration
    private var excused: [Int: MonotonicInstant] = [:]
    private var allExcused = MonotonicInstant(nanoseconds: .min / 2)

    /// Creates a checker that excuses for the longest suspicion, `grace`.
    init(grace: Duration) { self.grace = grace }

    /// Excuses one node from now on.
    mutating func excuse(_ node: Int, at now: MonotonicInstant) { self.excused[node] = now }

    /// Excuses everybody from now on.
    mutating func excuseAll(at now: MonotonicInstant) { self.allExcused = now }

    /// Judges that `observer` declared `subject` failed.
    func check(observer: Int, subject: Int, at now: MonotonicInstant) -> Violation? {
        let ends = [self.allExcused, self.excused[subject], self.excused[observer]]
            .compactMap { $0?.advanced(by: self.grace) }
        guard ends.allSatisfy({ $0 < now }) else { return nil }
        return Violation(
            promise: .accuracy,
            at: now,
            text: "node \(observer) declared node \(subject) failed, which runs and is reachable"
        )
    }
}

/// Checks that no view goes back to an older incarnation of a member.
struct IncarnationChecker {
    private struct Pair: Hashable {
        let observer: Int
        let subject: NodeID
    }

    private var highest: [Pair: UInt64] = [:]

    /// Forgets what a node saw, since it starts anew or dropped the member.
    mutating func reset(observer: Int, subject: NodeID? = nil) {
        self.highest = self.highest.filter { pair, _ in
            pair.observer != observer || (subject != nil && pair.subject != subject)
        }
    }

    /// Judges what `observer` now sees of a member.
    mutating func check(observer: Int, _ member: Member, at now: MonotonicInstant) -> Violation? {
        let pair = Pair(observer: observer, subject: member.id)
        let before = self.highest.updateValue(member.incarnation, forKey: pair) ?? 0
        guard member.incarnation < before else { return nil }
        return Violation(
            promise: .incarnation,
            at: now,
            text: "node \(observer) saw \(member.profile.name) go from incarnation \(before) "
                + "back to \(member.incarnation)"
        )
    }
}

/// Checks that after quiet everybody sees the same, and every running node alive.
enum ViewChecker {
    private struct Line: Equatable {
        let id: NodeID
        let state: MemberState
        let incarnation: UInt64
    }

    /// Judges the views of all running nodes.
    ///
    /// Inexact, only whether each sees the others alive: views are compared by streams, so that without
    /// any a refutation that was missed stays missed.
    static func check(
        _ views: [(node: Int, id: NodeID, members: [Member])],
        at now: MonotonicInstant,
        isExact: Bool = true
    ) -> Violation? {
        for view in views {
            for other in views {
                let state = view.members.first { $0.id == other.id }?.state
                guard state != .alive else { continue }
                let found = state.map { "\($0)" } ?? "unknown"
                return Violation(
                    promise: .equalViews,
                    at: now,
                    text: "node \(view.node) sees running node \(other.node) as \(found)"
                )
            }
        }
        guard isExact else { return nil }
        for view in views.dropFirst() where Self.lines(view.members) != Self.lines(views[0].members)
        {
            return Violation(
                promise: .equalViews,
                at: now,
                text: "nodes \(views[0].node) and \(view.node) see different members:\n"
                    + Self.text(views[0].members) + "\n" + Self.text(view.members)
            )
        }
        return nil
    }

    private static func lines(_ members: [Member]) -> [Line] {
        members.map { Line(id: $0.id, state: $0.state, incarnation: $0.incarnation) }
    }

    private static func text(_ members: [Member]) -> String {
        members.map { "\($0.profile.name)=\($0.state)/\($0.incarnation)" }.joined(separator: " ")
    }
}

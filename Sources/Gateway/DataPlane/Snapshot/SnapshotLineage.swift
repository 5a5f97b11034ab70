internal import MeshPrimitives

/// What lives on from snapshot to snapshot, kept by whoever installs them, never by a worker.
///
/// Compiles what changed and takes over the rest, so that a worker knows by the identity of an
/// object what it has to touch.
struct SnapshotLineage {
    private struct Line {
        let shape: UpstreamShape
        let number: Int
    }

    private let workers: Int
    /// What the newest installation speaks TLS with.
    var tls = TLSContexts()
    /// The newest snapshot that was compiled.
    private(set) var newest: Snapshot?
    private var lines: [String: Line] = [:]
    /// By upstream of ``newest``.
    private var current: [Line] = []
    private var routes = RouteLines()
    /// Numbers below ``numberCount`` that no upstream has.
    private var vacantNumbers: [Int] = []
    private var numberCount = 0

    /// Creates an empty line for so many workers.
    init(workers: Int) { self.workers = workers }

    /// Compiles what is new in a snapshot; what the snapshot lacks is forgotten.
    mutating func installation(
        of snapshot: Snapshot,
        _ tls: TLSContexts = TLSContexts()
    ) -> Installation {
        if self.newest?.upstreamsMark !== snapshot.upstreamsMark { self.setUpstreams(snapshot) }
        self.newest = snapshot
        return Installation(
            snapshot: snapshot,
            tls: tls,
            shapes: self.current.map(\.shape),
            numbers: self.current.map(\.number),
            numberCount: self.numberCount,
            routes: self.routes.rows(of: snapshot.shapes, workers: self.workers)
        )
    }

    private mutating func setUpstreams(_ snapshot: Snapshot) {
        var lines: [String: Line] = [:]
        lines.reserveCapacity(snapshot.upstreams.count)
        self.current = zip(snapshot.upstreams, snapshot.identities).map { upstream, identities in
            let line = self.line(upstream, identities)
            lines[upstream.name] = line
            return line
        }
        for (name, line) in self.lines where lines[name] == nil {
            self.vacantNumbers.append(line.number)
        }
        self.lines = lines
    }

    private mutating func line(_ upstream: SnapshotUpstream, _ identities: [HopIdentity]) -> Line {
        let known = self.lines[upstream.name]
        if let known, known.shape.matches(upstream, identities) { return known }
        let shape = UpstreamShape(
            upstream,
            identities: identities,
            previous: known?.shape,
            workers: self.workers
        )
        // A snapshot has refused upstreams with too many targets before.
        guard let shape else { preconditionFailure("a snapshot holds too many targets") }
        return Line(shape: shape, number: known?.number ?? self.newNumber())
    }

    private mutating func newNumber() -> Int {
        if let vacant = self.vacantNumbers.popLast() { return vacant }
        defer { self.numberCount += 1 }
        return self.numberCount
    }
}

/// The counters of routes from snapshot to snapshot; routes that are called the same count together.
private struct RouteLines {
    private struct Line {
        let rows: RouteRows
        var routes: Int
    }

    private var lines: [Snapshot.RouteLabel: Line] = [:]
    private var shapes: [RouteShape] = []
    /// By shape.
    private var rows: [RouteRows] = []

    /// The counters of the routes that a new snapshot has; those that only older ones had are forgotten.
    mutating func rows(of shapes: [RouteShape], workers: Int) -> [RouteRows] {
        var rows: [RouteRows] = []
        rows.reserveCapacity(shapes.count)
        var gone: [Snapshot.RouteLabel] = []
        var place = 0
        for shape in shapes {
            while place < self.shapes.count, self.shapes[place] !== shape,
                self.shapes[place].routeID <= shape.routeID
            {
                gone.append(self.shapes[place].label)
                place += 1
            }
            if place < self.shapes.count, self.shapes[place] === shape {
                rows.append(self.rows[place])
                place += 1
            } else {
                rows.append(self.take(shape.label, workers))
            }
        }
        gone += self.shapes[place...].map(\.label)
        for label in gone { self.drop(label) }
        self.shapes = shapes
        self.rows = rows
        return rows
    }

    private mutating func take(_ label: Snapshot.RouteLabel, _ workers: Int) -> RouteRows {
        var line = self.lines[label] ?? Line(rows: RouteRows(label, workers: workers), routes: 0)
        line.routes += 1
        self.lines[label] = line
        return line.rows
    }

    private mutating func drop(_ label: Snapshot.RouteLabel) {
        guard var line = self.lines[label] else { return }
        line.routes -= 1
        self.lines[label] = line.routes > 0 ? line : nil
    }
}

/// A snapshot ready for all workers: they only swap pointers and build what is new to them.
final class Installation: Sendable {
    let snapshot: Snapshot
    let tls: TLSContexts
    /// By upstream.
    let shapes: [UpstreamShape]
    /// One more than the highest number ever given.
    let numberCount: Int
    /// By route.
    let routes: [RouteRows]
    private let places: [ObjectIdentifier: Int]
    /// By upstream.
    nonisolated(unsafe) let slots: UnsafePointer<Slot>
    nonisolated(unsafe) let upstreamPlans: UnsafePointer<UpstreamPlan>
    /// By route: the first worker's row; those of the others follow it.
    nonisolated(unsafe) let routeRows: UnsafePointer<RouteRow>
    private nonisolated(unsafe) let arena: PlanArena

    /// What a worker needs to see whether an upstream is new to it.
    struct Slot {
        /// A number that it keeps over all snapshots; numbers of gone ones are reused.
        let number: Int
        /// Identity of the ``UpstreamShape``.
        let shape: UnsafeRawPointer
    }

    init(
        snapshot: Snapshot,
        tls: TLSContexts,
        shapes: [UpstreamShape],
        numbers: [Int],
        numberCount: Int,
        routes: [RouteRows]
    ) {
        self.snapshot = snapshot
        self.tls = tls
        self.shapes = shapes
        self.numberCount = numberCount
        self.routes = routes
        self.places = Dictionary(
            routes.enumerated().map { (ObjectIdentifier($1), $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var arena = PlanArena()
        self.slots = arena.array(
            zip(numbers, shapes).map { number, shape in
                Slot(
                    number: number,
                    shape: UnsafeRawPointer(Unmanaged.passUnretained(shape).toOpaque())
                )
            }
        )
        self.upstreamPlans = arena.array(shapes.map(\.plan))
        self.routeRows = arena.array(routes.map(\.first))
        self.arena = arena
    }

    deinit { self.arena.deallocate() }

    /// The route that counts in `rows`.
    func place(of rows: RouteRows) -> Int? { self.places[ObjectIdentifier(rows)] }

    /// By upstream: its number.
    var numbers: [Int] { self.shapes.indices.map { self.slots[$0].number } }
}

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
    private var routes: [Snapshot.RouteLabel: RouteRows] = [:]
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
        var lines: [String: Line] = [:]
        lines.reserveCapacity(snapshot.upstreams.count)
        var shapes: [UpstreamShape] = []
        shapes.reserveCapacity(snapshot.upstreams.count)
        for (upstream, identities) in zip(snapshot.upstreams, snapshot.identities) {
            let line = self.line(upstream, identities)
            lines[upstream.name] = line
            shapes.append(line.shape)
        }
        for (name, line) in self.lines where lines[name] == nil {
            self.vacantNumbers.append(line.number)
        }
        self.lines = lines
        var routes: [Snapshot.RouteLabel: RouteRows] = [:]
        routes.reserveCapacity(snapshot.labels.count)
        var rows: [RouteRows] = []
        rows.reserveCapacity(snapshot.labels.count)
        for label in snapshot.labels {
            let row =
                routes[label] ?? self.routes[label] ?? RouteRows(label, workers: self.workers)
            routes[label] = row
            rows.append(row)
        }
        self.routes = routes
        self.newest = snapshot
        return Installation(
            snapshot: snapshot,
            tls: tls,
            shapes: shapes,
            numbers: snapshot.upstreams.map { lines[$0.name]?.number ?? 0 },
            numberCount: self.numberCount,
            routes: rows
        )
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

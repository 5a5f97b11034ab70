import MeshDashboard
import MeshDataPlane
import MeshReports
import ServiceLifecycle
import Synchronization

/// Keeps what the dashboard shows up to date: traffic always, the rest while somebody watches.
struct BoardService: Service {
    /// Time between two looks: 1 s.
    private static let period = Duration.seconds(1)

    let node: NodeAdmin

    /// Runs until the node shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            var looks = 0
            while !Task.isCancelled {
                if looks.isMultiple(of: TrafficHistory.stepSeconds) {
                    self.node.boardKeeper.count(self.node)
                    self.node.boardKeeper.note(await self.node.standings())
                }
                looks += 1
                if self.node.boardKeeper.board.isWatched { await self.node.refreshBoard() }
                try? await Task.sleep(for: Self.period)
            }
        }
        self.node.boardKeeper.board.end()
    }
}

/// The board, and the traffic of the last minutes that goes on it.
final class BoardKeeper: Sendable {
    let board: Board
    private let history = Mutex(TrafficHistory())
    private let configurations = Mutex(ConfigurationLanes())

    /// Creates an empty board of a process that starts now.
    init() { self.board = Board(epoch: String(NodeClock.wallMilliseconds, radix: 36)) }

    /// The last steps of the traffic, the oldest first.
    var steps: [TrafficHistory.Step] { self.history.withLock { $0.steps } }

    /// What each node routed by in the last minutes, by its name.
    var lanes: [String: [ConfigurationLanes.Change]] { self.configurations.withLock { $0.lanes } }

    /// Takes in what each node routes by now.
    func note(_ nodes: [NodeConfigurationReport]) {
        let now = NodeClock.wallMilliseconds
        self.configurations.withLock { $0.note(nodes, wallMilliseconds: now) }
    }

    fileprivate func count(_ node: NodeAdmin) {
        let figures = TrafficFigures.byService(node.dataPlane.counters())
        self.history.withLock {
            $0.count(figures, wallMilliseconds: NodeClock.wallMilliseconds)
        }
    }
}

extension NodeAdmin {
    func board(after mark: String?) async -> BoardChange {
        if !self.boardKeeper.board.isWatched { await self.refreshBoard() }
        return self.boardKeeper.board.change(after: mark)
    }

    func boardChanges(after mark: String?) async -> AsyncStream<BoardChange> {
        await self.refreshBoard()
        return self.boardKeeper.board.changes(after: mark)
    }

    /// Puts everything as it is now on the board.
    fileprivate func refreshBoard() async {
        let facts = await BoardFacts(node: self, steps: self.boardKeeper.steps).read()
        self.boardKeeper.board.replace(with: facts)
    }
}

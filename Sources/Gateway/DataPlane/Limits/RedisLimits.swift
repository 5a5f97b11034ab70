internal import CMeshSystem
internal import Glibc
internal import MeshPlugins
internal import Synchronization

/// Counts at any Redis, on threads of their own: each Redis has one, and a few may share it.
///
/// What waits is bounded; what finds no room, or gets no answer, is undecided, and the plugin's setting
/// says what becomes of it.
final class RedisLimits: RedisCounting {
    /// Threads in all.
    private static let laneCount = 8

    private struct State {
        var lanes: [Int: RedisLane] = [:]
        var tables: [TableKey: RedisTable] = [:]
        var isStopped = false
    }

    private struct TableKey: Hashable {
        let target: RedisTarget
        let milliseconds: Int64
    }

    private let state = Mutex(State())

    func take(
        _ windows: [RedisWindow],
        amount: UInt32,
        at target: RedisTarget,
        _ resumption: PluginResumption
    ) -> Bool {
        self.lane(of: target)?.add(
            RedisLane.Job(
                target: target,
                commands: [RedisCommands.take(windows, amount: amount)]
            ) { replies in
                let tally = replies?.first.map { RedisCommands.tally($0, of: windows.count) }
                resumption.resume(.counted(tally ?? .failed))
            }
        ) ?? false
    }

    func add(_ amounts: [(window: RedisWindow, amount: UInt32)], at target: RedisTarget) {
        let commands = amounts.map { RedisCommands.add($0.amount, to: $0.window) }
        _ = self.lane(of: target)?.add(RedisLane.Job(target: target, commands: commands) { _ in })
    }

    func table(of target: RedisTarget, every milliseconds: Int64) -> any NamedWindowCounting {
        let key = TableKey(target: target, milliseconds: milliseconds)
        if let known = self.state.withLock({ $0.tables[key] }) { return known }
        let lane = self.lane(of: target)
        return self.state.withLock { state in
            if let known = state.tables[key] { return known }
            let table = RedisTable(target, milliseconds)
            state.tables[key] = table
            lane?.sync(table)
            return table
        }
    }

    /// Ends the threads; what waits is undecided.
    func stop() {
        let lanes = self.state.withLock { state in
            state.isStopped = true
            defer { state.lanes = [:] }
            return Array(state.lanes.values)
        }
        for lane in lanes { lane.stop() }
    }

    private func lane(of target: RedisTarget) -> RedisLane? {
        let place = Int(UInt(bitPattern: target.hashValue) % UInt(Self.laneCount))
        return self.state.withLock { state in
            if let known = state.lanes[place] { return known }
            guard !state.isStopped, let lane = RedisLane(place) else { return nil }
            state.lanes[place] = lane
            return lane
        }
    }
}

/// One thread that speaks to Redis.
final class RedisLane: Sendable {
    /// Some commands for one Redis, and what to do with the answers; nil when they did not come.
    struct Job: Sendable {
        let target: RedisTarget
        let commands: [[[UInt8]]]
        let done: @Sendable ([RedisReply]?) -> Void
    }

    private struct State {
        var jobs: [Job] = []
        var tables: [RedisTable] = []
        var isStopping = false
        var thread: ReactorThread?
    }

    /// Most jobs that wait.
    private static let jobLimit = 10_000
    /// Most jobs that go out together.
    private static let batchLimit = 256

    private let state = Mutex(State())
    /// Wakes the thread; closed with the object.
    private let bell: Int32

    init?(_ number: Int) {
        self.bell = mesh_eventfd()
        guard self.bell >= 0 else { return nil }
        let thread = startReactorThread(name: "mesh-redis-\(number)") { self.run() }
        guard let thread else { return nil }
        self.state.withLock { $0.thread = thread }
    }

    deinit { if self.bell >= 0 { close(self.bell) } }

    /// From any thread; false when too much waits.
    func add(_ job: Job) -> Bool {
        let isTaken = self.state.withLock { state in
            guard !state.isStopping, state.jobs.count < Self.jobLimit else { return false }
            state.jobs.append(job)
            return true
        }
        if isTaken { mesh_eventfd_signal(self.bell) }
        return isTaken
    }

    /// Keeps a table and its Redis in step from now on.
    func sync(_ table: RedisTable) { self.state.withLock { $0.tables.append(table) } }

    func stop() {
        let thread = self.state.withLock { state in
            state.isStopping = true
            return state.thread
        }
        mesh_eventfd_signal(self.bell)
        thread?.join()
    }

    private func run() {
        var links: [RedisTarget: RedisLink] = [:]
        while true {
            self.wait()
            let (jobs, tables, isStopping) = self.state.withLock { state in
                let jobs = Array(state.jobs.prefix(Self.batchLimit))
                state.jobs.removeFirst(jobs.count)
                return (jobs, state.tables, state.isStopping)
            }
            if isStopping {
                for job in jobs { job.done(nil) }
                return
            }
            for (target, jobs) in Dictionary(grouping: jobs, by: \.target) {
                let link = links[target] ?? RedisLink(target)
                links[target] = link
                Self.ask(link, jobs)
            }
            for table in tables {
                let link = links[table.target] ?? RedisLink(table.target)
                links[table.target] = link
                table.sync(over: link)
            }
        }
    }

    /// Until there is a job, or 10 ms for the tables.
    private func wait() {
        let (hasWork, hasTables) = self.state.withLock {
            (!$0.jobs.isEmpty || $0.isStopping, !$0.tables.isEmpty)
        }
        guard !hasWork else { return }
        var entry = pollfd(fd: self.bell, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, hasTables ? 10 : 1_000)
        mesh_eventfd_clear(self.bell)
    }

    private static func ask(_ link: RedisLink, _ jobs: [Job]) {
        guard let replies = link.ask(jobs.flatMap(\.commands)) else {
            for job in jobs { job.done(nil) }
            return
        }
        var place = 0
        for job in jobs {
            job.done(Array(replies[place..<(place + job.commands.count)]))
            place += job.commands.count
        }
    }
}

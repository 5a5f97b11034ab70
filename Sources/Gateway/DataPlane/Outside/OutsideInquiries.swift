internal import CMeshSystem
internal import MeshPlugins
internal import Synchronization

/// Asks for certificates on threads of its own, so that an authority that is silent takes none from
/// others who ask outside.
final class OutsideInquiries: PluginInquiries {
    /// Threads in all: about so many certificates is asked at once, others wait.
    private static let threadCount = 8

    private typealias Done = @Sendable (OutsideFinding, UInt64) -> Void

    private let threads = OutsideThreads(count: OutsideInquiries.threadCount)
    /// Who waits for what is being asked.
    private let open = Mutex<[PluginMark: [Done]]>([:])

    func ask(
        _ questions: [OutsideQuestion],
        as key: PluginMark,
        milliseconds: Int64,
        byteLimit: Int,
        read: @escaping @Sendable (Int, OutsideAnswer) -> UInt64?,
        done: @escaping @Sendable (OutsideFinding, UInt64) -> Void
    ) -> Bool {
        let deadline = Self.now() + milliseconds
        return self.open.withLock { open in
            guard open[key] == nil else {
                open[key]?.append(done)
                return true
            }
            let isTaken = self.threads.run {
                self.end(key, Self.ask(questions, until: deadline, byteLimit, read))
            }
            if isTaken { open[key] = [done] }
            return isTaken
        }
    }

    /// Ends the threads; who waits for what has not begun is not told.
    func stop() {
        self.threads.stop()
        self.open.withLock { $0 = [:] }
    }

    private static func now() -> Int64 { mesh_clock_nanoseconds() / 1_000_000 }

    private static func ask(
        _ questions: [OutsideQuestion],
        until deadline: Int64,
        _ byteLimit: Int,
        _ read: (Int, OutsideAnswer) -> UInt64?
    ) -> OutsideFinding {
        var finding = OutsideFinding.unasked
        for (index, question) in questions.enumerated() {
            let left = deadline - Self.now()
            guard left > 0 else { break }
            finding = .nothing
            let answer = OutsideHTTP(question.endpoint)
                .ask(
                    question.request,
                    milliseconds: max(1, left / Int64(questions.count - index)),
                    byteLimit: byteLimit
                )
            if let found = answer.flatMap({ read(index, $0) }) { return .found(found) }
        }
        return finding
    }

    private func end(_ key: PluginMark, _ finding: OutsideFinding) {
        let waiting = self.open.withLock { $0.removeValue(forKey: key) ?? [] }
        let now = UInt64(max(0, mesh_clock_wall_milliseconds()))
        for done in waiting { done(finding, now) }
    }
}

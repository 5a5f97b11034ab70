internal import MeshPlugins
internal import Synchronization

/// Answers that `proxy-cache` keeps, in memory, for all workers of the node; the oldest go first.
final class AnswerCache: AnswerCaching {
    /// Most bytes of all answers: 64 MiB.
    private static let byteLimit = 64 * 1_024 * 1_024
    /// Most answers whose bodies are on their way.
    private static let pendingLimit = 4_096

    private struct State {
        var answers: [CacheKey: (answer: CachedAnswer, number: UInt64)] = [:]
        var varies: [CacheKey: [[UInt8]]] = [:]
        /// In the order in which they came; those that are gone by now stay for a while.
        var order: [(key: CacheKey, number: UInt64)] = []
        /// The number of the answer that came last.
        var last: UInt64 = 0
        var oldest = 0
        var byteCount = 0
        var pending: [UInt64: CachedAnswer] = [:]

        /// Takes out the answer of a place, if that one is still kept.
        mutating func evict(_ place: (key: CacheKey, number: UInt64)) {
            guard let kept = self.answers[place.key], kept.number == place.number else { return }
            self.answers[place.key] = nil
            self.byteCount -= kept.answer.byteCount
        }

        /// Keeps the order about as long as there are answers: places stay in it when answers go.
        mutating func tidy() {
            let least = AnswerCache.pendingLimit
            if self.oldest > least, self.oldest * 2 > self.order.count {
                self.order.removeFirst(self.oldest)
                self.oldest = 0
            }
            guard self.order.count - self.oldest > 2 * self.answers.count + least else { return }
            self.order = self.order[self.oldest...].filter { place in
                self.answers[place.key]?.number == place.number
            }
            self.oldest = 0
        }
    }

    private let state = Mutex(State())
    private let byteLimit: Int

    init(byteLimit: Int = AnswerCache.byteLimit) { self.byteLimit = byteLimit }

    /// How many places of keys are kept.
    var orderCount: Int { self.state.withLock { $0.order.count } }

    /// How many answers wait for their bodies.
    var pendingCount: Int { self.state.withLock { $0.pending.count } }

    func answer(_ key: CacheKey, at now: Int64) -> CachedAnswer? {
        self.state.withLock { state in
            guard let answer = state.answers[key]?.answer else { return nil }
            guard answer.isOver(at: now) else { return answer }
            state.answers[key] = nil
            state.byteCount -= answer.byteCount
            return nil
        }
    }

    func varies(_ key: CacheKey) -> [[UInt8]] { self.state.withLock { $0.varies[key] ?? [] } }

    func begin(_ number: UInt64, _ head: CachedAnswer) {
        self.state.withLock { state in
            // Too many at once: those that wait are not kept.
            if state.pending.count >= Self.pendingLimit { state.pending = [:] }
            state.pending[number] = head
        }
    }

    func take(_ number: UInt64) -> CachedAnswer? {
        self.state.withLock { $0.pending.removeValue(forKey: number) }
    }

    func store(_ answer: CachedAnswer, _ key: CacheKey, plain: CacheKey) {
        self.state.withLock { state in
            state.last += 1
            if let former = state.answers.updateValue((answer, state.last), forKey: key) {
                state.byteCount -= former.answer.byteCount
            }
            state.order.append((key, state.last))
            state.byteCount += answer.byteCount
            if state.varies.count >= Self.pendingLimit * 16 { state.varies = [:] }
            state.varies[plain] = answer.varies
            while state.byteCount > self.byteLimit, state.oldest < state.order.count {
                state.evict(state.order[state.oldest])
                state.oldest += 1
            }
            state.tidy()
        }
    }

    /// Forgets an answer; whether there was one.
    func forget(_ key: CacheKey) -> Bool {
        self.state.withLock { state in
            guard let gone = state.answers.removeValue(forKey: key) else { return false }
            state.byteCount -= gone.answer.byteCount
            return true
        }
    }

    /// Forgets all answers; those that are on their way are kept when they come.
    func forgetAll() {
        self.state.withLock { state in
            state.answers = [:]
            state.varies = [:]
            state.order = []
            state.oldest = 0
            state.byteCount = 0
        }
    }
}

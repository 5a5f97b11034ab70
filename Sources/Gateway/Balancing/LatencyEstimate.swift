/// How long a target takes to answer, as one worker knows it.
///
/// A mean in which the latest answer counts a sixteenth, and more after a pause; beside it what failed
/// attempts add, so that a target that fails fast draws no requests. Both lose weight with time: who
/// gets no requests would otherwise never be known to be well again.
public struct LatencyEstimate: Equatable, Sendable {
    /// What a failed attempt counts at least: half a second.
    private static let leastPenalty: Int64 = 500_000
    /// The pause after which the latest answer counts as much as all before it, in milliseconds.
    private static let pause: Int64 = 2_500
    /// How long a mean is believed without a new answer, in milliseconds.
    private static let trust: Int64 = 1_000
    /// Answers that make a mean as sure as can be: 8.
    private static let confident: Int64 = 8

    /// In microseconds; 0 while nothing was measured.
    private(set) var mean: Int64 = 0
    /// What failed attempts make it at least, in microseconds.
    private var penalty: Int64 = 0
    private var answers: Int64 = 0
    /// When the last answer came, in milliseconds.
    private var answeredAt: Int64 = 0

    /// Creates one of a target that nothing is known of.
    public init() {}

    /// What counts now, in microseconds, where `usual` stands for what was not measured.
    @inline(__always)
    func latency(usual: Int64) -> Int64 { max(self.mean > 0 ? self.mean : usual, self.penalty) }

    /// Takes in how long an attempt took.
    mutating func take(microseconds: Int64, isFailure: Bool, at now: Int64) {
        let sample = max(1, min(microseconds, 60_000_000))
        guard !isFailure else {
            self.penalty = max(self.penalty, sample, Self.leastPenalty)
            return
        }
        let gap = max(0, min(now &- self.answeredAt, 60_000))
        let change = sample - (self.mean > 0 ? self.mean : sample)
        let isPause = gap * 15 > Self.pause
        let step = isPause ? change * gap / (gap + Self.pause) : change / 16
        self.mean = max(1, sample - change + step)
        self.answers = min(self.answers + 1, Self.confident)
        self.answeredAt = now
    }

    /// Lets time pass: a failure counts half after each second, and a mean without new answers nears
    /// what is usual, the sooner the fewer answers made it.
    mutating func age(towards usual: Int64, by passed: Int64, at now: Int64) {
        let seconds = min(62, passed / 1_000)
        self.penalty >>= seconds
        self.penalty -= self.penalty * (passed % 1_000) / 2_000
        if self.penalty < 250 { self.penalty = 0 }
        guard self.mean > 0, now &- self.answeredAt > Self.trust else { return }
        let span = self.answers * 2_000
        let part = min(passed, 600_000)
        self.mean = max(1, self.mean + (usual - self.mean) * part / (part + span))
    }
}

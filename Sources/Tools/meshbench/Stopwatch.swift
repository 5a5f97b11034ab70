/// Times one operation by many samples of many repetitions.
struct Stopwatch {
    /// How long one sample should last: long against the clock's steps, short against the scheduler.
    private static let sampleTime = Duration.milliseconds(5)
    /// Most repetitions of one sample.
    private static let repetitionLimit = 1 << 26

    /// Samples per measurement.
    let sampleCount: Int

    /// Measures `body`, which repeats its operation as often as it is told.
    ///
    /// - Parameters:
    ///   - name: subject and operation, such as `head.parse`.
    ///   - baseline: what the operation is compared with.
    ///   - body: returns anything that depends on every repetition, so that none is optimized away.
    /// - Returns: nanoseconds per repetition.
    func time(
        _ name: String,
        over baseline: Measurement? = nil,
        _ body: (_ repetitions: Int) throws -> Int
    ) rethrows -> Measurement {
        var repetitions = 1
        var elapsed = try Self.run(repetitions, body)
        while elapsed < Self.sampleTime, repetitions < Self.repetitionLimit {
            repetitions *= 2
            elapsed = try Self.run(repetitions, body)
        }
        var samples: [Double] = []
        for _ in 0..<self.sampleCount {
            let sample = try Self.run(repetitions, body)
            samples.append(Double(sample.nanoseconds) / Double(repetitions))
        }
        samples.sort()
        return Measurement(
            name: name,
            best: samples[0],
            median: samples[samples.count / 2],
            baseline: baseline?.best
        )
    }

    private static func run(
        _ repetitions: Int,
        _ body: (Int) throws -> Int
    ) rethrows -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        let outcome = try body(repetitions)
        let elapsed = start.duration(to: clock.now)
        keep(outcome)
        return elapsed
    }
}

/// Nanoseconds of one operation.
struct Measurement {
    /// Heads the columns of ``line``.
    static let title = Self.columns("name", "unit", "best", "median", "ratio")

    let name: String
    let best: Double
    let median: Double
    /// The best of the plain operation that it is compared with.
    let baseline: Double?

    /// Name, unit, best, median and the multiple of the baseline, in fixed columns.
    var line: String {
        Self.columns(
            self.name,
            "ns",
            Self.text(self.best),
            Self.text(self.median),
            self.baseline.map { Self.text(self.best / $0) } ?? "-"
        )
    }

    private static func columns(
        _ name: String,
        _ unit: String,
        _ best: String,
        _ median: String,
        _ ratio: String
    ) -> String {
        let left = name + String(repeating: " ", count: max(1, 34 - name.count)) + unit
        return [best, median, ratio].reduce(left) { line, column in
            line + String(repeating: " ", count: max(1, 11 - column.count)) + column
        }
    }

    private static func text(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension Duration {
    /// The whole duration in nanoseconds; samples are far too short to overflow.
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

/// Makes the optimizer believe that `value` is needed.
@inline(never)
func keep(_ value: Int) {
    withExtendedLifetime(value) {}
}

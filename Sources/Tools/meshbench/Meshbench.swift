import ArgumentParser

/// Measures the parts of the request path and of gossip by themselves, without sockets.
@main
struct Meshbench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshbench",
        abstract:
            "Measure single parts: routing, heads, balancing, health, snapshots, datagrams, store, tokens.",
        discussion: """
            Prints one line per measurement: name, unit, best and median of the samples, and the \
            best as a multiple of the plain baseline measured in the same run. Compare ratios \
            between machines, never times. Build it with optimization.

            Exit status: 0; 64 for a subject that does not exist.

            Example: swift run -c release meshbench routing head
            """
    )

    @Argument(help: "Subjects to measure: \(Subject.names). Default: all.")
    var subjects: [Subject] = Subject.allCases

    @Option(help: "Samples per measurement, each of about 5 ms.")
    var samples = 21

    func validate() throws {
        guard (1...1_000).contains(self.samples) else {
            throw ValidationError("--samples is \(self.samples), but must be 1 to 1000")
        }
    }

    func run() throws {
        print(Measurement.title)
        let stopwatch = Stopwatch(sampleCount: self.samples)
        for subject in self.subjects {
            for measurement in try subject.benchmark.measure(with: stopwatch) {
                print(measurement.line)
            }
        }
    }
}

/// What can be measured.
enum Subject: String, CaseIterable, ExpressibleByArgument {
    case routing
    case head
    case balancer
    case health
    case snapshot
    case datagram
    case store
    case token

    static let names = Self.allCases.map(\.rawValue).joined(separator: ", ")

    var benchmark: any Benchmark.Type {
        switch self {
        case .routing: RoutingBenchmark.self
        case .head: HeadBenchmark.self
        case .balancer: BalancerBenchmark.self
        case .health: HealthBenchmark.self
        case .snapshot: SnapshotBenchmark.self
        case .datagram: DatagramBenchmark.self
        case .store: StoreBenchmark.self
        case .token: TokenBenchmark.self
        }
    }
}

/// One subject's measurements.
protocol Benchmark {
    /// Prepares and measures; the first measurements are the baselines of later ones.
    ///
    /// - Returns: what was measured, in the order to print.
    /// - Throws: when an input that the benchmark makes itself is refused, a fault of the code.
    static func measure(with stopwatch: Stopwatch) throws -> [Measurement]
}

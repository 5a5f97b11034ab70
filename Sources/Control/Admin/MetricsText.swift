/// Writes Prometheus's text format, one family at a time, with a cap on series per family.
///
/// Series beyond the cap are not lost: they are summed into one series whose label values are all
/// `other`.
///
/// Source: "Exposition formats", Prometheus documentation, text format 0.0.4.
public struct MetricsText: Sendable {
    /// What a family's numbers mean.
    public enum Kind: String, Sendable {
        /// Only rises, except at a restart.
        case counter
        /// Rises and falls.
        case gauge
    }

    /// One number with its labels.
    public struct Sample: Equatable, Sendable {
        /// Label values, in the order of the family's label names.
        public var labels: [String]
        /// The number.
        public var value: Double

        /// Creates a sample.
        public init(_ labels: [String] = [], _ value: Double) {
            self.labels = labels
            self.value = value
        }
    }

    /// One histogram with its labels.
    public struct Histogram: Equatable, Sendable {
        /// Label values, in the order of the family's label names.
        public var labels: [String]
        /// Observations per bucket, not cumulative; one more than the family's bounds.
        public var counts: [UInt64]
        /// The sum of all observations.
        public var sum: Double

        /// Creates a histogram.
        public init(_ labels: [String] = [], counts: [UInt64], sum: Double) {
            self.labels = labels
            self.counts = counts
            self.sum = sum
        }
    }

    /// The media type of the text.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The text written so far.
    public private(set) var text = ""
    private let maximumSeries: Int

    /// Creates an empty text.
    ///
    /// - Parameter maximumSeries: series per family before the rest is summed as `other`; default
    ///   2,000.
    public init(maximumSeries: Int = 2_000) {
        precondition(maximumSeries > 0, "a family needs room for one series")
        self.maximumSeries = maximumSeries
    }

    /// Writes one family of counters or gauges; a family without samples is left out.
    ///
    /// - Parameters:
    ///   - name: the family's name, such as `kong_http_requests_total`.
    ///   - kind: what the numbers mean.
    ///   - help: one sentence.
    ///   - labels: names of the labels.
    ///   - samples: the numbers, in the order to be written.
    ///   - bounded: numbers to write after these, whose caller has bounded them; the cap is not for them.
    public mutating func family(
        _ name: String,
        _ kind: Kind,
        help: String,
        labels: [String] = [],
        samples: [Sample],
        bounded: [Sample] = []
    ) {
        guard !samples.isEmpty || !bounded.isEmpty else { return }
        self.head(name, kind.rawValue, help)
        for sample in self.capped(samples, labelCount: labels.count) + bounded {
            self.line(name, Self.pairs(labels, sample.labels), Self.number(sample.value))
        }
    }

    /// Writes one family of histograms; a family without histograms is left out.
    ///
    /// - Parameters:
    ///   - name: the family's name, such as `kong_request_latency_ms`.
    ///   - help: one sentence.
    ///   - bounds: the buckets' upper bounds, ascending, without infinity.
    ///   - labels: names of the labels.
    ///   - histograms: the histograms, in the order to be written.
    public mutating func histogram(
        _ name: String,
        help: String,
        bounds: [Double],
        labels: [String] = [],
        histograms: [Histogram]
    ) {
        guard !histograms.isEmpty else { return }
        self.head(name, "histogram", help)
        for histogram in self.capped(histograms, labelCount: labels.count) {
            precondition(
                histogram.counts.count == bounds.count + 1,
                "a histogram has one bucket more than bounds"
            )
            let pairs = Self.pairs(labels, histogram.labels)
            var total: UInt64 = 0
            for (index, count) in histogram.counts.enumerated() {
                total &+= count
                let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
                self.line("\(name)_bucket", pairs + ["le=\"\(bound)\""], String(total))
            }
            self.line("\(name)_sum", pairs, Self.number(histogram.sum))
            self.line("\(name)_count", pairs, String(total))
        }
    }

    private mutating func head(_ name: String, _ kind: String, _ help: String) {
        let escaped = Self.escaped(help, quotes: .kept)
        self.text += "# HELP \(name) \(escaped)\n# TYPE \(name) \(kind)\n"
    }

    private mutating func line(_ name: String, _ pairs: [String], _ value: String) {
        let labels = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
        self.text += "\(name)\(labels) \(value)\n"
    }

    private static func pairs(_ names: [String], _ values: [String]) -> [String] {
        precondition(names.count == values.count, "every label needs a value")
        return zip(names, values).map { name, value in
            "\(name)=\"\(Self.escaped(value, quotes: .escaped))\""
        }
    }

    private enum Quotes {
        case kept
        case escaped
    }

    private static func escaped(_ text: String, quotes: Quotes) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes == .escaped: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }

    private func capped(_ samples: [Sample], labelCount: Int) -> [Sample] {
        guard samples.count > self.maximumSeries, labelCount > 0 else { return samples }
        let rest = samples[(self.maximumSeries - 1)...]
        let other = Sample(
            Array(repeating: "other", count: labelCount),
            rest.reduce(0) { $0 + $1.value }
        )
        return samples[..<(self.maximumSeries - 1)] + [other]
    }

    private func capped(_ histograms: [Histogram], labelCount: Int) -> [Histogram] {
        guard histograms.count > self.maximumSeries, labelCount > 0 else { return histograms }
        let rest = histograms[(self.maximumSeries - 1)...]
        var other = Histogram(
            Array(repeating: "other", count: labelCount),
            counts: Array(repeating: 0, count: rest.first?.counts.count ?? 0),
            sum: 0
        )
        for histogram in rest {
            other.sum += histogram.sum
            for (index, count) in histogram.counts.enumerated() {
                other.counts[index] &+= count
            }
        }
        return histograms[..<(self.maximumSeries - 1)] + [other]
    }
}

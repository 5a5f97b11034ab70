import ArgumentParser

/// A time as people write it: `90`, `90s`, `30m`, `2h`.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
    private static let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600]

    let seconds: Double
    /// As it was written.
    let description: String

    init?(argument: String) {
        let unit = argument.last.flatMap { Self.units[$0] }
        let number = Double(unit == nil ? Substring(argument) : argument.dropLast())
        guard let number, number.isFinite, number >= 0 else { return nil }
        self.seconds = number * (unit ?? 1)
        self.description = argument
    }

    /// A span of whole hours.
    init(hours: Int) {
        self.seconds = Double(hours) * 3_600
        self.description = "\(hours)h"
    }

    var defaultValueDescription: String { self.description }
}

/// The smoothed round trip to one member and how much it varies.
///
/// Source: RFC 6298, section 2, with its gains of 1/8 and 1/4.
struct RoundTripEstimate: Equatable, Sendable {
    private(set) var smoothed: Duration?
    private var deviation: Duration = .zero

    /// Takes in one measured round trip; negative ones are ignored.
    mutating func sample(_ roundTrip: Duration) {
        guard roundTrip >= .zero else { return }
        guard let smoothed = self.smoothed else {
            self.smoothed = roundTrip
            self.deviation = roundTrip / 2
            return
        }
        let difference = roundTrip - smoothed
        let distance = difference < .zero ? .zero - difference : difference
        self.deviation += (distance - self.deviation) / 4
        self.smoothed = smoothed + difference / 8
    }

    /// How long to wait for an answer: the smoothed round trip plus four deviations.
    func timeout(unmeasured: Duration, minimum: Duration) -> Duration {
        guard let smoothed = self.smoothed else { return unmeasured }
        return max(minimum, smoothed + self.deviation * 4)
    }
}

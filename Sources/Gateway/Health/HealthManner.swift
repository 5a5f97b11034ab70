/// How targets are judged, held once for all that are judged alike.
///
/// Of 20,000 targets few have a manner of their own: one object for the others, so that a target costs
/// what is known of it alone.
final class HealthManner: Sendable {
    let settings: HealthSettings
    /// What is known of a target of which nothing was seen.
    let blank: TargetWatch

    init(_ settings: HealthSettings) {
        self.settings = settings
        var blank = TargetWatch()
        blank.breaker = settings.breaker
        self.blank = blank
    }
}

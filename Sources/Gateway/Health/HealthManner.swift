/// How targets are judged, held once for all that are judged alike.
///
/// Of 20,000 targets few have a manner of their own, and most were never seen to fail: what is equal
/// is one object, so that a target costs what is known of it alone.
final class HealthManner: Sendable {
    /// What was seen of one target, or of all of which nothing was seen.
    final class Record: Sendable {
        // Written by an entry that alone refers to it; ``HealthEntry/watch`` copies others.
        nonisolated(unsafe) var watch: TargetWatch

        init(_ watch: TargetWatch) { self.watch = watch }
    }

    let settings: HealthSettings
    /// Of a target of which nothing was seen.
    let blank: Record

    init(_ settings: HealthSettings) {
        self.settings = settings
        var watch = TargetWatch()
        watch.breaker = settings.breaker
        self.blank = Record(watch)
    }
}

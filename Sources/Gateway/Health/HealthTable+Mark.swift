public import MeshPrimitives

extension HealthTable {
    /// Takes an operator's word for targets.
    ///
    /// One that is called unhealthy stays excluded here until it is called healthy or own checks
    /// bring it back; peers hear of it as of any other evidence.
    public mutating func mark(
        _ ids: [TargetID],
        isHealthy: Bool,
        at now: MonotonicInstant
    ) -> [Effect] {
        for id in ids {
            self.entries[id]?.watch.mark(isHealthy: isHealthy, at: now)
            self.entries[id]?.contradictions = 0
        }
        return self.settle(at: now)
    }
}

/// A mistake put between cores and network on purpose, to prove that a checker can fail.
public enum PlantedBug: String, CaseIterable, Sendable {
    /// Nodes never hear what others say about them, so they cannot refute.
    case deafToAccusations
    /// Every probe by stream is reported answered, so the dead look alive.
    case blindProbes
    /// Full exchanges are lost, so what gossip missed stays missing.
    case noFullSync
    /// Datagrams may be three times as large as they should.
    case largeDatagrams
    /// Some writes are acknowledged but neither stored nor sent.
    case hastyAcknowledgement
    /// What nodes observe stops arriving.
    case deafToObservations
    /// Stores never exchange what they missed.
    case noRepair
}

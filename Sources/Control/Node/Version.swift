/// What this build calls itself.
public enum Version {
    /// The release, by semantic versioning.
    public static let current = "0.1.0"
    /// The gossip protocol versions it speaks, oldest and newest.
    public static let protocols: ClosedRange<UInt8> = 1...1
}

/// What this build calls itself.
public enum Version {
    /// The release, by semantic versioning.
    public static let current = "0.1.0"
}

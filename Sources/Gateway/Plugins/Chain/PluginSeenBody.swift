/// The whole body that a client gets of a response.
public struct PluginSeenBody: Sendable {
    /// Its bytes.
    let bytes: [UInt8]
    /// Whether steps may have changed what the target sent.
    let isChanged: Bool

    /// Brings together what steps look at.
    public init(bytes: [UInt8], isChanged: Bool) {
        self.bytes = bytes
        self.isChanged = isChanged
    }
}

/// A known client.
public struct Consumer: Equatable, Sendable {
    /// Primary key.
    public var id: EntityID
    /// Unique name; it or ``customID`` is set.
    public var username: String?
    /// Unique identity in another system.
    public var customID: String?
    /// Labels.
    public var tags: [String] = []
    /// Unix seconds of creation.
    public var createdAt: Int?
    /// Unix seconds of the last change.
    public var updatedAt: Int?

    /// Creates a consumer.
    public init(id: EntityID, username: String?, customID: String? = nil) {
        self.id = id
        self.username = username
        self.customID = customID
    }
}

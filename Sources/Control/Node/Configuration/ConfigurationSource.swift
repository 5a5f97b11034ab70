import MeshActivation
import MeshPrimitives

/// Where the newest state is read.
///
/// Level-triggered: whoever says that something changed says no more than that, and the newest state
/// is read here, so that no lost signal can lose a state.
struct ConfigurationSource: Sendable {
    /// Which state is there now; cheap.
    var head: @Sendable () async -> RoutedState.Head
    /// The whole state: head and entities of one moment, and its changes since the state with a hash
    /// when they are remembered.
    var state: @Sendable (_ since: ContentHash) async -> RoutedState
    /// The newest state of the past of which `isSkipped` is false; `nil` when none is remembered.
    var earlier: @Sendable (_ isSkipped: @Sendable (ContentHash) -> Bool) async -> RoutedState? = {
        _ in nil
    }
    /// Whether another member answers.
    var hasPeers: @Sendable () async -> Bool
}

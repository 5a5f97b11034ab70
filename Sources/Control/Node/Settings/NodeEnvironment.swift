import Foundation

/// The environment of this node, where secrets stand that the configuration refers to.
enum NodeEnvironment {
    /// The value of a variable; `nil` when it is not set.
    static func variable(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name]
    }
}

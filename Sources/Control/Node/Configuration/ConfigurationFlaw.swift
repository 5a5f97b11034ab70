/// Mistakes that ``ConfigurationMachine`` can be told to make, so that tests see that its simulation
/// would find them. No node ever sets one.
enum ConfigurationFlaw: CaseIterable, Sendable {
    /// Installs whatever compiler result comes, stale ones too.
    case takesStaleResults
    /// A state that cannot be used ends the one in use.
    case forgetsLastGood
    /// Calls itself ready when there is a configuration, not when one is in use.
    case readyBeforeActivation
    /// Begins to compile although a build is under way.
    case compilesManyAtOnce
}

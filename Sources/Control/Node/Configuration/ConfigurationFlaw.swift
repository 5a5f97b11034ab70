/// Mistakes that ``ConfigurationMachine`` can be told to make; no node ever does.
///
/// Tests of its simulation see by them that it would find them.
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

/// Mistakes that ``ConfigurationMachine`` can be told to make; no node ever does.
///
/// Simulations see by them that they would find them.
package enum ConfigurationFlaw: String, CaseIterable, Sendable {
    /// Installs whatever compiler result comes, stale ones too.
    case takesStaleResults
    /// A state that cannot be used ends the one in use.
    case forgetsLastGood
    /// Calls itself ready when there is a configuration, not when one is in use.
    case readyBeforeActivation
    /// Begins to compile although a build is under way.
    case compilesManyAtOnce
    /// Forgets a state that came while a build was under way.
    case forgetsWhatWaits
}

import ArgumentParser

/// Runs the cluster's cores in virtual time, from a seed.
struct Meshsim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshsim",
        abstract: "Run many nodes in virtual time: check promises, measure, compare.",
        subcommands: [
            FaultCommand.self, ConfigCommand.self, BalanceCommand.self, ExperimentCommand.self,
        ],
        defaultSubcommand: FaultCommand.self
    )
}

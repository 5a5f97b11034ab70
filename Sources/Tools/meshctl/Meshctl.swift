import ArgumentParser
import Foundation
import MeshAdminClient

/// The operator's command: asks one node's Admin API, which knows the whole mesh.
@main
struct Meshctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshctl",
        abstract: "See and steer a mesh of gateways from any of its nodes.",
        discussion: """
            Exit status: 0 fine; 1 failure; 2 answered, but not clean (a member is not well, a \
            difference was found, a check failed); 64 usage; 65 input invalid; 69 node not \
            reachable; 75 timed out, may still finish; 77 not permitted; 78 local settings wrong.

            With -o json or jsonl a failure is one line of JSON on standard error.

            Environment: MESHCTL_ADMIN, MESHCTL_CACERT, MESHCTL_CERT, MESHCTL_KEY and \
            MESHCTL_TOKEN_FILE set the defaults of --admin, --cacert, --cert, --key and \
            --token-file; MESHCTL_TOKEN is the token itself; NO_COLOR turns colour off.

            Example: meshctl members --admin http://10.0.0.7:8001
            """,
        version: "0.1.0",
        subcommands: [
            MembersCommand.self, MemberCommand.self, StatusCommand.self, CheckCommand.self,
            HealthCommand.self, TopCommand.self, TapCommand.self, TraceCommand.self,
            WhyCommand.self, BalanceCommand.self,
            RegionCommand.self,
            TargetCommand.self, ConfigCommand.self, DrainCommand.self, ResumeCommand.self,
            UpgradeCommand.self, ForgetCommand.self, ForceLeaveCommand.self, KeysCommand.self,
            ReachabilityCommand.self, RoundTripCommand.self,
            EventsCommand.self, BackupCommand.self, RestoreCommand.self, BundleCommand.self,
            ExplainCodeCommand.self, DemoCommand.self, CompletionCommand.self,
        ]
    )

    /// Runs the command that the arguments name, and ends the process with its exit status.
    static func main() async {
        do {
            var command = try await Self.asyncParseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            Self.end(failure)
        } catch let error as AdminClientError {
            Self.end(Failure(error))
        } catch {
            let message = Self.message(for: error)
            let code = Self.exitCode(for: error)
            if code != .success, !(error is ExitCode), !message.isEmpty,
                OutputOptions.wantsJSON(CommandLine.arguments)
            {
                Self.end(Failure(code == .validationFailure ? .usage : .failure, message))
            }
            Self.exit(withError: error)
        }
    }

    /// Says on standard error why, in the form asked for, and ends the process.
    private static func end(_ failure: Failure) -> Never {
        let isJSON = OutputOptions.wantsJSON(CommandLine.arguments)
        Terminal.note(isJSON ? failure.json : "meshctl: \(failure.message)")
        Foundation.exit(failure.status.rawValue)
    }
}

/// The operator's command, run for real.
@LoopbackActor
struct Ctl {
    /// The Admin API that is asked.
    let admin: String

    /// Runs `meshctl` with these arguments against the node.
    func run(_ arguments: String..., within seconds: Double = 45) throws -> Command.Output {
        try self.run(arguments, within: seconds)
    }

    /// Runs `meshctl … -o json`.
    ///
    /// - Throws: ``TestFailure`` when the exit status is none of `statuses`.
    func json(_ arguments: String..., statuses: Set<Int32> = [0, 2]) throws -> JSON {
        let output = try self.run(arguments + ["-o", "json"], within: 45)
        guard statuses.contains(output.status) else {
            throw TestFailure(
                "meshctl \(arguments.joined(separator: " ")) ended with \(output.status): "
                    + output.errors
            )
        }
        return try JSON(parsing: output.out)
    }

    private func run(_ arguments: [String], within seconds: Double) throws -> Command.Output {
        try Command.run(
            Binaries.meshctl,
            arguments,
            environment: ["MESHCTL_ADMIN": self.admin],
            within: seconds
        )
    }
}

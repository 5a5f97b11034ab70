import MeshPrimitives

/// How a run went.
public struct SimulationReport: Sendable {
    /// The run's seed.
    public let seed: UInt64
    /// The run's faults.
    public let profile: FaultProfile
    /// Inputs given to the cores.
    public let inputCount: Int
    /// Datagrams sent by all nodes.
    public let datagramCount: Int
    /// The slowest sight of a crash by an undisturbed node; `nil` when none was measured.
    public let slowestDetection: Duration?
    /// What has happened, and how often.
    public let happened: [Happening: Int]
    /// The first broken promise; `nil` when all were kept.
    public let violation: Violation?
    /// The last notable events, the oldest first.
    public let lastEvents: [String]

    /// The command that repeats the run.
    public var command: String {
        "swift run meshsim --seed \(self.seed) --profile \(self.profile.name)"
            + " --nodes \(self.profile.nodeCount)"
    }
}

extension SimulationReport: CustomStringConvertible {
    /// One line when all went well; else everything needed to find out why not.
    public var description: String {
        guard let violation = self.violation else {
            let detection = self.slowestDetection.map { ", slowest detection \($0)" } ?? ""
            return "ok seed \(self.seed) profile \(self.profile.name): \(self.inputCount) inputs, "
                + "\(self.datagramCount) datagrams\(detection)"
        }
        return
            (["FAILED seed \(self.seed) profile \(self.profile.name)"] + self.lastEvents + [
                "at \(violation.at.seconds) \(violation.promise): \(violation.text)",
                "repeat: \(self.command)",
            ]).joined(separator: "\n")
    }
}

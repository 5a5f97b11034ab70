import Foundation
import MeshAdminClient
import MeshConsole
import MeshReports

/// Carries an upgrade out, one node after the other; each step is written to the mesh.
struct UpgradeRun {
    private static let interval = Duration.milliseconds(500)
    /// How long a gate may fail before the upgrade is paused: members that restart are seen late.
    private static let forbearance = Duration.seconds(5)

    private var upgrade: UpgradeReport
    private var fleet: FleetClients
    private let hook: UpgradeHookOptions
    private let began = ContinuousClock.now

    init(_ upgrade: UpgradeReport, fleet: FleetClients, hook: UpgradeHookOptions) {
        self.upgrade = upgrade
        self.fleet = fleet
        self.hook = hook
    }

    /// Takes every node that has not had its turn.
    ///
    /// - Throws: ``Failure``: paused, given up, or carried out by somebody else meanwhile.
    mutating func carryOut() async throws {
        self.upgrade.state = .running
        self.upgrade.reason = ""
        self.upgrade.driver = Self.name
        try await self.write()
        // A terminal that hangs up takes nothing away but the lines that were for it.
        signal(SIGHUP, SIG_IGN)
        Terminal.note(
            "interrupting stops this run where it is; how far it is stays in the mesh: meshctl "
                + "upgrade status, resume"
        )
        for index in self.upgrade.nodes.indices where self.upgrade.nodes[index].step != .done {
            try await self.checkWanted()
            self.fleet.learn(try await self.members())
            let before = try await self.fleet.sample()
            try await self.holdGates(UpgradeGates(self.upgrade, before: before), for: .zero)
            self.upgrade.nodes[index].step = .working
            try await self.write()
            try await self.turn(of: self.upgrade.nodes[index])
            try await self.holdGates(
                UpgradeGates(self.upgrade, before: before),
                for: .seconds(self.upgrade.settleSeconds)
            )
            self.upgrade.nodes[index].step = .done
            if self.upgrade.nodes.allSatisfy({ $0.step == .done }) {
                self.upgrade.state = .finished
            }
            try await self.write()
        }
        Terminal.result(UpgradeScreen.status(self.upgrade))
    }

    /// Drains, restarts and puts back one node.
    private mutating func turn(of node: UpgradeReport.Node) async throws {
        let name = node.name
        guard let before = try await self.members().first(where: { $0.name == name }) else {
            return try await self.pause("\(name) is no member any more")
        }
        if self.upgrade.drains {
            self.tell("\(name) drains")
            _ = try await self.fleet.ask { client in
                try await client.drain(name)
            }
            var empty = EmptyNodes()
            let fleet = self.fleet
            try await self.wait(for: name, "is still busy") { _ in
                let isEmpty = try? await fleet.ask { client in
                    try await empty.isEmpty(name, through: client)
                }
                return isEmpty == true
            }
        }
        if let command = self.hook.hook {
            self.tell("\(name) is restarted by the hook")
            let status = try Self.run(command, for: before, target: self.upgrade.target)
            guard status == 0 else {
                return try await self.pause("the hook of \(name) ended with status \(status)")
            }
        } else {
            self.tell("\(name) may be restarted now; waiting for it")
        }
        let target = self.upgrade.target
        try await self.wait(for: name, "is not back") { member in
            member.state == .alive && member.incarnation > before.incarnation
                && (target.isEmpty || member.version == target)
        }
        if self.upgrade.drains {
            _ = try await self.fleet.ask { client in
                try await client.resume(name)
            }
            try await self.wait(for: name, "takes no traffic") { member in
                member.mode == .normal
            }
        }
        self.tell("\(name) is back")
    }

    /// Waits until all gates hold, and for how long they must; pauses when one fails for too long.
    private mutating func holdGates(_ gates: UpgradeGates, for duration: Duration) async throws {
        var failingSince: ContinuousClock.Instant?
        let end = ContinuousClock.now.advanced(by: duration)
        while true {
            let failures = gates.failures(try await self.fleet.sample())
            if let first = failures.first {
                let since = failingSince ?? .now
                failingSince = since
                if since.duration(to: .now) > Self.forbearance {
                    return try await self.pause(first)
                }
            } else {
                failingSince = nil
                if ContinuousClock.now >= end { return }
            }
            try await self.checkWanted()
            try await Task.sleep(for: Self.interval)
        }
    }

    /// Waits until a member is as it should be; pauses when that takes too long, or another one dies.
    private mutating func wait(
        for name: String,
        _ complaint: String,
        until isDone: (MemberReport) async -> Bool
    ) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(self.hook.timeout))
        while true {
            // A node that has just restarted may be the one that is asked: it knows nobody yet.
            let members = (try? await self.members()) ?? []
            if let member = members.first(where: { $0.name == name }), await isDone(member) {
                return
            }
            if let dead = members.first(where: { $0.name != name && $0.state == .failed }) {
                return try await self.pause("\(dead.name) has failed")
            }
            guard ContinuousClock.now < deadline else {
                return try await self.pause("\(name) \(complaint) after \(self.hook.timeout) s")
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func members() async throws -> [MemberReport] {
        try await self.fleet.ask { client in
            try await client.members().members
        }
    }

    /// Stops when somebody has paused the upgrade, given it up, or carries it out elsewhere.
    private func checkWanted() async throws {
        let held = try await self.fleet.ask { client in
            try await client.upgrade()
        }
        guard let held, held.revision >= self.upgrade.revision else { return }
        guard held.state == .running else { throw self.stopped(held) }
        guard held.revision == self.upgrade.revision else {
            throw Failure(.unclean, "\(held.driver) carries the upgrade out now")
        }
    }

    private func stopped(_ upgrade: UpgradeReport) -> Failure {
        let how = upgrade.state == .paused ? "paused" : upgrade.state.rawValue
        return Failure(
            .unclean,
            "the upgrade is \(how): \(upgrade.reason); go on: meshctl upgrade resume, give it up: "
                + "meshctl upgrade abort"
        )
    }

    private mutating func pause(_ reason: String) async throws {
        self.upgrade.state = .paused
        self.upgrade.reason = reason
        try await self.write()
        throw self.stopped(self.upgrade)
    }

    /// Writes how it stands; the write of somebody else meanwhile ends this run.
    private mutating func write() async throws {
        self.upgrade.revision += 1
        let upgrade = self.upgrade
        do {
            try await self.fleet.ask { client in
                try await client.setUpgrade(upgrade)
            }
        } catch AdminClientError.refused(409, _) {
            // An answer that was lost makes the same write come twice.
            let held = try await self.fleet.ask { client in
                try await client.upgrade()
            }
            guard let held, held != upgrade else { return }
            guard held.state == .running else { throw self.stopped(held) }
            throw Failure(.unclean, "\(held.driver) carries the upgrade out now")
        }
    }

    private func tell(_ text: String) {
        let done = self.upgrade.nodes.count { $0.step == .done }
        let seconds = self.began.duration(to: .now).components.seconds
        Terminal.note("\(done) of \(self.upgrade.nodes.count)  \(text)  \(seconds) s")
    }

    /// Runs the hook for one node and waits for its end.
    private static func run(
        _ command: String,
        for member: MemberReport,
        target: String
    ) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        var environment = ProcessInfo.processInfo.environment
        environment["MESHGATE_NODE"] = member.name
        environment["MESHGATE_REGION"] = member.region
        environment["MESHGATE_GOSSIP"] = member.address
        environment["MESHGATE_ADDRESS"] = Self.host(of: member.address)
        environment["MESHGATE_ADMIN"] = member.adminAddress ?? ""
        environment["MESHGATE_TARGET"] = target
        process.environment = environment
        // Through here, so that a terminal which hangs up does not fail what the hook prints.
        let output = Pipe()
        let ended = DispatchSemaphore(value: 0)
        output.fileHandleForReading.readabilityHandler = { handle in
            let some = handle.availableData
            if some.isEmpty {
                handle.readabilityHandler = nil
                ended.signal()
            } else {
                Terminal.tell(String(decoding: some, as: UTF8.self))
            }
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        process.waitUntilExit()
        // What the hook has left behind may hold the pipe open for ever.
        _ = ended.wait(timeout: .now() + 1)
        return process.terminationStatus
    }

    /// An address without port and brackets.
    private static func host(of address: String) -> String {
        let host = address.lastIndex(of: ":").map { address[..<$0] } ?? address[...]
        return host.filter { $0 != "[" && $0 != "]" }
    }

    private static var name: String {
        let own = ProcessInfo.processInfo
        return "\(NSUserName())@\(own.hostName) \(own.processIdentifier)"
    }
}

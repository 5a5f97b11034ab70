import Logging
import MeshDataPlane
import MeshReports
import ServiceLifecycle
import UnixSignals

/// Does what signals ask for while the node runs; TERM and INT also begin its shutdown, elsewhere.
///
/// | signal | effect |
/// | --- | --- |
/// | TERM, INT | drain and leave; a second one does not wait for requests any longer |
/// | QUIT | write the node's state to a file, then as TERM |
/// | HUP | read certificates, tokens and OCSP responses again, open the access log again |
/// | USR1 | open the access log again |
/// | USR2 | start a successor from the program on disk, which takes over |
struct SignalService: Service {
    /// What the signals reach.
    struct Actions: Sendable {
        /// Reads the files of `admin.…` again; what cannot be used is told, and what was in use stays.
        var renewAdmin: @Sendable () throws -> Void
        /// Writes the state to a file and gives its path.
        var dump: @Sendable () async throws -> String
        /// Begins the shutdown.
        var quit: @Sendable () -> Void
        /// Ends the wait of a drain.
        var hurry: @Sendable () -> Void
        /// Starts a successor and gives its process.
        var succeed: @Sendable () throws -> Int32
    }

    private let signals: UnixSignalsSequence
    private let dataPlane: DataPlane
    private let supervisor: Supervisor
    private let logger: Logger
    private let actions: Actions

    /// Catches the signals from now on.
    init(
        dataPlane: DataPlane,
        supervisor: Supervisor,
        logger: Logger,
        actions: Actions
    ) async {
        self.signals = await UnixSignalsSequence(
            trapping: .sighup,
            .sigusr1,
            .sigusr2,
            .sigquit,
            .sigterm,
            .sigint
        )
        self.dataPlane = dataPlane
        self.supervisor = supervisor
        self.logger = logger
        self.actions = actions
    }

    /// Runs until the node has shut down: signals count during the drain, too.
    func run() async throws {
        await withTaskGroup { group in
            group.addTask { await self.takeSignals() }
            try? await gracefulShutdown()
            group.cancelAll()
        }
    }

    private func takeSignals() async {
        var isEnding = false
        for await signal in self.signals {
            self.logger.tell(.signal, "signal", ["signal": "\(signal)"])
            switch signal {
            case .sighup: self.reload(signal)
            case .sigusr1: self.reopenLog(signal)
            case .sigusr2: self.startSuccessor()
            case .sigquit:
                await self.dump()
                if isEnding { self.actions.hurry() } else { self.actions.quit() }
                isEnding = true
            case .sigterm, .sigint:
                if isEnding { self.actions.hurry() }
                isEnding = true
            default: continue
            }
        }
    }

    private func reload(_ signal: UnixSignal) {
        self.supervisor.reloading()
        self.readAdminAgain()
        if self.dataPlane.refreshStaples() {
            self.logger.tell(.staplesRenewed, "OCSP responses renewed")
        }
        self.reopenLog(signal)
        self.supervisor.ready()
    }

    private func reopenLog(_ signal: UnixSignal) {
        do {
            try self.dataPlane.reopenLog()
            self.logger.tell(.logReopened, "access log reopened", ["signal": "\(signal)"])
        } catch {
            self.logger.tell(.logKept, "access log kept", ["reason": "\(error)"])
        }
    }

    private func readAdminAgain() {
        do {
            try self.actions.renewAdmin()
            self.logger.tell(
                .adminRenewed,
                "certificates and tokens of the Admin API read again"
            )
        } catch {
            self.logger.tell(
                .adminKept,
                "certificates and tokens of the Admin API kept",
                ["reason": "\(error)"]
            )
        }
    }

    private func dump() async {
        do {
            let path = try await self.actions.dump()
            self.logger.tell(.stateWritten, "state written", ["path": "\(path)"])
        } catch {
            self.logger.tell(.stateNotWritten, "state not written", ["reason": "\(error)"])
        }
    }

    private func startSuccessor() {
        do {
            let process = try self.actions.succeed()
            self.logger.tell(.successorStarted, "successor started", ["pid": "\(process)"])
        } catch {
            self.logger.tell(
                .successorNotStarted,
                "successor not started",
                ["reason": "\(error)"]
            )
        }
    }
}

/// Begins the shutdown when QUIT has been dealt with.
struct QuitService: Service {
    let gate: Gate

    /// Ends, and the node with it, when the gate opens.
    func run() async throws { await cancelWhenGracefulShutdown { await self.gate.opened() } }
}

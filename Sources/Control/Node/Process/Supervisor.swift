import CMeshSystem
import Foundation
import MeshListening

/// What the node tells the supervisor that started it, by the protocol of `sd_notify`; nothing when
/// there is none.
final class Supervisor: Sendable {
    private let socket: NotifySocket?
    /// How often the supervisor wants to hear that the node works; `nil`: not at all.
    let watchdog: Duration?
    /// Whether it is known to keep the sockets of streams over a restart: it has handed some to this process,
    /// or says that it stores them, which systemd does from version 254 on.
    let keepsSockets: Bool

    /// Reads what the supervisor has put into the environment.
    init(environment: [String: String]) {
        self.socket = NotifySocket(environment["NOTIFY_SOCKET"])
        let number = { (name: String) in environment[name].flatMap { Int64($0) } ?? 0 }
        let own = "\(ProcessInfo.processInfo.processIdentifier)"
        let microseconds = number("WATCHDOG_USEC")
        let isMeant = environment["WATCHDOG_PID"].map { $0 == own } ?? true
        let isHanded = environment["LISTEN_PID"] == own && number("LISTEN_FDS") > 0
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":")
        let hasStreams = names.contains { $0.hasPrefix("proxy-stream") }
        self.keepsSockets = (isHanded && hasStreams) || number("FDSTORE") > 0
        self.watchdog = microseconds > 0 && isMeant ? .microseconds(microseconds) : nil
    }

    /// The node serves; also ends ``reloading()``.
    func ready() { self.tell("READY=1") }

    /// The node reads its files again.
    func reloading() {
        let microseconds = mesh_clock_nanoseconds() / 1_000
        self.socket?.send(["RELOADING=1", "MONOTONIC_USEC=\(microseconds)"])
    }

    /// The node drains and ends.
    func stopping() { self.tell("STOPPING=1") }

    /// One line for people.
    func status(_ text: String) { self.tell("STATUS=\(text)") }

    /// Every thread of the node works.
    func alive() { self.tell("WATCHDOG=1") }

    /// Another process is the node from now on.
    func succeeded(by process: Int32) { self.tell("MAINPID=\(process)") }

    /// Gives the supervisor sockets to keep over a restart.
    ///
    /// One that keeps none, as a unit without `FileDescriptorStoreMax=`, closes them.
    func keep(_ sockets: [(name: String, descriptor: Int32)]) {
        guard let socket = self.socket else { return }
        for (name, group) in Dictionary(grouping: sockets, by: \.name).sorted(by: {
            $0.key < $1.key
        }) {
            // What it keeps from before under this name is replaced.
            socket.send(["FDSTOREREMOVE=1", "FDNAME=\(name)"])
            for start in stride(from: 0, to: group.count, by: DescriptorChannel.descriptorLimit) {
                let part = group[start...].prefix(DescriptorChannel.descriptorLimit)
                socket.send(["FDSTORE=1", "FDNAME=\(name)"], part.map(\.descriptor))
            }
        }
    }

    private func tell(_ line: String) { self.socket?.send([line]) }
}

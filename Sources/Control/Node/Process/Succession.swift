import Glibc
import MeshListening
import MeshStorage

/// The taking over of a node from the process that runs it, seen from the one that comes.
///
///     begin: sockets -- claim: store -- speak: voice -- serving: the other one drains and ends
///
/// Until ``serving()`` the other one takes everything back when this process ends.
final class Succession: Sendable {
    /// The name of the socket in the data directory where the running process is asked.
    static let socketName = "takeover.sock"
    /// What a taker says first; the number is that of the protocol.
    static let greeting = "meshgate takeover 1"

    /// What both sides say after the greeting.
    enum Word {
        /// Descriptors come with this, and their names after it, one a line.
        static let sockets = "sockets"
        /// All sockets are sent.
        static let complete = "complete"
        /// The taker could serve if it had the store.
        static let ready = "ready"
        /// The store is closed; the other one is silent in the mesh; all is over, in this order.
        static let yours = "yours"
        /// The taker can serve but is silent in the mesh.
        static let voice = "voice"
        /// The taker serves.
        static let serving = "serving"
    }

    /// How long the process that runs may take for a step: 30 s.
    private static let patience = 30_000

    /// The sockets of the node.
    let sockets: [InheritedSocket]
    private let channel: DescriptorChannel
    private let thread = DiskThread()

    private init(_ channel: DescriptorChannel, _ sockets: [InheritedSocket]) {
        self.channel = channel
        self.sockets = sockets
    }

    /// Asks the process that runs the node in a data directory for its sockets; blocks.
    ///
    /// - Returns: the taking over; `nil` when no process runs there.
    /// - Throws: ``Failure``; nothing has changed then.
    static func begin(directory: String) throws(Failure) -> Succession? {
        let channel: DescriptorChannel
        do throws(ListenFailure) {
            channel = try DescriptorChannel.connect(to: "\(directory)/\(Self.socketName)")
        } catch {
            guard [ENOENT, ECONNREFUSED, ENOTDIR].contains(error.code) else {
                throw Failure(step: "asking", code: error.code)
            }
            return nil
        }
        channel.setPatience(milliseconds: Self.patience)
        do throws(ListenFailure) {
            try channel.send(Self.greeting)
            var sockets: [InheritedSocket] = []
            while true {
                let (text, descriptors) = try channel.receive()
                let lines = text.split(separator: "\n").map(String.init)
                switch lines.first {
                case Word.sockets:
                    for (name, descriptor) in zip(lines.dropFirst(), descriptors) {
                        sockets.append(InheritedSocket(name: name, descriptor: descriptor))
                    }
                case Word.complete: return Succession(channel, sockets)
                default: throw ListenFailure(code: EPROTO)
                }
            }
        } catch {
            throw Failure(step: "getting sockets", code: error.code)
        }
    }

    /// Says that this process could serve, and waits until the store is its own.
    ///
    /// - Throws: ``Failure``; the other process goes on then.
    func claim() async throws { try await self.ask(Word.ready, for: "the store") }

    /// Waits until this process may speak in the mesh.
    ///
    /// - Throws: ``Failure``; the other process goes on then.
    func speak() async throws { try await self.ask(Word.voice, for: "the word in the mesh") }

    /// Says that this process serves; the other one drains and ends.
    ///
    /// - Throws: ``Failure`` when the other one has taken everything back: this process must end.
    func serving() async throws { try await self.ask(Word.serving, for: "the last word") }

    private func ask(_ word: String, for what: String) async throws {
        try await self.thread.run { [channel] in
            do {
                try channel.send(word)
                guard try channel.receive().text == Word.yours else {
                    throw ListenFailure(code: EPROTO)
                }
            } catch let error as ListenFailure {
                throw Failure(step: "getting \(what)", code: error.code)
            }
        }
    }

    /// Why a node could not be taken over.
    struct Failure: Error, Equatable, CustomStringConvertible {
        /// What failed.
        let step: String
        /// The system's number for it.
        let code: Int32

        /// One sentence for the operator.
        var description: String {
            "the node could not be taken over: \(self.step) failed "
                + "(\(String(cString: strerror(self.code)))); the process that ran it goes on"
        }
    }
}

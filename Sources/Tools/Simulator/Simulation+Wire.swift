import MeshMembership
import MeshPrimitives
import MeshWire

/// Sends everything through the real encoding.
extension Simulation {
    /// A record that only nodes of the next release know.
    private static let nextRecord = WireDialect.record(type: 200, content: [2])

    /// What arrives of a packet; `nil` when nothing can be made of it.
    mutating func carried(_ packet: Packet, from sender: Int) -> Packet? {
        switch packet {
        case .datagram(let message): self.carried(message, from: sender).map { .datagram($0) }
        case .stream(let message): self.carried(message, from: sender).map { .stream($0) }
        case .answer(let message): self.carried(message, from: sender).map { .answer($0) }
        case .probe(let message, let sequence):
            self.carried(message, from: sender).map { .probe($0, sequence: sequence) }
        case .probed: packet
        case .changelog(let message, let path):
            if case .changelog(let heard) = self.heard(.changelog(message), from: sender) {
                .changelog(heard, path)
            } else {
                nil
            }
        case .observations(let message):
            if case .observations(let heard) = self.heard(.observations(message), from: sender) {
                .observations(heard)
            } else {
                nil
            }
        }
    }

    private mutating func carried(
        _ message: MembershipMessage,
        from sender: Int
    ) -> MembershipMessage? {
        guard case .membership(let heard) = self.heard(.membership(message), from: sender) else {
            return nil
        }
        return heard
    }

    /// Encodes and decodes one message; a node of the next release adds what this one does not know.
    private mutating func heard(_ message: ClusterMessage, from sender: Int) -> ClusterMessage? {
        var body = message.encoded
        if self.profile.isMixed, sender % 2 == 0 {
            // What it adds to members' records is in its profile.
            body += Self.nextRecord
        }
        var unknown = 0
        let id = self.nodes[sender].id
        let heard = try? ClusterMessage.decode(body, from: id) { _, _ in unknown += 1 }
        if unknown > 0 { self.count(.unknownRecord) }
        guard let first = heard?.first, first == message else {
            // What a liar says may be refused here; what others say arrives as it was said.
            if self.liar == sender { return nil }
            let text = "node \(sender) is not understood: \(message)".prefix(400)
            self.report(Violation(promise: .encoding, at: self.now, text: String(text)))
            return nil
        }
        return first
    }
}

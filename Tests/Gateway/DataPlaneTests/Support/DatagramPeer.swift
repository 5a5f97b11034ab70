import CMeshSystem
import Glibc

/// A UDP socket on loopback: a target with any port, a client of a port, or another reader of a socket.
final class DatagramPeer {
    let port: UInt16
    private let descriptor: Int32
    /// Who sent the last datagram, and to which address.
    private var sender = mesh_address()
    private var own = mesh_address()

    /// Receives at a port that the system chooses.
    convenience init() {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: 0, family: 4)
        self.init(descriptor: mesh_datagram_listen(&address, 0))
    }

    /// Sends to a port.
    convenience init(to port: UInt16) {
        var address = mesh_address(high: 0, low: 0x7F00_0001, port: port, family: 4)
        self.init(descriptor: mesh_datagram_connect(&address))
    }

    /// Takes a descriptor over.
    init(descriptor: Int32) {
        var address = mesh_address()
        _ = mesh_local_address(descriptor, &address)
        self.descriptor = descriptor
        self.port = address.port
    }

    deinit { close(self.descriptor) }

    func send(_ text: String) { _ = mesh_send(self.descriptor, text, text.utf8.count) }

    /// Sends to who sent the last datagram that was heard.
    func answer(_ text: String) {
        _ = mesh_datagram_answer(
            self.descriptor,
            text,
            text.utf8.count,
            &self.sender,
            &self.own
        )
    }

    /// What has come, at once.
    func heard() -> [String] {
        var bytes = [UInt8](repeating: 0, count: 2_048)
        var texts: [String] = []
        while true {
            var sender = mesh_address()
            var own = mesh_address()
            let count = mesh_datagram_receive(
                self.descriptor,
                &bytes,
                bytes.count,
                &sender,
                &own
            )
            guard count >= 0 else { return texts }
            (self.sender, self.own) = (sender, own)
            texts.append(String(decoding: bytes[..<count], as: UTF8.self))
        }
    }
}

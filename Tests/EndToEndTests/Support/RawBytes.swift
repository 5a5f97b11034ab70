import Glibc

/// Sends bytes that no HTTP client would send.
@LoopbackActor
enum RawBytes {
    /// Sends one datagram.
    static func send(datagram bytes: [UInt8], to place: Place) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var name = SocketName.v4(place.address, port: place.port)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = SocketName.with(&name) { sendto(descriptor, bytes, bytes.count, 0, $0, length) }
    }

    /// Connects, sends, and reads what comes back until the peer closes or `seconds` pass.
    static func exchange(
        _ bytes: [UInt8],
        with place: Place,
        within seconds: Double
    ) throws
        -> String
    {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var name = SocketName.v4(place.address, port: place.port)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard SocketName.with(&name, { connect(descriptor, $0, length) }) == 0 else {
            throw TestFailure("\(place) refuses connections")
        }
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4_096)
        let deadline = Clock.now + seconds
        while Clock.now < deadline {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, 20) > 0 else { continue }
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { break }
            answer += piece[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }
}

/// An address with its port.
struct Place: CustomStringConvertible, Sendable {
    let address: String
    let port: UInt16

    var description: String { "\(self.address):\(self.port)" }
    var url: String { "http://\(self)" }
}

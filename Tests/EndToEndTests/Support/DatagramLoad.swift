import Foundation
import Glibc
import Synchronization

/// A UDP target that sends everything back, on a thread of its own until it is let go.
final class DatagramEcho: Sendable {
    let place: Place
    private let end = Atomic(false)

    init(at address: String) throws {
        let place = Place(address: address, port: try FreePorts.draw(1, at: address)[0])
        self.place = place
        let descriptor = socket(
            AF_INET,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        var name = SocketName.v4(address, port: place.port)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard SocketName.with(&name, { bind(descriptor, $0, length) }) == 0 else {
            close(descriptor)
            throw TestFailure("\(place) is taken")
        }
        Thread { [self] in
            defer { close(descriptor) }
            var bytes = [UInt8](repeating: 0, count: 2_048)
            while !self.end.load(ordering: .relaxed) {
                var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&wait, 1, 20) > 0 else { continue }
                var sender = sockaddr_in()
                var length = length
                let count = SocketName.with(&sender) {
                    recvfrom(descriptor, &bytes, bytes.count, 0, $0, &length)
                }
                guard count >= 0 else { continue }
                _ = SocketName.with(&sender) { sendto(descriptor, bytes, count, 0, $0, length) }
            }
        }.start()
    }

    func stop() { self.end.store(true, ordering: .relaxed) }
}

/// Clients of a UDP route, one new after the other, and one that goes on all the time.
final class DatagramLoad: Sendable {
    struct Tally {
        var new = 0
        var newUnanswered = 0
        var kept = 0
        var keptUnanswered = 0
    }

    private let tally = Mutex(Tally())
    private let isStopping = Atomic(false)
    private let hasEnded = Atomic(false)

    init(_ place: Place) {
        Thread { [self] in
            let kept = Self.client(of: place)
            defer { close(kept) }
            while !self.isStopping.load(ordering: .relaxed) {
                let new = Self.client(of: place)
                let isNewAnswered = Self.isAnswered(new)
                close(new)
                let isKeptAnswered = Self.isAnswered(kept)
                self.tally.withLock { tally in
                    tally.new += 1
                    tally.kept += 1
                    if !isNewAnswered { tally.newUnanswered += 1 }
                    if !isKeptAnswered { tally.keptUnanswered += 1 }
                }
                usleep(5_000)
            }
            self.hasEnded.store(true, ordering: .releasing)
        }.start()
    }

    var soFar: Tally { self.tally.withLock { $0 } }

    @LoopbackActor
    func stop() throws -> Tally {
        self.isStopping.store(true, ordering: .relaxed)
        try eventually("the load should end") { self.hasEnded.load(ordering: .acquiring) }
        return self.soFar
    }

    private static func client(of place: Place) -> Int32 {
        let descriptor = socket(
            AF_INET,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        var name = SocketName.v4(place.address, port: place.port)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = SocketName.with(&name) { connect(descriptor, $0, length) }
        return descriptor
    }

    /// Sends a datagram and waits for an answer, for two seconds at most.
    private static func isAnswered(_ descriptor: Int32) -> Bool {
        guard send(descriptor, "hello", 5, 0) == 5 else { return false }
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 2_000) > 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 16)
        return recv(descriptor, &bytes, bytes.count, 0) == 5
    }
}

import Glibc
import MeshEntities
import MeshHealth
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("A target that stops answering")
struct SilenceTests {
    /// Answers until it freezes; then it takes requests and says nothing.
    private final class Freezer: Sendable {
        let isFrozen = Atomic(false)
        /// Whether it stands still, and answers later all the same.
        let isHeld = Atomic(false)
        let received = Atomic(0)
        let posts = Atomic(0)

        func origin(_ text: String) -> Origin {
            Origin { origin, socket, _ in
                while let request = socket.message() {
                    self.received.add(1, ordering: .relaxed)
                    if request.startLine.hasPrefix("POST") {
                        self.posts.add(1, ordering: .relaxed)
                    }
                    guard !self.isFrozen.load(ordering: .relaxed) else { continue }
                    while self.isHeld.load(ordering: .relaxed) { usleep(2_000) }
                    origin.note(request)
                    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(text)")
                }
            }
        }
    }

    private func request(_ method: String) -> String {
        "\(method) / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    }

    /// A gateway that has had twenty answers of each of two targets.
    private func gateway(_ first: Origin, _ second: Origin) throws -> Gateway {
        let gateway = try Gateway(TestEntities.proxying([first.port, second.port]))
        for _ in 0..<40 { #expect(gateway.ask(self.request("GET"))?.status == 200) }
        return gateway
    }

    @Test("costs no client more than a moment, and gets no more requests")
    func frozen() throws {
        let freezer = Freezer()
        let (frozen, alive) = (freezer.origin("f"), Freezer().origin("a"))
        let gateway = try self.gateway(frozen, alive)
        freezer.isFrozen.store(true, ordering: .relaxed)
        let start = ContinuousClock.now
        let clients = (0..<16).map { _ in gateway.connect() }
        for client in clients { client.send(self.request("GET")) }
        // While they wait, others are answered.
        let others = (0..<40).map { _ in gateway.connect() }
        for client in others { client.send(self.request("GET")) }
        for client in clients + others { #expect(client.message()?.text == "a") }
        #expect(start.duration(to: .now) < .seconds(10))
        let before = freezer.received.load(ordering: .relaxed)
        for _ in 0..<20 { #expect(gateway.ask(self.request("GET"))?.text == "a") }
        #expect(freezer.received.load(ordering: .relaxed) <= before + 4)
    }

    @Test("is never sent a second copy of what may not be repeated, nor is another one")
    func notIdempotent() throws {
        let (freezer, other) = (Freezer(), Freezer())
        let gateway = try self.gateway(freezer.origin("f"), other.origin("a"))
        freezer.isFrozen.store(true, ordering: .relaxed)
        let clients = (0..<12).map { _ in gateway.connect() }
        for client in clients { client.send(self.request("POST")) }
        // Those that may be repeated move on meanwhile.
        for _ in 0..<12 { #expect(gateway.ask(self.request("GET"))?.text == "a") }
        let posts = freezer.posts.load(ordering: .relaxed) + other.posts.load(ordering: .relaxed)
        #expect(posts == 12)
        for client in clients { client.shutdown() }
    }

    @Test("is passed over by what may not be repeated, long before its silence is proof")
    func passedOver() async throws {
        let freezer = Freezer()
        let (frozen, alive) = (freezer.origin("f"), Freezer().origin("a"))
        let gateway = try self.gateway(frozen, alive)
        freezer.isFrozen.store(true, ordering: .relaxed)
        let stuck = (0..<8).map { _ in gateway.connect() }
        // Two of them at least are for the frozen one, which has answered within a millisecond so far.
        for client in stuck { client.send(self.request("POST")) }
        #expect(await gateway.eventually { freezer.posts.load(ordering: .relaxed) >= 2 })
        usleep(30_000)
        for _ in 0..<20 { #expect(gateway.ask(self.request("POST"))?.text == "a") }
        for client in stuck { client.shutdown() }
    }

    @Test("keeps its requests when nobody else could take them", arguments: [1, 2])
    func nobodyElse(count: Int) throws {
        let all = (0..<count).map { _ in Freezer() }
        let origins = all.map { $0.origin("a") }
        let gateway = try Gateway(TestEntities.proxying(origins.map(\.port)))
        for _ in 0..<40 { #expect(gateway.ask(self.request("GET"))?.status == 200) }
        for target in all { target.isHeld.store(true, ordering: .relaxed) }
        let clients = (0..<16).map { _ in gateway.connect() }
        for client in clients { client.send(self.request("GET")) }
        usleep(400_000)
        for target in all { target.isHeld.store(false, ordering: .relaxed) }
        for client in clients { #expect(client.message()?.status == 200) }
    }
}

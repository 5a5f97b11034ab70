import Glibc
import MeshEntities
import MeshListening
import Testing

@testable import MeshDataPlane

@Suite("Datagrams while a node drains")
struct DatagramDrainTests {
    /// A gateway with a route of datagrams, whose target is `target`, and one of requests to `origin`.
    private struct Place {
        let gateway: Gateway
        let target = DatagramPeer()
        /// Another process that reads from the gateway's socket.
        let other: DatagramPeer
        let client: DatagramPeer

        init(origin: Origin = Origin.saying("ok")) throws {
            var entities = TestEntities.proxying([origin.port])
            var service = Service(
                id: EntityID(high: 7, low: 1),
                name: "datagrams",
                host: "127.0.0.1",
                port: Int(self.target.port)
            )
            service.protocol = .udp
            var route = Route(id: EntityID(high: 7, low: 2), name: "datagrams", service: service.id)
            route.protocols = [.udp]
            route.destinations = [Route.Peer(ip: "127.0.0.1")]
            entities.services += [service]
            entities.routes += [route]
            let listeners = ListenerSet()
            self.gateway = try Gateway(entities, listeners: listeners) {
                $0.streamListen = [StreamListener($0.listen[0], kind: .udp)]
            }
            let offered = try #require(listeners.offered.first { $0.name == "proxy-stream" })
            self.other = DatagramPeer(descriptor: fcntl(offered.descriptor, F_DUPFD_CLOEXEC, 3))
            self.client = DatagramPeer(to: self.gateway.tlsPort)
        }

        /// Begins a session; whether the target got the client's datagram, and the client its answer.
        func begin() async -> Bool {
            self.client.send("first")
            guard await eventually({ self.target.heard() == ["first"] }) else { return false }
            self.target.answer("welcome")
            return await eventually { self.client.heard() == ["welcome"] }
        }

        /// Whether what a new client sends gets to the target.
        func servesNew() async -> Bool {
            let client = DatagramPeer(to: self.gateway.tlsPort)
            client.send("new")
            return await eventually { self.target.heard().contains("new") }
        }
    }

    @Test("stay for the process that reads the sockets on, while targets' answers still leave")
    func taken() async throws {
        let place = try Place()
        #expect(await place.begin())

        let plane = place.gateway.plane
        async let draining = plane.drain(deadline: .seconds(8), sockets: .taken)
        let isLeft = await eventually {
            place.target.answer("more")
            place.client.send("again")
            return place.other.heard().contains("again")
        }
        _ = place.target.heard()
        let new = DatagramPeer(to: place.gateway.tlsPort)
        new.send("new")
        let isNewLeft = await eventually { place.other.heard().contains("new") }
        _ = place.client.heard()
        place.target.answer("last")
        let isAnswered = await eventually { place.client.heard().contains("last") }
        let cut = await draining

        #expect(isLeft)
        #expect(isNewLeft)
        #expect(isAnswered)
        #expect(place.target.heard().isEmpty)
        #expect(cut == 0)
        #expect(place.gateway.plane.counters().droppedDatagrams == 0)
    }

    @Test("are served until all else is done when the sockets are kept for the next process")
    func kept() async throws {
        let gate = Signal()
        let origin = Origin.answering { _ in
            _ = gate.wait(milliseconds: 10_000)
            return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        }
        let place = try Place(origin: origin)
        #expect(await place.begin())
        let request = place.gateway.connect()
        request.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await eventually { place.gateway.plane.activeRequests == 2 })

        let plane = place.gateway.plane
        async let draining = plane.drain(deadline: .seconds(20), sockets: .kept)
        let isRefused = await eventually { !StreamSocket(port: place.gateway.port).send("x") }
        let isServed = await place.servesNew()
        gate.set()
        let answer = request.message()
        let isLeft = await eventually {
            place.client.send("again")
            return place.other.heard().contains("again")
        }
        let cut = await draining

        #expect(isRefused)
        #expect(isServed)
        #expect(answer?.text == "ok")
        #expect(isLeft)
        #expect(cut == 0)
    }

    @Test("of new clients are dropped, those of others passed, when nobody reads the sockets after")
    func ended() async throws {
        let place = try Place()
        #expect(await place.begin())

        let plane = place.gateway.plane
        async let draining = plane.drain(deadline: .seconds(8))
        let isRefusing = await eventually {
            place.client.send("on")
            DatagramPeer(to: place.gateway.tlsPort).send("new")
            return place.gateway.plane.counters().droppedDatagrams > 0
        }
        _ = place.target.heard()
        place.client.send("on")
        let isPassed = await eventually { place.target.heard().contains("on") }
        let cut = await draining

        #expect(isRefusing)
        #expect(isPassed)
        #expect(place.other.heard().isEmpty)
        #expect(cut == 0)
        // How long clients stayed is no latency of the service.
        let counters = place.gateway.plane.counters()
        #expect(counters.routes.contains { $0.isStream && !$0.requests.isEmpty })
        #expect(counters.latencyByService()["datagrams"] == nil)
    }
}

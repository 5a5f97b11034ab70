import CMeshSystem
import Glibc
import MeshPrimitives
import Testing

@testable import MeshListening

@Suite("The sockets of a node")
struct ListenerSetTests {
    private static let anyPort = Endpoint(address: .v4(0x7F00_0001), port: 0)

    private static func endpoint(_ place: ListenPlace) throws -> Endpoint {
        guard case .stream(let endpoint) = place else { throw ListenFailure(code: EPROTOTYPE) }
        return endpoint
    }

    /// Connects to an endpoint; 0 when it is taken, else the reason.
    private static func connect(_ endpoint: Endpoint) -> Int32 {
        var address = endpoint.system
        let descriptor = mesh_connect(&address)
        guard descriptor >= 0 else { return -descriptor }
        defer { close(descriptor) }
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&waiting, 1, 2_000)
        return mesh_socket_option(descriptor, SO_ERROR)
    }

    @Test("an address that somebody else listens on is refused, for one reader and for several")
    func taken() throws {
        let first = ListenerSet()
        let (place, descriptors) = try first.open(
            ListenRequest("proxy", .stream(Self.anyPort), workers: 2, backlog: 16)
        )
        defer { for descriptor in descriptors { close(descriptor) } }

        #expect(descriptors.count == 2)
        #expect(throws: ListenFailure(code: EADDRINUSE)) {
            try ListenerSet().open(ListenRequest("proxy", place, workers: 2, backlog: 16))
        }
        #expect(throws: ListenFailure(code: EADDRINUSE)) {
            try ListenerSet().openOne(ListenRequest("admin", place))
        }
    }

    @Test("a part that lost its socket gets it back, and connections wait meanwhile")
    func kept() throws {
        let set = ListenerSet()
        let (place, first) = try set.openOne(ListenRequest("admin", .stream(Self.anyPort)))
        close(first)

        #expect(Self.connect(try Self.endpoint(place)) == 0)
        let (again, second) = try set.openOne(ListenRequest("admin", .stream(Self.anyPort)))
        defer { close(second) }
        #expect(again == place)
        var address = mesh_address()
        let accepted = mesh_accept(second, &address)
        #expect(accepted >= 0)
        close(accepted)
    }

    @Test("nobody listens any more when set and part have closed their sockets")
    func released() throws {
        let set = ListenerSet()
        let (place, descriptor) = try set.openOne(ListenRequest("admin", .stream(Self.anyPort)))

        set.release("admin")
        #expect(Self.connect(try Self.endpoint(place)) == 0)
        close(descriptor)
        #expect(Self.connect(try Self.endpoint(place)) == ECONNREFUSED)
    }

    @Test("a successor goes on with inherited sockets, whatever they are called")
    func inherited() throws {
        let set = ListenerSet()
        let (place, own) = try set.openOne(ListenRequest("admin", .stream(Self.anyPort)))
        let copies = set.offered.map { offered in
            InheritedSocket(name: "any", descriptor: mesh_copy_descriptor(offered.descriptor))
        }
        let successor = ListenerSet(inherited: copies)
        let (taken, descriptor) = try successor.openOne(ListenRequest("admin", place))
        close(own)
        set.releaseAll()

        #expect(taken == place)
        #expect(successor.closeUnclaimed().isEmpty)
        #expect(Self.connect(try Self.endpoint(place)) == 0)
        close(descriptor)
    }

    @Test("more workers than inherited sockets get more, fewer read all of them")
    func otherCounts() throws {
        let set = ListenerSet()
        let wish = { (workers: Int, place: ListenPlace) in
            ListenRequest("proxy", place, workers: workers, backlog: 16)
        }
        let (place, own) = try set.open(wish(3, .stream(Self.anyPort)))
        defer { for descriptor in own { close(descriptor) } }
        for (workers, expected) in [(2, 3), (3, 3), (5, 5)] {
            let copies = set.offered.map { offered in
                InheritedSocket(name: "x", descriptor: mesh_copy_descriptor(offered.descriptor))
            }
            let successor = ListenerSet(inherited: copies)
            let descriptors = try successor.open(wish(workers, place)).descriptors
            #expect(descriptors.count == expected)
            for descriptor in descriptors { close(descriptor) }
        }
    }

    @Test("a socket that lets nobody beside it is shared by all workers")
    func activated() throws {
        let (place, descriptor) = try ListenerSet().openOne(
            ListenRequest("x", .stream(Self.anyPort))
        )
        let set = ListenerSet(inherited: [InheritedSocket(name: "x", descriptor: descriptor)])
        let request = ListenRequest("proxy", place, workers: 2, backlog: 16)
        let descriptors = try set.open(request).descriptors
        defer { for descriptor in descriptors { close(descriptor) } }

        #expect(descriptors.count == 2)
        #expect(Self.connect(try Self.endpoint(place)) == 0)
    }

    @Test("what nobody asked for is closed and named")
    func unclaimed() throws {
        let (place, descriptor) = try ListenerSet().openOne(
            ListenRequest("old", .stream(Self.anyPort))
        )
        let set = ListenerSet(inherited: [InheritedSocket(name: "old", descriptor: descriptor)])

        #expect(set.closeUnclaimed() == ["old \(place)"])
        #expect(Self.connect(try Self.endpoint(place)) == ECONNREFUSED)
    }

    @Test("a unix socket is taken from the dead, not from the living, and removed at the end")
    func paths() throws {
        let path = "/tmp/mesh-listening-\(getpid()).sock"
        let set = ListenerSet()
        let first = try set.openOne(ListenRequest("admin-socket", .path(path))).descriptor
        var facts = stat()

        #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o660)
        #expect(throws: ListenFailure(code: EADDRINUSE)) {
            try ListenerSet().openOne(ListenRequest("admin-socket", .path(path)))
        }
        set.handedOver()
        set.releaseAll()
        close(first)
        #expect(access(path, F_OK) == 0)
        let later = ListenerSet()
        close(try later.openOne(ListenRequest("admin-socket", .path(path))).descriptor)
        later.releaseAll()
        #expect(access(path, F_OK) != 0)
    }

    @Test(
        "an inherited unix socket whose path is gone is bound anew, and no supervisor is given one"
    )
    func pathsThatEnded() throws {
        let path = "/tmp/mesh-listening-gone-\(getpid()).sock"
        let set = ListenerSet()
        let first = try set.openOne(ListenRequest("admin-socket", .path(path))).descriptor
        let address = try set.openOne(ListenRequest("admin", .stream(Self.anyPort))).descriptor
        defer { close(address) }
        #expect(set.lasting.map(\.name) == ["admin"])
        let copies = set.offered.filter { $0.name == "admin-socket" }.map {
            InheritedSocket(name: $0.name, descriptor: mesh_copy_descriptor($0.descriptor))
        }
        close(first)
        set.releaseAll()
        let successor = ListenerSet(inherited: copies)
        let descriptor = try successor.openOne(ListenRequest("admin-socket", .path(path)))
            .descriptor
        defer {
            close(descriptor)
            successor.releaseAll()
        }

        let connection = mesh_unix_connect(path, 0)
        #expect(connection >= 0)
        if connection >= 0 { close(connection) }
        #expect(successor.closeUnclaimed().isEmpty)
    }

    @Test("LISTEN_FDS counts only for the process that LISTEN_PID names")
    func serviceManager() throws {
        let (place, descriptor) = try ListenerSet().openOne(
            ListenRequest("x", .stream(Self.anyPort))
        )
        defer { close(descriptor) }
        let variables = ["LISTEN_PID": "17", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "proxy"]

        let others = InheritedSocket.fromSupervisor(variables, process: 18, first: descriptor)
        let own = InheritedSocket.fromSupervisor(variables, process: 17, first: descriptor)

        #expect(others.isEmpty)
        #expect(own.map(\.name) == ["proxy"])
        #expect(own.map(\.place) == [place])
    }
}

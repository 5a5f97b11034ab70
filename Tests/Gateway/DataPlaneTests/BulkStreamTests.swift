import Foundation
import MeshEntities
import Testing

@testable import MeshDataPlane

/// Streams whose bytes pass through pipes.
@Suite("A stream of many bytes", .serialized)
struct BulkStreamTests {
    /// Bytes whose order shows.
    private static let bytes: [UInt8] = {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24 << 20)
        for number in UInt32(0)..<(6 << 20) {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }()

    private static func gateway(_ origin: Origin) throws -> Gateway {
        let entities = TestEntities.proxying([origin.port]) { service, route in
            service.protocol = .tcp
            route.protocols = [.tcp]
            route.paths = []
            route.destinations = [Route.Peer(ip: "127.0.0.1")]
        }
        return try Gateway(entities) {
            $0.streamListen = [StreamListener($0.listen[0], kind: .tcp)]
        }
    }

    private static func everything(from socket: StreamSocket, pausing: Bool) -> [UInt8] {
        var all: [UInt8] = []
        var reads = 0
        while let more = socket.readMore(limit: 1 << 20) {
            all += more
            reads += 1
            if pausing, reads.isMultiple(of: 16) { Thread.sleep(forTimeInterval: 0.005) }
        }
        return all
    }

    /// A target that says everything to everybody.
    private static func talking() -> Origin {
        Origin { origin, socket, _ in
            socket.send(Self.bytes)
            socket.shutdownWrite()
            origin.note("\(socket.receiveAll().count) bytes")
        }
    }

    @Test("comes whole and in order from a target, however it is read", arguments: [true, false])
    func download(pausing: Bool) throws {
        let origin = Self.talking()
        let gateway = try Self.gateway(origin)
        let client = StreamSocket(port: gateway.tlsPort)
        if pausing { client.shrinkReceiveBuffer(to: 65_536) }
        #expect(Self.everything(from: client, pausing: pausing) == Self.bytes)
        // The other direction is open still.
        client.send("bye")
        client.shutdownWrite()
        #expect(awaited { origin.requests.first } == "3 bytes")
        let row = awaited { gateway.plane.counters().routes.first { $0.egressBytes > 0 } }
        #expect(row?.egressBytes == UInt64(Self.bytes.count))
        #expect(row?.ingressBytes == 3)
    }

    @Test("comes whole and in order from a client, however it is read", arguments: [true, false])
    func upload(pausing: Bool) throws {
        let origin = Origin { origin, socket, _ in
            if pausing { socket.shrinkReceiveBuffer(to: 65_536) }
            let all = Self.everything(from: socket, pausing: pausing)
            origin.note(all == Self.bytes ? "all" : "\(all.count) bytes")
            socket.send("done")
        }
        let gateway = try Self.gateway(origin)
        let client = StreamSocket(port: gateway.tlsPort)
        client.send(Self.bytes)
        client.shutdownWrite()
        #expect(client.receiveAll() == Array("done".utf8))
        #expect(origin.requests == ["all"])
    }

    /// Pipes of this process.
    private static var pipes: Int {
        let folder = "/proc/self/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.count { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(
                atPath: folder + "/" + name
            )
            return target?.hasPrefix("pipe:") == true
        }
    }

    @Test("leaves no pipe behind when its client goes in the middle, and needs none")
    func departure() async throws {
        let gateway = try Self.gateway(Self.talking())
        let before = Self.pipes
        var clients: [StreamSocket] = []
        // More than there may be pipes.
        for _ in 0..<80 {
            let client = StreamSocket(port: gateway.tlsPort)
            #expect(client.receive(exactly: 1 << 18) == Array(Self.bytes.prefix(1 << 18)))
            clients.append(client)
        }
        #expect(Self.pipes > before)
        let rest = Self.everything(from: clients[79], pausing: false)
        #expect(rest.count == Self.bytes.count - (1 << 18))
        for client in clients { client.reset() }
        clients = []
        #expect(await eventually { Self.pipes <= before + 16 })
    }
}

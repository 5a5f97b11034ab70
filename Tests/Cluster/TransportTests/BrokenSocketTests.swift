import Foundation
import Glibc
import MeshListening
import MeshMembership
import MeshPrimitives
import MeshWire
import Testing

@testable import MeshTransport

@Suite("A node whose sockets fail", .serialized, .timeLimit(.minutes(2)))
struct BrokenSocketTests {
    @Test(
        "sends on after each address that the system refuses",
        arguments: [
            (Endpoint(address: .v4(.max), port: 9), [SendRefusal.forbidden, .unreachable]),
            (Endpoint(address: .v6(high: 0, low: 1), port: 9), [.wrongFamily]),
            (Endpoint(address: .v4(0x0808_0808), port: 9), [.wrongFamily, .unreachable]),
        ]
    )
    func refusals(_ address: Endpoint, causes: [SendRefusal]) throws {
        let request = ListenRequest("gossip-udp", .datagrams(TestNode.loopback(0)))
        let receiver = try ListenerSet().openOne(request).descriptor
        let socket = try DatagramSocket.sending(through: receiver)
        defer { close(receiver) }
        let own = TestNode.loopback(try #require(Self.port(of: receiver)))

        let refusal = try #require(socket.send([1], to: address))
        #expect(causes.contains(refusal))
        #expect(socket.send([2], to: own) == nil)
        var byte: UInt8 = 0
        #expect(recv(receiver, &byte, 1, 0) == 1)
        #expect(byte == 2)
    }

    @Test("names a member whose streams fail though its datagrams arrive, after a single stream")
    func cutStreams() async throws {
        let first = try TestNode("node-1")
        let seed = try await first.endpoint()
        let second = try TestNode("node-2", seeds: [seed]) { $0.streams.inbound = 0 }
        let cut = try await second.endpoint()
        try await eventually("all see all") { await allSee([first, second]) }

        #expect(await first.service.reach([second.id]).map(\.stream) == [nil])
        try await eventually("named", within: .seconds(6)) {
            let troubles = await first.service.status().troubles
            return troubles.contains { $0.path == .stream && $0.endpoint == cut }
        }
        #expect(await allSee([first, second]))
        await second.kill()
        await first.kill()
    }

    @Test("goes on when a member advertises an address that nobody can send to, and names it")
    func unreachableMember() async throws {
        let first = try TestNode("node-1")
        let seed = try await first.endpoint()
        let second = try TestNode("node-2", seeds: [seed])
        try await eventually("two") { await allSee([first, second]) }

        let nowhere = Endpoint(address: .v6(high: 0x2001_0DB8 << 32, low: 7), port: 7_946)
        let third = try TestNode("node-3", seeds: [seed]) { $0.profile.address = nowhere }
        try await eventually("refused sends are counted and named") {
            let status = await first.service.status()
            return status.counters.sendRefusals[.wrongFamily, default: 0] > 3
                && status.troubles.contains { $0.path == .send && $0.endpoint == nowhere }
        }
        try await second.service.put(["a": "1"])
        try await eventually("the others go on") {
            await first.service.texts().count == 1
        }
        for node in [third, second, first] { await node.kill() }
    }

    @Test("refuses a member that advertises what is no destination at all")
    func hostileAddress() async throws {
        let first = try TestNode("node-1")
        let seed = try await first.endpoint()
        let multicast = Endpoint(address: .v4(0xE000_0001), port: 7_946)
        let other = try TestNode("node-2", seeds: [seed]) { $0.profile.address = multicast }
        try await eventually("refused") {
            await first.service.status().counters.rejected[.unusableAddress, default: 0] > 0
        }

        #expect(await first.service.members().count == 1)
        await other.kill()
        await first.kill()
    }

    @Test("opens both sockets again when one is lost, and is heard by all")
    func reopens() async throws {
        try await withCluster(of: 2) { nodes in
            let port = try await nodes[1].endpoint().port
            let descriptors = Self.listeners(port: port)
            #expect(!descriptors.isEmpty)
            for descriptor in descriptors { shutdown(descriptor, CInt(SHUT_RDWR)) }

            try await eventually("opened again") {
                await nodes[1].service.status().counters.socketsReopened > 0
            }
            try await eventually("all see all again") { await allSee(nodes) }
            try await nodes[0].service.put(["b": "2"])
            try await eventually("records arrive again") {
                await nodes[1].service.texts().count == 1
            }
            #expect(await nodes[1].service.status().troubles.isEmpty)
        }
    }

    @Test("hears and answers both families at [::], and IPv6 at [::1]")
    func dualStack() async throws {
        let any = Endpoint(address: .v6(high: 0, low: 0), port: 0)
        let six = Endpoint(address: .v6(high: 0, low: 1), port: 0)
        let both = try TestNode("node-1") {
            $0.bind = any
            $0.profile.address = TestNode.loopback(0)
        }
        let port = try await both.endpoint().port
        let four = try TestNode("node-2", seeds: [TestNode.loopback(port)])
        try await eventually("IPv4 at [::]") { await allSee([both, four]) }
        try await eventually("by datagrams, too") {
            let there = await four.view(of: both)?.roundTrip
            let back = await both.view(of: four)?.roundTrip
            return there != nil && back != nil
        }
        await four.kill()
        await both.kill()

        let first = try TestNode("node-3") { ($0.bind, $0.profile.address) = (six, six) }
        let seed = try await first.endpoint()
        let second = try TestNode("node-4", seeds: [seed]) {
            ($0.bind, $0.profile.address) = (any, six)
        }
        try await eventually("IPv6") { await allSee([first, second]) }
        try await eventually("by datagrams, too") {
            await second.view(of: first)?.roundTrip != nil
        }
        #expect("\(seed)" == "[::1]:\(seed.port)")
        await second.kill()
        await first.kill()
    }

    private static func port(of descriptor: CInt) -> UInt16? {
        var form = [UInt8](repeating: 0, count: 28)
        var length = socklen_t(form.count)
        let result = form.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) {
                getsockname(descriptor, $0.baseAddress, &length)
            }
        }
        guard result == 0, length >= 16 else { return nil }
        return UInt16(form[2]) << 8 | UInt16(form[3])
    }

    /// This process's listeners at a port.
    private static func listeners(port: UInt16) -> [CInt] {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return open.compactMap { CInt($0) }.filter { descriptor in
            var isListening: CInt = 0
            var length = socklen_t(MemoryLayout<CInt>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &length)
            return isListening != 0 && Self.port(of: descriptor) == port
        }
    }
}

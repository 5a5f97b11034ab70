import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// A node that changes its process without leaving.
    @LoopbackActor
    @Suite("Taken over by another process", .serialized, .mesh(eu: 2, us: 1))
    struct TakeoverTests {
        /// What the others have told of the node since the events with these ids.
        private static func doubts(of name: String, in mesh: TestMesh) throws -> [String] {
            try mesh.nodes.filter { $0.name != name }.flatMap { other in
                try other.events("membership").filter { event in
                    event["subject"].text == name
                        && ["suspect", "failed", "left"].contains(event["type"].text)
                }.map { "\(other.name): \($0["message"].text ?? "")" }
            }
        }

        @Test("no request fails, nobody doubts the node, and it stays who it is")
        func underLoad() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-2")
            for upstream in mesh.upstreams { try upstream.set(#"{"latency_ms":50}"#) }
            let before = try #require(try node.members()["eu-2"])
            let hash = try node.configurationHash()
            let doubts = try Self.doubts(of: "eu-2", in: mesh)
            let loads = [
                LoadProbe([node], perSecond: 100),
                LoadProbe([node], perSecond: 100, connections: .fresh),
            ]
            try eventually("load should run") { loads.allSatisfy { $0.soFar.count > 40 } }

            let old = try node.takeOver()
            #expect(try old.end(within: 30) == .exited(0), "\(old.lastWords)")
            try eventually("load should go on") { loads.allSatisfy { $0.soFar.count > 200 } }
            let samples = try loads.flatMap { try $0.stop() }
            let after = try #require(try node.members()["eu-2"])

            #expect(samples.errors.isEmpty, "\(samples.complaint)")
            #expect(after["id"] == before["id"])
            #expect(after["incarnation"].text ?? "" != before["incarnation"].text ?? "x")
            #expect(try node.configurationHash() == hash)
            #expect(try Self.doubts(of: "eu-2", in: mesh) == doubts)
            try mesh.apply(mesh.configuration(routes: ["after"]), at: "eu-2")
            let answer = try Curl.get("\(try mesh.node("us-1").proxy.url)/after")
            #expect(answer.status == 200, "the successor writes")
        }

        @Test("no datagram of a udp route goes unanswered, of new clients and of one that goes on")
        func datagrams() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-2")
            let address = node.proxy.address
            let place = Place(address: address, port: try FreePorts.draw(1, at: address)[0])
            node.process?.signal(SIGTERM)
            #expect(try node.process?.end(within: 30) == .exited(0))
            node.environment = ["MESH_PROXY_STREAM_LISTEN": "\(place) udp"]
            defer { node.environment = [:] }
            try mesh.start(node)
            try node.awaitAnswer()
            let echo = try DatagramEcho(at: "127.0.30.20")
            defer { echo.stop() }
            try mesh.apply(
                mesh.configuration() + """

                      - name: datagrams
                        protocol: udp
                        host: \(echo.place.address)
                        port: \(echo.place.port)
                        routes: [{ protocols: [udp], destinations: [{ port: \(place.port) }] }]
                    """
            )
            let load = DatagramLoad(place)
            try eventually("load should run") { load.soFar.new > 50 }

            let old = try node.takeOver()
            #expect(try old.end(within: 30) == .exited(0), "\(old.lastWords)")
            let count = load.soFar.new
            try eventually("load should go on") { load.soFar.new > count + 50 }
            let tally = try load.stop()

            #expect(tally.newUnanswered == 0, "\(tally)")
            #expect(tally.keptUnanswered == 0, "\(tally)")
        }

        @Test("a successor that cannot serve changes nothing")
        func failure() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("eu-1")
            let old = try #require(node.process)
            let doubts = try Self.doubts(of: "eu-1", in: mesh)
            let load = LoadProbe([node], perSecond: 100)

            // An address that this machine does not have is found out late, with the store in hand.
            let successor = try node.another([
                "--takeover", "--set", "status.listen=192.0.2.1:8100",
            ])
            #expect(try successor.end(within: 30) == .exited(1), "\(successor.lastWords)")
            // So is a file that is not there, before anything was asked for.
            let early = try node.another(["--takeover", "--set", "config=/nowhere"])
            #expect(try early.end(within: 30) == .exited(78), "\(early.lastWords)")
            try eventually("it should write again") {
                let text = try mesh.file(mesh.configuration(routes: ["still"]))
                return try node.ctl.run("config", "apply", text).status == 0
            }
            let samples = try load.stop()

            #expect(old.isRunning)
            #expect(samples.errors.isEmpty, "\(samples.complaint)")
            #expect(try Self.doubts(of: "eu-1", in: mesh) == doubts)
            #expect(try Curl.get("\(node.proxy.url)/still").status == 200)
        }

        @Test("a second process that does not take over is refused")
        func secondStart() throws {
            let mesh = try TestMesh.settled()
            let node = try mesh.node("us-1")

            let second = try node.another()
            #expect(try second.end(within: 20) == .exited(78), "\(second.lastWords)")
            let elsewhere = try node.another(["--data-dir", "\(node.directory)/other"])
            #expect(try elsewhere.end(within: 20) == .exited(1), "\(elsewhere.lastWords)")

            #expect(node.isRunning)
            #expect(try Curl.get("\(node.proxy.url)/demo").status == 200)
        }
    }
}

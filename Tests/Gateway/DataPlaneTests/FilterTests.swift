import Glibc
import MeshEntities
import MeshHTTP
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("Filters of a route")
struct FilterTests {
    private let get = "GET /a HTTP/1.1\r\nHost: a\r\nX-Secret: s\r\nX-Kept: k\r\n\r\n"

    /// A gateway on whose one route the steps run.
    private func gateway(
        _ ports: [UInt16],
        _ steps: [PluginStep],
        priorities: [Int] = [],
        configure: (inout DataPlaneConfiguration) -> Void = { _ in }
    ) throws -> Gateway {
        let entities = TestEntities.proxying(ports)
        let gateway = try Gateway(entities, change: configure)
        try gateway.plane.install(
            Snapshot(
                configuration: entities,
                addresses: HostAddresses(),
                localRegion: "eu",
                version: 2,
                chain: { _ in
                    PluginChain(
                        steps: steps.enumerated().map { index, step in
                            (index < priorities.count ? priorities[index] : 1_000 - index, step)
                        }
                    )
                }
            )
        )
        return gateway
    }

    /// Answers with what the target got of the head, its start line left out, and the body.
    private static func echoing() -> Origin {
        Origin.answering { request in
            let head = request.fields.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
            let text = head + "\n\n" + request.text
            return "HTTP/1.1 200 OK\r\nX-Inner: i\r\nContent-Length: \(text.utf8.count)\r\n\r\n"
                + text
        }
    }

    /// A step that suspends every request, and hands over how it is resumed.
    private final class Waiting: Sendable {
        private let seen = Mutex<[PluginResumption]>([])

        func step(milliseconds: Int64 = 300_000, status: UInt16 = 504) -> PluginStep {
            PluginStep(access: { request, _, _ in
                if let resumption = request.resumption {
                    self.seen.withLock { $0.append(resumption) }
                }
                return .suspend(milliseconds: milliseconds, status: status)
            })
        }

        var count: Int { self.seen.withLock { $0.count } }

        /// Resumes from a thread that is no worker's.
        func resume(_ verdict: PluginResume, _ index: Int = 0) {
            let resumption = self.seen.withLock { $0[index] }
            let thread = startReactorThread(name: "outside") { resumption.resume(verdict) }
            thread?.join()
        }
    }

    /// Waits on this very thread until something holds, so that busy tests beside do not matter.
    private static func holds(_ condition: () -> Bool) -> Bool {
        for _ in 0..<2_000 where !condition() { usleep(5_000) }
        return condition()
    }

    private static func value(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static let editing = PluginStep(
        access: { _, _, edits in
            edits.drop("x-secret")
            FilterTests.value("new").withUnsafeBytes { edits.set("x-kept", $0) }
            return .next
        },
        response: { _, _, edits in
            edits.drop("x-inner")
            FilterTests.value("o").withUnsafeBytes { edits.add("X-Outer", $0) }
        }
    )

    @Test("run in Kong's order of priority, whatever order they are configured in")
    func order() throws {
        let seen = Mutex<[Int]>([])
        let priorities = [2, 900, 100_002]
        let steps = priorities.map { priority in
            PluginStep(access: { _, _, _ in
                seen.withLock { $0.append(priority) }
                return .next
            })
        }
        let origin = Origin.saying("ok")
        let gateway = try self.gateway([origin.port], steps, priorities: priorities)
        #expect(gateway.ask(self.get)?.status == 200)
        #expect(seen.withLock { $0 } == [100_002, 900, 2])
    }

    @Test("drop and set fields of both heads")
    func edits() throws {
        let gateway = try self.gateway([Self.echoing().port], [Self.editing])
        let answer = try #require(gateway.ask(self.get))
        #expect(!answer.text.contains("x-secret"))
        #expect(answer.text.contains("x-kept: new"))
        #expect(!answer.text.contains("x-kept: k\n"))
        #expect(answer["x-inner"] == nil)
        #expect(answer["x-outer"] == "o")
    }

    @Test("put what they set in the place of what earlier steps added, both ways")
    func setAgain() throws {
        let first = PluginStep(
            access: { _, _, edits in
                FilterTests.value("early").withUnsafeBytes { edits.add("X-Kept", $0) }
                FilterTests.value("1").withUnsafeBytes { edits.add("X-Gone", $0) }
                return .next
            },
            response: { _, _, edits in
                FilterTests.value("early").withUnsafeBytes { edits.add("X-Inner", $0) }
            }
        )
        let second = PluginStep(
            access: { _, _, edits in
                FilterTests.value("late").withUnsafeBytes { edits.set("x-kept", $0) }
                edits.drop("x-gone")
                return .next
            },
            response: { _, _, edits in
                FilterTests.value("late").withUnsafeBytes { edits.set("x-inner", $0) }
            }
        )
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [second, first], priorities: [1, 2])
        let answer = try #require(gateway.ask(self.get))
        #expect(answer["x-inner"] == "late")
        #expect(answer.text.contains("x-kept: late"))
        #expect(!answer.text.contains("early"))
        #expect(!answer.text.contains("x-gone"))
    }

    @Test("answer 500 in place of a response whose edits have no room, and say so in the log")
    func tooManyResponseEdits() async throws {
        let step = PluginStep(response: { _, _, edits in
            let value = [UInt8](repeating: 0x61, count: 8_000)
            for _ in 0..<9 { value.withUnsafeBytes { edits.add("X-Long", $0) } }
        })
        let log = AccessLogFile()
        let gateway = try self.gateway([Self.echoing().port], [step]) {
            $0.accessLog = log.sink
        }
        let answer = gateway.ask(self.get)
        let line = await log.line()
        #expect(answer?.status == 500)
        #expect(line.contains("\"error\":{\"owner\":\"gateway\",\"cause\":\"exhausted\"}"))
    }

    @Test("have their edits repeated when another target is tried")
    func editsAtRetry() throws {
        let seen = Mutex<[TestMessage]>([])
        let origins = (0..<2).map { _ in
            Origin { _, socket, _ in
                while let request = socket.message() {
                    let isFirst = seen.withLock { seen in
                        seen.append(request)
                        return seen.count == 1
                    }
                    guard !isFirst else { return }
                    socket.send("HTTP/1.1 204 No Content\r\n\r\n")
                }
            }
        }
        let gateway = try self.gateway(origins.map(\.port), [Self.editing])
        #expect(gateway.ask(self.get)?.status == 204)
        let requests = seen.withLock { $0 }
        #expect(requests.count == 2)
        for request in requests {
            #expect(request["x-secret"] == nil)
            #expect(request["x-kept"] == "new")
        }
    }

    @Test("refuse a request whose edits have no room, rather than leave some out")
    func tooManyEdits() throws {
        let step = PluginStep(access: { _, _, edits in
            let value = [UInt8](repeating: 0x61, count: 8_000)
            for _ in 0..<3 { value.withUnsafeBytes { edits.add("X-Long", $0) } }
            return .next
        })
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [step])
        #expect(gateway.ask(self.get)?.status == 500)
        #expect(origin.requests.isEmpty)
    }

    @Test("change bodies both ways, whatever becomes of their length")
    func bodies() throws {
        let doubling = PluginStep(body: { piece, plain, output in
            for byte in plain {
                output.write(byte: byte)
                if piece.side == .request || byte == 0x21 { output.write(byte: byte) }
            }
        })
        let origin = Origin.answering { request in
            let text = request.text + "!"
            return "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n" + text
        }
        let gateway = try self.gateway([origin.port], [doubling])
        let client = gateway.connect()
        for _ in 0..<2 {
            client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz")
            let answer = try #require(client.message())
            #expect(answer.text == "xxyyzz!!")
            #expect(answer["content-length"] == nil)
        }
        client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.message(hasBody: false)?.status == 200)
    }

    @Test("refuse a body that grows beyond its bound")
    func hugeBody() throws {
        let growing = PluginStep(body: { _, plain, output in
            for _ in 0..<200_000 { output.write(plain) }
        })
        let gateway = try self.gateway([Self.echoing().port], [growing])
        let answer = gateway.ask("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz")
        #expect(answer?.status == 500)
    }

    @Test("suspend a request, whose body is kept, until another thread lets it go on")
    func resumed() throws {
        let waiting = Waiting()
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [waiting.step(), Self.editing])
        let client = gateway.connect()
        client.send(
            "POST /a HTTP/1.1\r\nHost: a\r\nX-Secret: s\r\nContent-Length: 8\r\n\r\nfour"
        )
        #expect(Self.holds { waiting.count == 1 })
        client.send("more")
        #expect(origin.requests.isEmpty)
        waiting.resume(.proceed(adding: Self.value("X-Who: me\r\n")))
        let answer = try #require(client.message())
        #expect(answer.status == 200)
        #expect(answer.text.contains("x-who: me"))
        #expect(!answer.text.contains("x-secret"))
        #expect(answer.text.hasSuffix("\n\nfourmore"))
    }

    @Test("run the step that suspended a request once more when they are told to, with a number")
    func again() throws {
        let seen = Mutex<[PluginResumption]>([])
        let step = PluginStep(access: { request, state, edits in
            guard state.note == 0 else {
                FilterTests.value("\(state.note)").withUnsafeBytes { edits.add("X-Note", $0) }
                return .next
            }
            if let resumption = request.resumption { seen.withLock { $0.append(resumption) } }
            return .suspend(milliseconds: 300_000, status: 504)
        })
        let gateway = try self.gateway([Self.echoing().port], [step, Self.editing])
        let client = gateway.connect()
        client.send(self.get)
        #expect(Self.holds { seen.withLock { $0.count } == 1 })
        seen.withLock { $0[0] }.resume(.again(note: 7))
        let answer = try #require(client.message())
        #expect(answer.text.contains("x-note: 7"))
        #expect(!answer.text.contains("x-secret"))
    }

    @Test("give the client lines from the access phase, and the target another query")
    func laterEdits() throws {
        let step = PluginStep(access: { _, _, edits in
            edits.responseLines.write("X-Later: l\r\n")
            edits.beginQuery()
            edits.query.write("?b=2")
            return .next
        })
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [step])
        let answer = gateway.ask("GET /a?a=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer?["x-later"] == "l")
        #expect(origin.requests.first?.hasPrefix("GET /a?b=2 ") == true)
    }

    @Test("let the answer from outside be given instead of the target's")
    func answeredFromOutside() throws {
        let waiting = Waiting()
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [waiting.step()])
        let client = gateway.connect()
        client.send(self.get)
        #expect(Self.holds { waiting.count == 1 })
        waiting.resume(
            .answer(PluginAnswer(status: 401, message: "who?", body: nil, contentType: nil))
        )
        let answer = try #require(client.message())
        #expect(answer.status == 401)
        #expect(answer.text.contains("who?"))
        // The connection goes on, and a verdict that comes again finds nobody.
        waiting.resume(.proceed(adding: []))
        client.send(self.get)
        #expect(Self.holds { waiting.count == 2 })
        waiting.resume(.proceed(adding: []))
        waiting.resume(.proceed(adding: []), 1)
        #expect(client.message()?.status == 200)
        #expect(origin.requests.count == 1)
    }

    @Test("answer as the step says when nothing comes in time; what comes later is ignored")
    func timedOut() throws {
        let waiting = Waiting()
        let origin = Self.echoing()
        let step = waiting.step(milliseconds: 50, status: 503)
        let gateway = try self.gateway([origin.port], [step])
        let client = gateway.connect()
        client.send(self.get)
        #expect(client.message()?.status == 503)
        waiting.resume(.proceed(adding: []))
        client.send(self.get)
        #expect(client.message()?.status == 503)
        #expect(origin.requests.isEmpty)
        #expect(Self.holds { gateway.plane.activeRequests == 0 })
    }

    @Test("forget a request whose client leaves while it waits")
    func clientLeft() throws {
        let waiting = Waiting()
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [waiting.step()])
        var client: StreamSocket? = gateway.connect()
        client?.send(self.get)
        #expect(Self.holds { waiting.count == 1 })
        #expect(gateway.plane.activeRequests == 1)
        client?.shutdown()
        client = nil
        #expect(Self.holds { gateway.plane.activeRequests == 0 })
        waiting.resume(.proceed(adding: []))
        // Another request takes the place of the one that has gone.
        let other = gateway.connect()
        other.send(self.get)
        #expect(Self.holds { waiting.count == 2 })
        waiting.resume(.proceed(adding: []), 1)
        #expect(other.message()?.status == 200)
        #expect(origin.requests.count == 1)
    }

    @Test("forget a request whose client finishes in the middle of its body while it waits")
    func clientFinished() throws {
        let waiting = Waiting()
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [waiting.step()])
        let client = gateway.connect()
        client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nfour")
        #expect(Self.holds { waiting.count == 1 })
        client.send("mo")
        client.shutdownWrite()
        #expect(Self.holds { gateway.plane.activeRequests == 0 })
        #expect(origin.requests.isEmpty)
    }

    @Test("suspend requests of HTTP/2 clients with what came of their bodies")
    func suspendedStream() throws {
        let waiting = Waiting()
        let origin = Self.echoing()
        let gateway = try self.gateway([origin.port], [waiting.step()])
        let socket = gateway.connect()
        let session = try #require(HTTP2Session(role: .client))
        let head = Array("POST /a HTTP/1.1\r\nHost: a\r\nX-B: c\r\n\r\n".utf8)
        let stream = try #require(
            head.withUnsafeBytes {
                session.submitRequest(head: $0, isSecure: false, endsStream: false)
            }
        )
        _ = Self.value("body").withUnsafeBytes { session.send($0, on: stream, endsStream: true) }
        Self.flush(session, socket)
        #expect(Self.holds { waiting.count == 1 })
        waiting.resume(.proceed(adding: []))
        var body = ""
        var hasEnded = false
        while !hasEnded, let bytes = socket.receive() {
            _ = bytes.withUnsafeBytes { session.receive($0, now: 0) }
            while let event = session.nextEvent() {
                if case .data(let piece) = event.kind {
                    body += String(decoding: piece, as: UTF8.self)
                }
                if case .end = event.kind { hasEnded = true }
            }
            Self.flush(session, socket)
        }
        #expect(hasEnded)
        #expect(body.contains("x-b: c"))
        #expect(body.hasSuffix("\n\nbody"))
    }

    private static func flush(_ session: HTTP2Session, _ socket: StreamSocket) {
        let output = Array(session.output)
        session.dropOutput(output.count)
        socket.send(output)
    }
}

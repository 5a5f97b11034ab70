import Glibc
import MeshEntities
import MeshHTTP
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("While a node drains")
struct DrainTests {
    private let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// What clients of one test have got.
    private struct Tally {
        var answered = 0
        var unanswered = 0
        var closings = 0
    }

    /// Sends a request every 20 ms on kept connections, and goes elsewhere when told or refused.
    private func beat(_ port: UInt16, until stop: Signal, _ tally: borrowing Mutex<Tally>) {
        var client: StreamSocket?
        while !stop.wait(milliseconds: 20) {
            let socket = client ?? StreamSocket(port: port)
            let isNew = client == nil
            client = socket
            guard socket.send(self.get), let answer = socket.message() else {
                // A connection that was never taken is no lost answer: the client knows.
                if !isNew { tally.withLock { $0.unanswered += 1 } }
                return
            }
            let isClosing = answer["connection"] == "close"
            tally.withLock { tally in
                tally.answered += 1
                if isClosing { tally.closings += 1 }
            }
            if isClosing { client = nil }
        }
    }

    @Test("answers of the announcement say Connection: close (RFC 9112 9.6)")
    func announces() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("ok").port]))
        let client = gateway.connect()
        client.send(self.get)
        let before = client.message()

        gateway.plane.setClosing(true)
        let isAnnounced = await eventually { gateway.ask(self.get)?["connection"] == "close" }
        client.send(self.get)
        let during = client.message()
        let isClosed = client.receive() == nil
        gateway.plane.setClosing(false)
        let isTakenBack = await eventually { gateway.ask(self.get)?["connection"] != "close" }

        #expect(before?["connection"] != "close")
        #expect(isAnnounced)
        #expect(during?.text == "ok")
        #expect(during?["connection"] == "close")
        #expect(isClosed)
        #expect(isTakenBack)
    }

    @Test("clients that send every 20 ms lose no request", arguments: [0, 200])
    func losesNothing(announcement: Int) async throws {
        let gateway = try Gateway(
            TestEntities.proxying([Origin.saying("ok").port]),
            workers: 2
        )
        let tally = Shared(Tally())
        let stop = Signal()
        let port = gateway.port
        let threads = (0..<12).map { _ in
            startReactorThread(name: "client") { self.beat(port, until: stop, tally.value) }
        }
        let isBusy = await eventually { tally.value.withLock { $0.answered > 50 } }

        if announcement > 0 {
            gateway.plane.setClosing(true)
            try await Task.sleep(for: .milliseconds(announcement))
        }
        let cut = await gateway.plane.drain(deadline: .seconds(5))
        gateway.plane.stop()
        stop.set()
        for thread in threads { thread?.join() }

        let result = tally.value.withLock { $0 }
        #expect(isBusy)
        #expect(cut == 0)
        #expect(result.unanswered == 0)
        #expect(result.closings > 0)
    }

    @Test("slow readers get every byte of their answers")
    func slowReaders() async throws {
        let count = 3_000_000
        let origin = Origin.answering { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n"
                + String(repeating: "x", count: count)
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let clients = (0..<6).map { _ in gateway.connect() }
        for client in clients {
            client.shrinkReceiveBuffer(to: 65_536)
            client.send(self.get)
        }
        let heads = clients.map { $0.receive(through: "\r\n\r\n") }

        async let draining = gateway.plane.drain(deadline: .seconds(8))
        let bodies = await withTaskGroup(of: Int.self) { group in
            for client in clients {
                group.addTask {
                    var total = 0
                    while let more = client.receive(limit: 65_536) {
                        total += more.count
                        try? await Task.sleep(for: .milliseconds(2))
                    }
                    return total
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let cut = await draining

        #expect(heads.allSatisfy { $0 != nil })
        #expect(bodies.allSatisfy { $0 == count }, "\(bodies)")
        #expect(cut == 0)
    }

    @Test("a request that is on its way to an idle connection is answered, and then closed")
    func idleClient() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("ok").port]))
        let client = gateway.connect()
        client.send(self.get)
        let first = client.message()

        async let draining = gateway.plane.drain(deadline: .seconds(5))
        try await Task.sleep(for: .milliseconds(100))
        client.send(self.get)
        let second = client.message()
        let isClosed = client.receive() == nil
        let cut = await draining

        #expect(first?["connection"] != "close")
        #expect(second?.text == "ok")
        #expect(second?["connection"] == "close")
        #expect(isClosed)
        #expect(cut == 0)
    }

    @Test("HTTP/2 clients get GOAWAY, and open streams end (RFC 9113 6.8)")
    func goaway() async throws {
        let mayAnswer = Signal()
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            guard mayAnswer.wait() else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let stream = client.get()
        let hasArrived = await eventually { origin.requests.count >= 1 }

        async let draining = gateway.plane.drain(deadline: .seconds(5))
        let isTold = client.pump { !$0.goaways.isEmpty }
        mayAnswer.set()
        let answer = client.answer(stream)
        client.pump { $0.hasEnded }
        let cut = await draining

        #expect(hasArrived)
        #expect(isTold)
        #expect(client.goaways.allSatisfy { $0.code == .noError })
        #expect(client.goaways.first?.lastStream == Int32.max)
        #expect(answer?.text == "late")
        #expect(answer?.isWhole == true)
        #expect(cut == 0)
        #expect(client.end.session.canSubmit == false)
    }

    /// Waits on this thread, so that it does not matter how busy those of tasks are; 20 s at most.
    private func waits(_ condition: () -> Bool) -> Bool {
        for _ in 0..<2_000 {
            if condition() { return true }
            usleep(10_000)
        }
        return condition()
    }

    @Test("what lasts longer than it may is cut as this node's doing; what is younger goes on")
    func cutsLongRequests() throws {
        let log = AccessLogFile()
        let mayAnswer = Signal()
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            if request.startLine.contains("/begun") {
                socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
            }
            guard mayAnswer.wait() else { return }
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port])) {
            $0.accessLog = log.sink
        }
        let clients = ["/begun", "/silent"].map { path in
            let client = gateway.connect()
            client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            return client
        }
        let begun = clients[0].receive(through: "first")
        let isBusy = self.waits { gateway.plane.activeRequests == 2 }
        let isOld = self.waits {
            gateway.plane.cutRequests(olderThan: .seconds(1))
            return gateway.plane.activeRequests == 0
        }
        let rest = clients[0].receiveAll()
        let silent = clients[1].message()
        let young = gateway.connect()
        young.send("GET /young HTTP/1.1\r\nHost: a\r\n\r\n")
        let isYoung = self.waits { gateway.plane.activeRequests == 1 }
        gateway.plane.cutRequests(olderThan: .seconds(3_600))
        mayAnswer.set()
        let answer = young.message()

        #expect(begun?.contains("200 OK") == true)
        #expect(isBusy && isOld && isYoung)
        #expect(rest.isEmpty)
        #expect(silent?.status == 503)
        #expect(silent?["connection"] == "close")
        #expect(answer?.text == "late")
        #expect(gateway.plane.cutRequestCount == 2)
        let isLogged = self.waits { log.lines.count >= 3 }
        #expect(isLogged)
        let cut = log.lines.first { $0.contains("/begun") }
        #expect(cut?.contains("\"error\":{\"owner\":\"gateway\",\"cause\":\"stopped\"}") == true)
        #expect(cut?.contains("\"cut\":\"gateway\"") == true)
    }

    @Test("streams of HTTP/2 that last longer than they may are reset, the connection goes on")
    func cutsLongStreams() throws {
        let origin = Origin { origin, socket, _ in
            guard let request = socket.message() else { return }
            origin.note(request)
            socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
            _ = socket.receive()
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = HTTP2Client(gateway.connect())
        let stream = client.get()
        let isBusy = self.waits { gateway.plane.activeRequests == 1 }

        let isOver = self.waits {
            gateway.plane.cutRequests(olderThan: .seconds(1))
            return gateway.plane.activeRequests == 0
        }
        let answer = client.answer(stream)

        #expect(isBusy && isOver)
        #expect(answer?.isWhole != true)
        #expect(gateway.plane.cutRequestCount == 1)
    }

    @Test("WebSockets are told to leave by 1001, and ended when they stay (RFC 6455 7.4.1)")
    func closesWebSockets() async throws {
        let origin = Origin { origin, socket, _ in
            guard let head = socket.receive(through: "\r\n\r\n") else { return }
            origin.note(head)
            socket.send(UpgradeTests.accepted)
            while let bytes = socket.receive() { socket.send(bytes) }
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = gateway.connect()
        client.send(UpgradeTests.request)
        let answer = client.message()
        let isOpen = await eventually { gateway.plane.activeRequests == 1 }

        gateway.plane.closeWebSockets()
        let told = client.receive(exactly: 4)
        let staysAWhile = gateway.plane.activeRequests == 1
        gateway.plane.closeWebSockets()
        let isClosed = client.receive() == nil
        let isOver = await eventually { gateway.plane.activeRequests == 0 }

        #expect(answer?.status == 101)
        #expect(isOpen)
        #expect(told == [0x88, 0x02, 0x03, 0xE9])
        #expect(staysAWhile)
        #expect(isClosed)
        #expect(isOver)
    }

    @Test("an announcement tells HTTP/2 clients before the listeners close (RFC 9113 6.8)")
    func announcesGoaway() async throws {
        let gateway = try Gateway(TestEntities.proxying([Origin.saying("ok").port]))
        let client = HTTP2Client(gateway.connect())
        let first = client.ask(self.get)

        gateway.plane.setClosing(true)
        let isTold = client.pump { !$0.goaways.isEmpty }

        #expect(first?.text == "ok")
        #expect(isTold)
        #expect(client.goaways.first?.code == .noError)
    }
}

/// Something that threads of one test share.
final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }
}

import CMeshSystem
import Glibc
import MeshEntities
import MeshTLS
import Synchronization
import Testing

@testable import MeshDataPlane

@Suite("Queues of log plugins, as Kong's (§6.8; Kong 3.9, kong/tools/queue.lua)")
struct LogQueueTests {
    /// When a collector was asked, in milliseconds.
    private final class Times: Sendable {
        private let times = Mutex<[Int64]>([])
        func note() { self.times.withLock { $0.append(mesh_clock_nanoseconds() / 1_000_000) } }
        var all: [Int64] { self.times.withLock { $0 } }
    }

    private func gateway(
        _ collector: Origin,
        _ queue: KeyValuePairs<String, DocumentValue>,
        _ more: KeyValuePairs<String, DocumentValue> = [:]
    ) throws -> PluginGateway {
        var config = [
            DocumentField("http_endpoint", .string("http://127.0.0.1:\(collector.port)")),
            DocumentField("queue", .record(queue)),
        ]
        for (name, value) in more { config.append(DocumentField(name, value)) }
        return try PluginGateway([("http-log", .object(config))])
    }

    private func dropped(_ plugin: PluginGateway) -> UInt64 {
        plugin.gateway.plane.counters().droppedLogLines
    }

    @Test("repeat a batch after initial_retry_delay, doubled up to max_retry_delay")
    func delays() throws {
        let times = Times()
        let collector = Origin.answering { _ in
            times.note()
            return "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
        }
        let plugin = try self.gateway(
            collector,
            [
                "max_coalescing_delay": .integer(0), "initial_retry_delay": .number(0.1),
                "max_retry_delay": .number(0.4),
            ]
        )
        #expect(plugin.ask()?.status == 200)
        let asked = try #require(awaited { times.all.count >= 5 ? times.all : nil })
        // A queue is looked at every 20 ms.
        for (index, least) in [100, 200, 400, 400].enumerated() {
            let pause = asked[index + 1] - asked[index]
            #expect(pause >= Int64(least) && pause < Int64(least) + 90, "\(asked)")
        }
    }

    @Test("give a batch up after max_retry_time, count it, and go on with the next")
    func givingUp() throws {
        let refused = Times()
        let collector = Origin.answering { request in
            guard request.text.contains("/first") else {
                return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            }
            refused.note()
            return "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
        }
        let plugin = try self.gateway(
            collector,
            [
                "max_coalescing_delay": .integer(0), "max_retry_time": .number(0.3),
                "initial_retry_delay": .number(0.05), "max_retry_delay": .number(0.05),
            ]
        )
        #expect(plugin.ask("GET", "/first")?.status == 200)
        #expect(plugin.ask("GET", "/second")?.status == 200)
        #expect(
            awaited { collector.messages.contains { $0.text.contains("/second") } ? true : nil }
                == true
        )
        #expect(awaited { self.dropped(plugin) == 1 ? true : nil } == true)
        let times = refused.all
        #expect(times.count > 2)
        #expect(try #require(times.last) - times[0] >= 200)
        let last = try #require(collector.messages.last)
        #expect(last.text.contains("/second"))
    }

    @Test("send what does not fill a batch after max_coalescing_delay")
    func coalescing() throws {
        let times = Times()
        let collector = Origin.answering { _ in
            times.note()
            return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        }
        let plugin = try self.gateway(
            collector,
            ["max_batch_size": .integer(10), "max_coalescing_delay": .number(0.4)]
        )
        let start = mesh_clock_nanoseconds() / 1_000_000
        for _ in 0..<2 { #expect(plugin.ask()?.status == 200) }
        let asked = try #require(awaited { times.all.first })
        #expect(asked - start >= 400)
        let message = try #require(collector.messages.first)
        #expect(try JSONText.parse(message.body).value.elements?.count == 2)
    }

    @Test("hold max_bytes at most, and count what finds no room")
    func bytes() throws {
        let collector = Origin { _, socket, _ in _ = socket.message() }
        let plugin = try self.gateway(
            collector,
            ["max_bytes": .integer(100), "max_coalescing_delay": .integer(3_600)]
        )
        for _ in 0..<3 { #expect(plugin.ask()?.status == 200) }
        #expect(awaited { self.dropped(plugin) == 3 ? true : nil } == true)
    }

    @Test("take the settings that they had before Kong 3.3: queue_size, flush_timeout, retry_count")
    func former() throws {
        let collector = Origin.answering { _ in "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }
        let plugin = try self.gateway(
            collector,
            [:],
            [
                "queue_size": .integer(3), "flush_timeout": .integer(600),
                "retry_count": .integer(5),
            ]
        )
        for _ in 0..<3 { #expect(plugin.ask()?.status == 200) }
        let message = try #require(awaited { collector.messages.first })
        #expect(try JSONText.parse(message.body).value.elements?.count == 3)
    }

    @Test("tcp-log asks for tls_sni where it speaks TLS, and for the host without it")
    func serverName() throws {
        let names = Mutex<[String]>([])
        let context = try TestCertificate.fallback.server()
        let server = Origin { _, socket, _ in
            let stream = TLSSocket(socket, context)
            guard stream.receive(through: "\r\n") != nil else { return }
            names.withLock { $0.append(stream.serverName) }
        }
        for (sni, name) in [("logs.example", "logs.example"), (nil, "localhost")] {
            var config = [
                DocumentField("host", .string("localhost")),
                DocumentField("port", .integer(Int64(server.port))),
                DocumentField("tls", .bool(true)),
            ]
            if let sni { config.append(DocumentField("tls_sni", .string(sni))) }
            let plugin = try PluginGateway([("tcp-log", .object(config))])
            #expect(plugin.ask()?.status == 200)
            #expect(awaited { names.withLock { $0.last == name } ? true : nil } == true, "\(name)")
        }
    }
}

import Glibc
import MeshEntities
import Synchronization
import Testing

@testable import MeshDataPlane
@testable import MeshPlugins

@Suite("Asking several servers outside about one thing", .serialized)
struct OutsideInquiriesTests {
    /// Takes questions and says nothing.
    private static func silent() -> Origin {
        Origin { origin, socket, _ in
            while let request = socket.message() { origin.note(request) }
        }
    }

    private static func question(_ port: UInt16) throws -> OutsideQuestion {
        OutsideQuestion(
            endpoint: try OutsideHTTPTests.endpoint(port),
            request: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        )
    }

    /// What came of questions.
    private final class Findings: Sendable {
        private let all = Mutex<[OutsideFinding]>([])

        func add(_ finding: OutsideFinding) { self.all.withLock { $0.append(finding) } }

        var values: [OutsideFinding] { self.all.withLock { $0 } }
    }

    private static func ask(
        _ inquiries: OutsideInquiries,
        _ questions: [OutsideQuestion],
        number: UInt64 = 1,
        milliseconds: Int64,
        _ findings: Findings
    ) -> Bool {
        inquiries.ask(
            questions,
            as: PluginMark(high: 0, low: number),
            milliseconds: milliseconds,
            byteLimit: 100,
            read: { index, answer in answer.body == nil ? nil : UInt64(index) },
            done: { finding, _ in findings.add(finding) }
        )
    }

    @Test("asks all of them in the time for one, and the last one although the others are silent")
    func deadline() throws {
        let inquiries = OutsideInquiries()
        defer { inquiries.stop() }
        let (silent, other) = (Self.silent(), Origin.saying("yes"))
        let findings = Findings()
        let start = ContinuousClock.now
        let questions = try Array(repeating: Self.question(silent.port), count: 4)
        #expect(Self.ask(inquiries, questions, milliseconds: 2_000, findings))
        #expect(awaited { findings.values.count == 1 ? true : nil } == true)
        #expect(ContinuousClock.now - start < .seconds(7))
        #expect(findings.values == [.nothing])
        #expect(silent.connections > 1)

        let more = [questions[0], try Self.question(other.port)]
        #expect(Self.ask(inquiries, more, milliseconds: 4_000, findings))
        #expect(awaited { findings.values.count == 2 ? true : nil } == true)
        #expect(findings.values.last == .found(1))
    }

    @Test("asks once about what several want to know at the same time, and tells all of them")
    func merged() throws {
        let inquiries = OutsideInquiries()
        defer { inquiries.stop() }
        let isReady = Atomic<Bool>(false)
        let origin = Origin.answering { _ in
            while !isReady.load(ordering: .acquiring) { usleep(1_000) }
            return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
        }
        let questions = [try Self.question(origin.port)]
        let findings = Findings()
        for _ in 0..<20 {
            #expect(Self.ask(inquiries, questions, milliseconds: 20_000, findings))
        }
        isReady.store(true, ordering: .releasing)
        #expect(awaited { findings.values.count == 20 ? true : nil } == true)
        #expect(findings.values.allSatisfy { $0 == .found(0) })
        #expect(origin.connections == 1)
        #expect(Self.ask(inquiries, questions, milliseconds: 20_000, findings))
        #expect(awaited { findings.values.count == 21 ? true : nil } == true)
        #expect(origin.connections == 2)
    }

    @Test("an authority that is silent takes no thread of ext-auth, and who waits for it is told")
    func separate() throws {
        let service = Origin.answering { _ in "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }
        let plugin = try PluginGateway(
            "ext-auth",
            [
                "url": .string("http://127.0.0.1:\(service.port)/"), "timeout": .integer(20_000),
            ]
        )
        let silent = Self.silent()
        let questions = [try Self.question(silent.port)]
        let (inquiries, findings) = (plugin.gateway.plane.inquiries, Findings())
        for number in 0..<100 {
            #expect(
                Self.ask(
                    inquiries,
                    questions,
                    number: UInt64(number),
                    milliseconds: 2_000,
                    findings
                )
            )
        }
        #expect(plugin.ask()?.status == 200)
        #expect(awaited { findings.values.count == 100 ? true : nil } == true)
        #expect(findings.values.contains(.nothing))
        #expect(findings.values.contains(.unasked))
    }
}

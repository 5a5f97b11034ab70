import MeshConsole
import MeshReports
import Testing

@Suite("Requests as people read them")
struct RequestLineTests {
    private static let wide = TextTable.Style.wide

    private var request: RequestReport {
        var request = RequestReport(
            node: "eu-1",
            id: "8f2d1c6f0a3b4e5d9c7b6a5f4e3d2c1b",
            time: "2026-11-27T03:04:05.678Z",
            method: "GET",
            path: "/demo",
            status: 502
        )
        request.host = "shop.example"
        request.service = "shop"
        request.route = "all"
        request.target = "10.0.0.7:80"
        request.attempts = 2
        request.totalMs = 31.4
        request.upstreamMs = 2.345
        request.errorOwner = "target"
        request.errorCause = "reset"
        return request
    }

    @Test("are one line each: what was decided, and how long it took")
    func line() {
        #expect(
            RequestLine(self.request).text(Self.wide) == """
                03:04:05.678  eu-1  502  31 ms  all → 10.0.0.7:80 2.35 ms 2 tries target reset  \
                GET shop.example/demo  8f2d1c6f0a3b4e5d9c7b6a5f4e3d2c1b
                """
        )
    }

    @Test("name the plugin that answered, and no route where there was none")
    func plugin() {
        var request = self.request
        request.plugin = "key-auth"
        request.route = nil
        request.errorCause = nil
        request.attempts = 0

        let line = RequestLine(request).text(Self.wide)
        #expect(line.contains("  no route answered by key-auth  GET"))
        request.changedBy = ["cors", "rate-limiting"]
        let changed = RequestLine(request).text(Self.wide)
        #expect(changed.contains("answered by key-auth changed by cors, rate-limiting  GET"))
        let trace = TraceScreen(TraceReport(id: "x", requests: [request], nodes: [])).text
        #expect(trace.contains("changed by   cors, rate-limiting\n"))
    }

    @Test("steer no terminal, whatever a client has sent")
    func hostile() {
        var request = self.request
        request.path = "/\u{1B}[31m"

        #expect(!RequestLine(request).text(Self.wide).contains("\u{1B}"))
        let trace = TraceReport(id: "x", requests: [request], nodes: [])
        #expect(!TraceScreen(trace).text.contains("\u{1B}"))
    }

    @Test("found by their id show each decision on a line of its own")
    func trace() {
        let text = TraceScreen(
            TraceReport(
                id: self.request.id,
                requests: [self.request],
                nodes: [MemoryReport(node: "eu-2", isReached: false)]
            )
        ).text

        #expect(text.contains("target   10.0.0.7:80\n"))
        #expect(text.contains("failed   reset, by the target\n"))
        #expect(text.contains("took     31 ms, of which the target 2.35 ms\n"))
        #expect(text.hasSuffix("eu-2 did not answer\n"))
    }

    @Test("that nobody remembers are told so, with how far back each node remembers")
    func unknown() {
        let text = TraceScreen(
            TraceReport(
                id: "x",
                requests: [],
                nodes: [MemoryReport(node: "eu-1", requests: 7, since: "2026-11-27T03:00:00Z")]
            )
        ).text

        #expect(text.contains("no node remembers x"))
        #expect(text.contains("eu-1 remembers 7 since 2026-11-27T03:00:00Z\n"))
    }
}

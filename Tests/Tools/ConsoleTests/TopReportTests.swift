import MeshConsole
import Testing

@Suite("The report of meshctl top")
struct TopReportTests {
    private static func metrics(_ shop: Int, errors: Int = 0, search: Int = 0) -> String {
        """
        # TYPE kong_http_requests_total counter
        kong_http_requests_total{service="shop",route="r",code="200",source="service"} \(shop)
        kong_http_requests_total{service="shop",route="r",code="503",source="kong"} \(errors)
        kong_http_requests_total{service="search",route="s",code="200",source="service"} \(search)
        meshgate_service_latency_ms_bucket{service="shop",le="5"} \(shop)
        meshgate_service_latency_ms_bucket{service="shop",le="10"} \(shop + errors)
        meshgate_service_latency_ms_bucket{service="shop",le="+Inf"} \(shop + errors)
        """
    }

    private static let before = [
        "eu-1": Self.metrics(100), "us-1": Self.metrics(10, search: 50), "new": "",
    ]
    private static let now = [
        "eu-1": Self.metrics(160, errors: 40), "us-1": Self.metrics(10, search: 70),
        "late": Self.metrics(900),
    ]

    private static func report(_ kind: TopReport.Kind) -> TopReport {
        TopReport(
            kind,
            before: Self.before,
            now: Self.now,
            regions: ["eu-1": "eu", "us-1": "us"],
            seconds: 2
        )
    }

    @Test("counts what came between two looks, by service over all nodes, the busiest first")
    func services() {
        let report = Self.report(.services)

        #expect(report.nodes == ["eu-1", "us-1"])
        #expect(report.rows.map(\.name) == ["shop", "search"])
        #expect(report.rows.map(\.perSecond) == [50, 10])
        #expect(report.rows.map(\.errorShare) == [0.4, 0])
        #expect(report.rows[0].p50Ms == 5)
        #expect(report.rows[0].p99Ms == 10)
        #expect(report.rows[1].p99Ms == nil)
    }

    @Test("adds up nodes and regions")
    func places() {
        #expect(Self.report(.nodes).rows.map(\.name) == ["eu-1", "us-1"])
        #expect(Self.report(.regions).rows.map(\.perSecond) == [50, 10])
    }

    @Test("takes a node that has restarted as it is now")
    func restart() {
        let report = TopReport(
            .nodes,
            before: ["a": Self.metrics(1_000)],
            now: ["a": Self.metrics(20)],
            regions: [:],
            seconds: 1
        )
        #expect(report.rows.map(\.perSecond) == [20])
    }

    @Test("prints a table and who answered")
    func table() {
        #expect(
            Self.report(.services).text() == """
                SERVICE  REQ/S  5XX %    P50   P99
                shop      50.0   40.0  5.0ms  10ms
                search    10.0    0.0      –     –

                over 2.0 s at eu-1, us-1

                """
        )
    }
}

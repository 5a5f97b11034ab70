import Foundation
import MeshHTTP
import MeshPrimitives
import Testing

@Suite("What targets say of their load")
struct LoadMetricsTests {
    /// `cpu_utilization` 0.5, and the named metrics `mem` 9 and `rif` 17.
    private static let message =
        "Qg4KA21lbREAAAAAAAAiQAkAAAAAAADgP0IOCgNyaWYRAAAAAAAAMUA="

    @Test(
        "is read in all formats of ORCA",
        arguments: [
            ("TEXT named_metrics.rif=17", 17), ("named_metrics.rif=17", 17),
            ("TEXT cpu_utilization=0.3, named_metrics.rif = 17.9 ,eps=1", 17),
            ("TEXT named_metrics.rif:0", 0), ("TEXT named_metrics.rif=99999999999", 1_000_000),
            (#"JSON {"cpu_utilization": 0.5, "named_metrics": {"a": 1, "rif": 17}}"#, 17),
            (#"JSON {"request_cost":{"rif":3},"namedMetrics":{"rif":17.0}}"#, 17),
            (#"JSON {"x": "\"named_metrics\": {", "named_metrics": {"rif": 4}, "rif": 5}"#, 4),
            ("BIN \(message)", 17),
        ]
    )
    func formats(value: String, expected: Int) {
        withBytes(value) { #expect(LoadMetrics.requestsInFlight(in: $0) == expected) }
    }

    @Test(
        "is nothing when it does not say how many requests there are, or is no report",
        arguments: [
            "", "TEXT ", "TEXT cpu_utilization=0.3", "TEXT named_metrics.rif", "TEXT rif=17",
            "TEXT named_metrics.rif=-1", "TEXT named_metrics.rif=NaN", "TEXT named_metrics.rif=1x",
            "TEXT named_metrics.riffs=17", "TEXT xnamed_metrics.rif=17", "JSON ", "JSON {",
            #"JSON {"rif": 17}"#, #"JSON {"utilization": {"rif": 17}}"#,
            #"JSON {"named_metrics": {"x": {"rif": 17}}}"#,
            #"JSON {"named_metrics": {"rif": "17"}}"#,
            #"JSON {"named_metrics": {"rif": -1}}"#, #"JSON {"named_metrics\"#, "BIN ", "BIN !",
            "BIN Qg4KA3Jp", "BIN QgEKAA==", "BIN QgEKgIAB", "BIN CQ", "BIN //////////////8=",
            "BIN QgA=",
            "BIN \(String(repeating: "A", count: 4_000))",
        ]
    )
    func nonsense(value: String) {
        withBytes(value) { #expect(LoadMetrics.requestsInFlight(in: $0) == nil) }
    }

    @Test("is found behind a body, as gRPC sends it")
    func trailers() {
        let found = { (lines: String) in
            withBytes(lines) { LoadMetrics.requestsInFlight(inTrailers: $0) }
        }
        #expect(found("grpc-status: 0\r\nEndpoint-Load-Metrics-Bin: \(Self.message)\r\n") == 17)
        #expect(found("endpoint-load-metrics: TEXT named_metrics.rif=3\r\n") == 3)
        #expect(found("grpc-status: 0\r\n") == nil)
    }

    @Test("of any bytes is read without harm")
    func random() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            // Mostly what means something: tags, short lengths, marks of numbers that go on.
            let usual: [UInt8] = [0x42, 0x0A, 0x11, 0x03, 0x72, 0x69, 0x66, 0x00, 0x01, 0x0E, 0x80]
            let bytes = (0..<generator.next(below: 24)).map { _ in
                generator.next(below: 4) == 0
                    ? UInt8(truncatingIfNeeded: generator.next())
                    : usual[generator.next(below: usual.count)]
            }
            let text = Data(bytes).base64EncodedString()
            withBytes("BIN " + text) {
                #expect(LoadMetrics.requestsInFlight(in: $0) ?? 0 >= 0)
            }
        }
    }

    @Test("cut anywhere is read without harm")
    func cut() {
        for count in 0...Self.message.utf8.count {
            withBytes("BIN " + Self.message.prefix(count)) {
                let found = LoadMetrics.requestsInFlight(in: $0)
                #expect(found == nil || found == 17)
            }
        }
    }
}

import MeshAdmin
import MeshDataPlane
import Testing

@testable import MeshNode

@Suite("The metrics of requests")
struct RequestMetricsTests {
    private typealias Route = DataPlaneCounters.RouteCounters
    private typealias Share = DataPlaneCounters.ConsumerCounters

    private struct Series {
        let family: String
        let labels: [String: String]
        let value: Double
    }

    private static func count(_ code: UInt16, _ count: UInt64) -> DataPlaneCounters.RequestCount {
        DataPlaneCounters.RequestCount(code: code, source: .service, count: count)
    }

    /// A route with the shares given, whose whole is their sum.
    private static func route(_ name: String, _ unnamed: Share, _ consumers: [Share]) -> Route {
        var route = Route(service: "s", route: name)
        route.unnamed = unnamed
        route.consumers = consumers
        var counts: [UInt16: UInt64] = [:]
        for share in [unnamed] + consumers {
            for request in share.requests { counts[request.code, default: 0] += request.count }
            route.ingressBytes += share.ingressBytes
            route.egressBytes += share.egressBytes
        }
        route.requests = counts.sorted { $0.key < $1.key }.map { Self.count($0.key, $0.value) }
        return route
    }

    private static func write(_ routes: [Route], cap: Int = 2_000) -> [Series] {
        var counters = DataPlaneCounters()
        counters.routes = routes
        var text = MetricsText(maximumSeries: cap)
        NodeAdmin.writeRequests(counters, into: &text)
        return text.text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap(
            Self.series
        )
    }

    private static func series(_ line: Substring) -> Series? {
        guard let open = line.firstIndex(of: "{"), let close = line.lastIndex(of: "}"),
            let value = Double(line[line.index(close, offsetBy: 2)...])
        else { return nil }
        var labels: [String: String] = [:]
        for pair in line[line.index(after: open)..<close].split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            labels[String(parts[0])] = String(parts[1].dropFirst().dropLast())
        }
        return Series(family: String(line[..<open]), labels: labels, value: value)
    }

    private static let routes = [
        Self.route(
            "a",
            Share(name: "", requests: [Self.count(200, 5), Self.count(401, 2)], ingressBytes: 7),
            [
                Share(
                    name: "ann",
                    requests: [Self.count(200, 3)],
                    ingressBytes: 30,
                    egressBytes: 4
                ),
                Share(name: "other", requests: [Self.count(200, 1), Self.count(503, 9)]),
            ]
        ),
        Self.route("b", Share(name: "", requests: [Self.count(200, 1)], egressBytes: 11), []),
    ]

    @Test("by consumer add up to the whole, and no series is there twice")
    func adds() {
        let all = Self.write(Self.routes)
        #expect(all.count > 20)
        #expect(
            Set(all.map { "\($0.family) \($0.labels.sorted { $0.key < $1.key })" }).count
                == all.count
        )
        for route in Self.routes {
            let own = all.filter { $0.labels["route"] == route.route }
            let sum = { (family: String, label: String, value: String) in
                own.filter { $0.family == family && $0.labels[label] == value }
                    .reduce(0) { $0 + $1.value }
            }
            for count in route.requests {
                #expect(
                    sum("kong_http_requests_total", "code", "\(count.code)") == Double(count.count)
                )
            }
            #expect(
                sum("kong_bandwidth_bytes", "direction", "ingress") == Double(route.ingressBytes)
            )
            #expect(sum("kong_bandwidth_bytes", "direction", "egress") == Double(route.egressBytes))
        }
        let ann = all.filter { $0.labels["consumer"] == "ann" }
        #expect(ann.map(\.value) == [3, 30, 4])
    }

    @Test("keep the routes' names and codes however many consumers there are")
    func manyConsumers() {
        let consumers = (0..<50).map { Share(name: "c\($0)", requests: [Self.count(200, 1)]) }
        let unnamed = Share(name: "", requests: [Self.count(200, 1)])
        let routes = ["a", "b"].map { Self.route($0, unnamed, consumers) }
        let requests = Self.write(routes, cap: 4).filter { $0.family == "kong_http_requests_total" }
        #expect(requests.count == 102)
        #expect(Set(requests.compactMap { $0.labels["route"] }) == ["a", "b"])
        #expect(requests.allSatisfy { $0.labels["code"] == "200" })
    }

    @Test("of a stream are in the families of streams only")
    func streams() {
        var route = Self.routes[1]
        route.isStream = true
        let families = Set(Self.write([route]).map(\.family))
        #expect(
            families == [
                "kong_stream_sessions_total", "kong_session_duration_ms_bucket",
                "kong_session_duration_ms_sum", "kong_session_duration_ms_count",
                "kong_bandwidth_bytes",
            ]
        )
        let both = Self.write([Self.routes[0], route])
        for series in both where series.labels["route"] == "b" {
            #expect(families.contains(series.family))
        }
    }
}

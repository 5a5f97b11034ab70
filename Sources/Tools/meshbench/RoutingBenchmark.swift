import MeshEntities
import MeshRouting

/// Finding the route of a request, by number of routes and kind of path.
enum RoutingBenchmark: Benchmark {
    static func measure(with stopwatch: Stopwatch) throws -> [Measurement] {
        let scan = Self.scan(of: 1_000, with: stopwatch)
        var all = [scan]
        for count in [10, 1_000, 10_000] {
            let routes = (0..<count).map { number in
                Route(
                    id: EntityID(high: 1, low: UInt64(number)),
                    hosts: ["host\(number % 100).example.com"],
                    paths: ["/service\(number)/v1"]
                )
            }
            let wanted = count / 2
            all.append(
                try Self.match(
                    "routing.prefix.\(count)",
                    routes,
                    host: "host\(wanted % 100).example.com",
                    path: "/service\(wanted)/v1/orders/17",
                    over: count == 1_000 ? scan : nil,
                    stopwatch
                )
            )
        }
        let patterns = (0..<10).map { number in
            Route(
                id: EntityID(high: 2, low: UInt64(number)),
                paths: [#"~/service\#(number)/(?<id>\d+)$"#]
            )
        }
        all.append(
            try Self.match(
                "routing.regex.10",
                patterns,
                host: "host.example.com",
                path: "/service5/17",
                over: nil,
                stopwatch
            )
        )
        all += try Self.expressions(with: stopwatch)
        all.append(Self.normalize(with: stopwatch))
        return all
    }

    /// Routes as expressions, each with a host, a path and one thing more.
    private static func expressions(with stopwatch: Stopwatch) throws -> [Measurement] {
        try [10, 10_000].map { count in
            let routes = (0..<count).map { number in
                var route = Route(id: EntityID(high: 3, low: UInt64(number)))
                route.expression =
                    #"http.host == "host\#(number % 100).example.com" && "#
                    + #"http.path ^= "/service\#(number)/v1" && http.method == "GET""#
                return route
            }
            let wanted = count / 2
            return try Self.match(
                "routing.expression.\(count)",
                routes,
                host: "host\(wanted % 100).example.com",
                path: "/service\(wanted)/v1/orders/17",
                over: nil,
                stopwatch
            )
        }
    }

    private static func match(
        _ name: String,
        _ routes: [Route],
        host: String,
        path: String,
        over baseline: Measurement?,
        _ stopwatch: Stopwatch
    ) throws -> Measurement {
        let table = try RoutingTable(
            compiling: EntityList(routes),
            services: [],
            flavor: .expressions
        )
        let scratch = RoutingScratch()
        return withBytes("GET", host, path) { method, host, path in
            stopwatch.time(name, over: baseline) { repetitions in
                var sum = 0
                for _ in 0..<repetitions {
                    let query = RouteQuery(method: method, host: host, path: path, port: 8_000)
                    let match = table.match(query, scratch: scratch) { _, _ in false }
                    sum &+= match?.prefixLength ?? -1
                }
                return sum
            }
        }
    }

    /// The baseline: comparing the path with one prefix after the other, byte by byte.
    private static func scan(of count: Int, with stopwatch: Stopwatch) -> Measurement {
        let prefixes = (0..<count).map { Array("/service\($0)/v1".utf8) }
        let path = Array("/service\(count / 2)/v1/orders/17".utf8)
        return stopwatch.time("routing.scan.\(count)") { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                sum &+= prefixes.firstIndex { path.starts(with: $0) } ?? -1
            }
            return sum
        }
    }

    private static func normalize(with stopwatch: Stopwatch) -> Measurement {
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 8)
        defer { output.deallocate() }
        return withBytes("/service/v1/%41/../orders//17", "", "") { path, _, _ in
            stopwatch.time("routing.normalize") { repetitions in
                var sum = 0
                for _ in 0..<repetitions {
                    sum &+= RequestPath.normalize(path, into: output) ?? -1
                }
                return sum
            }
        }
    }
}

/// Lends the bytes of three texts.
private func withBytes<Result>(
    _ first: String,
    _ second: String,
    _ third: String,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Result
) -> Result {
    Array(first.utf8).withUnsafeBytes { first in
        Array(second.utf8).withUnsafeBytes { second in
            Array(third.utf8).withUnsafeBytes { third in body(first, second, third) }
        }
    }
}

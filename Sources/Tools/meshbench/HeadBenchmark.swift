import MeshHTTP

/// Reading the head of a browser's request, and writing the head that goes to the target.
enum HeadBenchmark: Benchmark {
    private static let request = """
        GET /service/v1/orders/17?page=2 HTTP/1.1\r
        Host: api.example.com\r
        User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36\r
        Accept: text/html,application/json;q=0.9,*/*;q=0.8\r
        Accept-Encoding: gzip, deflate, br\r
        Accept-Language: en-US,en;q=0.9,de;q=0.7\r
        Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3\r
        Cookie: session=0123456789abcdef0123456789abcdef\r
        Cache-Control: no-cache\r
        \r\n
        """

    private static let response = """
        HTTP/1.1 200 OK\r
        Server: nginx\r
        Date: Sat, 01 Aug 2026 00:00:00 GMT\r
        Content-Type: application/octet-stream\r
        Content-Length: 1024\r
        Connection: keep-alive\r
        \r\n
        """

    static func measure(with stopwatch: Stopwatch) -> [Measurement] {
        let fields = HeaderFieldBuffer.allocate()
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 8_192, alignment: 16)
        defer {
            fields.deallocate()
            output.deallocate()
        }
        return Array(Self.request.utf8).withUnsafeBytes { request in
            Array(Self.response.utf8).withUnsafeBytes { response in
                let scan = Self.scan(request, with: stopwatch)
                return [
                    scan,
                    Self.parse(request, fields, over: scan, stopwatch),
                    Self.forward(request, fields, output, over: scan, stopwatch),
                    Self.parse(response: response, fields, stopwatch),
                ]
            }
        }
    }

    /// The baseline: one look at every byte, to find ends of lines and colons.
    private static func scan(
        _ bytes: UnsafeRawBufferPointer,
        with stopwatch: Stopwatch
    ) -> Measurement {
        stopwatch.time("head.scan") { repetitions in
            var sum = 0
            for repetition in 0..<repetitions {
                sum &+= Self.marks(in: bytes, seed: repetition)
            }
            return sum
        }
    }

    /// Not inlined, and different for every seed, or all repetitions would become one.
    @inline(never)
    private static func marks(in bytes: UnsafeRawBufferPointer, seed: Int) -> Int {
        var sum = seed
        for index in bytes.indices where bytes[index] == 0x0A || bytes[index] == 0x3A {
            sum = (sum &* 31) ^ index
        }
        return sum
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer,
        _ fields: HeaderFieldBuffer,
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) -> Measurement {
        var head = RequestHead()
        return stopwatch.time("head.parse-request", over: baseline) { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                if case .complete(let consumed) = RequestHead.parseRequest(
                    bytes,
                    into: &head,
                    fields: fields
                ) {
                    sum &+= consumed
                }
            }
            return sum
        }
    }

    private static func parse(
        response bytes: UnsafeRawBufferPointer,
        _ fields: HeaderFieldBuffer,
        _ stopwatch: Stopwatch
    ) -> Measurement {
        var head = ResponseHead()
        return stopwatch.time("head.parse-response") { repetitions in
            var sum = 0
            for _ in 0..<repetitions {
                if case .complete(let consumed) = ResponseHead.parseResponse(
                    bytes,
                    requestMethodIsHead: false,
                    into: &head,
                    fields: fields
                ) {
                    sum &+= consumed
                }
            }
            return sum
        }
    }

    private static func forward(
        _ bytes: UnsafeRawBufferPointer,
        _ fields: HeaderFieldBuffer,
        _ output: UnsafeMutableRawBufferPointer,
        over baseline: Measurement,
        _ stopwatch: Stopwatch
    ) -> Measurement {
        var head = RequestHead()
        _ = RequestHead.parseRequest(bytes, into: &head, fields: fields)
        return Array("192.0.2.7 api.example.com:80 0123456789abcdef kong/3".utf8)
            .withUnsafeBytes { texts in
                let hop = ForwardedHeaders.Hop(
                    peer: UnsafeRawBufferPointer(rebasing: texts[0..<9]),
                    port: 8_000,
                    upstreamHost: UnsafeRawBufferPointer(rebasing: texts[10..<28]),
                    requestID: UnsafeRawBufferPointer(rebasing: texts[29..<45]),
                    product: UnsafeRawBufferPointer(rebasing: texts[46...])
                )
                return stopwatch.time("head.forward-fields", over: baseline) { repetitions in
                    var sum = 0
                    for _ in 0..<repetitions {
                        var writer = HeadWriter(output)
                        ForwardedHeaders.writeRequestFields(
                            head,
                            fields,
                            from: bytes,
                            hop: hop,
                            into: &writer
                        )
                        sum &+= writer.count
                    }
                    return sum
                }
            }
    }
}

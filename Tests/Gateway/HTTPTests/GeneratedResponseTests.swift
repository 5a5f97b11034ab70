import MeshHTTP
import Testing

@Suite("A generated response")
struct GeneratedResponseTests {
    private func response(
        format: ErrorFormat = .json,
        milliseconds: UInt64 = 0,
        upstream: UInt64? = nil,
        isHead: Bool = false,
        adjust: (inout GeneratedResponse.Context) -> Void = { _ in },
        _ write: (GeneratedResponse.Context, inout HeadWriter) -> Void
    ) -> String {
        let text = withBytes("0123") { identity in
            withBytes("meshgate/1") { product in
                var context = GeneratedResponse.Context(
                    format: format,
                    keepsClient: true,
                    requestID: identity,
                    product: product
                )
                context.milliseconds = milliseconds
                context.upstreamMilliseconds = upstream
                context.isHead = isHead
                adjust(&context)
                return written { write(context, &$0) }
            }
        }
        return text ?? "overflow"
    }

    @Test("for a missing route is Kong's, byte for byte")
    func missingRoute() {
        let text = self.response(milliseconds: 4) { context, writer in
            GeneratedResponse.write(
                status: 404,
                message: "no Route matched with those values",
                context: context,
                into: &writer
            )
        }

        let body = """
            {
              "message":"no Route matched with those values",
              "request_id":"0123"
            }
            """
        #expect(
            text == """
                HTTP/1.1 404 Not Found\r\nConnection: keep-alive\r\n\
                Content-Type: application/json; charset=utf-8\r\n\
                Content-Length: \(body.utf8.count)\r\nX-Kong-Response-Latency: 4\r\n\
                Server: meshgate/1\r\nX-Kong-Request-Id: 0123\r\n\r\n\(body)
                """
        )
    }

    @Test("for a fault closes the connection")
    func fault() {
        let text = self.response { context, writer in
            GeneratedResponse.write(.repeatedLength, context: context, into: &writer)
        }

        #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"))
        #expect(text.contains("\"message\":\"Bad request\""))
    }

    @Test(
        "declares the length of its body in every form",
        arguments: [ErrorFormat.json, .html, .xml, .plain]
    )
    func lengths(format: ErrorFormat) {
        let text = self.response(format: format) { context, writer in
            GeneratedResponse.write(status: 503, context: context, into: &writer)
        }

        let halves = text.split(separator: "\r\n\r\n", maxSplits: 1)
        #expect(halves[0].contains("Content-Length: \(halves[1].utf8.count)\r\n"))
        #expect(halves[0].contains("Content-Type: \(format.contentType)\r\n"))
        #expect(halves[1].contains("The upstream server is currently unavailable"))
        #expect(halves[1].contains("0123"))
    }

    @Test("says both latencies after a try on an upstream, and has no body for HEAD")
    func latencies() {
        let text = self.response(milliseconds: 10, upstream: 7, isHead: true) { context, writer in
            GeneratedResponse.write(status: 504, context: context, into: &writer)
        }

        #expect(text.contains("X-Kong-Upstream-Latency: 7\r\nX-Kong-Proxy-Latency: 3\r\n"))
        #expect(!text.contains("Response-Latency"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test("carries a body and fields made elsewhere")
    func custom() {
        let text = self.response { context, writer in
            withBytes("Location: /\r\n") { fields in
                withBytes("hi") { body in
                    withBytes("text/x") { type in
                        GeneratedResponse.write(
                            status: 301,
                            contentType: type,
                            fields: fields,
                            body: body,
                            context: context,
                            into: &writer
                        )
                    }
                }
            }
        }

        #expect(text.contains("301 Moved Permanently\r\n"))
        #expect(text.contains("Content-Type: text/x\r\nLocation: /\r\nContent-Length: 2\r\n"))
        #expect(text.hasSuffix("\r\n\r\nhi"))
    }

    @Test(
        "takes the form that Accept prefers (RFC 9110 section 12.5.1)",
        arguments: [
            ("", ErrorFormat.json), ("Accept: */*\r\n", .json), ("Accept: text/html\r\n", .html),
            ("Accept: image/png\r\n", .json), ("Accept: text/plain;q=0.5, text/html\r\n", .html),
            ("Accept: text/html;q=0.2, application/xml;q=0.25\r\n", .xml),
            ("Accept: text/html;q=0, text/plain;q=0.001\r\n", .plain),
            ("Accept: application/xml\r\nAccept: text/html\r\n", .xml),
            ("Accept: text/html;level=1;q=0.3,TEXT/PLAIN;q=0.9\r\n", .plain),
            ("Accept: ,;,;q=,text/html;\r\n", .html), ("Accept: text/html;q=1.0\r\n", .html),
            ("Accept: text/html;q=9.99999999999999999999\r\n", .html),
        ]
    )
    func formats(line: String, format: ErrorFormat) {
        let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n")

        let preferred = parsed.bytes.withUnsafeBytes {
            ErrorFormat.preferred(by: parsed.request, parsed.fields, from: $0)
        }

        #expect(preferred == format)
    }

    @Test(
        "of a server's error takes the request's own form when it accepts none (Kong)",
        arguments: [
            ("", ErrorFormat.plain), ("Content-Type: application/xml\r\n", .xml),
            ("Content-Type: TEXT/HTML; charset=utf-8\r\n", .html),
            ("Content-Type: application/json\r\n", .json),
            ("Content-Type: image/png\r\n", .json), ("Accept: */*\r\n", .json),
            ("Accept: text/html\r\nContent-Type: application/xml\r\n", .html),
            ("Content-Type: application/grpc\r\n", .json),
        ]
    )
    func serverFormats(line: String, format: ErrorFormat) {
        #expect(Self.negotiated(line, .server) == format)
    }

    @Test("of the router is JSON unless Accept wants another, and gRPC for its clients (Kong)")
    func gatewayFormats() {
        let grpc = "Content-Type: application/grpc+proto\r\nAccept: text/html\r\n"

        #expect(Self.negotiated("", .gateway) == .json)
        #expect(Self.negotiated("Content-Type: text/html\r\n", .gateway) == .json)
        #expect(Self.negotiated("Accept: text/html\r\n", .gateway) == .html)
        #expect(Self.negotiated(grpc, .gateway) == .html)
        #expect(Self.negotiated(grpc, .gateway, .http2) == .grpc)
        #expect(Self.negotiated(grpc, .server, .http2) == .grpc)
    }

    private static func negotiated(
        _ line: String,
        _ origin: ErrorFormat.Origin,
        _ version: HTTPVersion = .http11
    ) -> ErrorFormat {
        let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n")
        return parsed.bytes.withUnsafeBytes {
            ErrorFormat.negotiated(
                by: origin,
                parsed.request,
                parsed.fields,
                from: $0,
                version: version
            )
        }
    }

    @Test("for gRPC has its status and message as fields, and no body")
    func grpc() {
        let text = self.response(format: .grpc) { context, writer in
            GeneratedResponse.write(status: 503, context: context, into: &writer)
        }

        #expect(text.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(text.contains("Content-Type: application/grpc\r\ngrpc-status: 14\r\n"))
        #expect(text.contains("grpc-message: The upstream server is currently unavailable\r\n"))
        #expect(text.contains("Content-Length: 0\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test(
        "for gRPC turns a plugin's body into an escaped message",
        arguments: [
            ("{\"message\":\"Unauthorized\"}", "Unauthorized"),
            ("50%\r\nX: é", "50%25%0D%0AX: %C3%A9"),
            ("", ""), ("{}", "{}"),
        ]
    )
    func grpcMessage(body: String, message: String) {
        let text = self.response(format: .grpc) { context, writer in
            withBytes(body) { body in
                GeneratedResponse.write(
                    status: 401,
                    contentType: UnsafeRawBufferPointer(start: nil, count: 0),
                    fields: UnsafeRawBufferPointer(start: nil, count: 0),
                    body: body,
                    context: context,
                    into: &writer
                )
            }
        }

        #expect(text.contains("grpc-status: 16\r\ngrpc-message: \(message)\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test("for gRPC maps statuses as Kong does")
    func grpcStatuses() {
        let known: [(UInt16, UInt8)] = [
            (200, 0), (400, 3), (401, 16), (403, 7), (404, 5), (409, 6), (429, 8), (499, 1),
            (500, 13), (501, 12), (503, 14), (504, 4), (418, 3), (502, 13), (302, 2),
        ]
        for (status, code) in known { #expect(GRPCStatus.code(forHTTP: status) == code) }
    }

    @Test("has an operator's own body where one is set")
    func templates() throws {
        var templates = ErrorTemplates()
        templates[.json] = try ErrorTemplate("{\"m\":\"%s\",\"p\":\"100%%\",\"id\":\"%s\"}")
        let write = { (format: ErrorFormat) in
            self.response(
                format: format,
                adjust: { $0.templates = templates },
                { GeneratedResponse.write(status: 404, message: "gone", context: $0, into: &$1) }
            )
        }
        let body = "{\"m\":\"gone\",\"p\":\"100%\",\"id\":\"0123\"}"

        #expect(write(.json).hasSuffix("\r\n\r\n\(body)"))
        #expect(write(.json).contains("Content-Length: \(body.utf8.count)\r\n"))
        #expect(write(.plain).hasSuffix("\r\n\r\ngone\nrequest_id: 0123\n"))
    }

    @Test("refuses a template that does not name message and request id once each")
    func refusedTemplates() {
        #expect(throws: ErrorTemplate.Fault.placeholders(count: 1)) { try ErrorTemplate("%s") }
        #expect(throws: ErrorTemplate.Fault.placeholders(count: 3)) { try ErrorTemplate("%s%s%s") }
        #expect(throws: ErrorTemplate.Fault.percent(offset: 4)) { try ErrorTemplate("%s%s%d") }
        #expect(throws: ErrorTemplate.Fault.percent(offset: 5)) { try ErrorTemplate("%s %s%") }
        let long = String(repeating: "a", count: 17_000) + "%s%s"
        #expect(throws: ErrorTemplate.Fault.tooLong(byteCount: 17_004)) { try ErrorTemplate(long) }
    }

    @Test("says of the gateway only what the operator lets it say")
    func tokens() {
        let lines = { (tokens: ResponseTokens, upstream: UInt64?) in
            self.response(
                milliseconds: 5,
                upstream: upstream,
                adjust: {
                    $0.tokens = tokens
                    $0.upstreamStatus = 502
                },
                { GeneratedResponse.write(status: 502, context: $0, into: &$1) }
            )
        }

        for upstream in [nil, 1] as [UInt64?] {
            #expect(!lines([], upstream).contains("X-Kong"))
            #expect(!lines([], upstream).contains("Server"))
        }
        #expect(lines(.upstreamLatency, 1).contains("X-Kong-Upstream-Latency: 1\r\n"))
        #expect(!lines(.upstreamLatency, 1).contains("X-Kong-Proxy"))
        #expect(lines(.upstreamStatus, 1).contains("X-Kong-Upstream-Status: 502\r\n"))
        #expect(lines(.responseLatency, nil).contains("X-Kong-Response-Latency: 5\r\n"))
    }

    @Test(
        "has dates as RFC 9110 section 5.6.7 wants them",
        arguments: [
            (UInt64(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
            (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ]
    )
    func dates(seconds: UInt64, text: String) {
        #expect(written { HTTPDate.write(secondsSince1970: seconds, into: &$0) } == text)
    }
}

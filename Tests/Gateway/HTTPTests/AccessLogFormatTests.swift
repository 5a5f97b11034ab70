import MeshHTTP
import MeshPrimitives
import Testing

@Suite("A line of the access log")
struct AccessLogFormatTests {
    private func line(
        _ format: AccessLogFormat,
        target: [UInt8] = Array("/a?b".utf8),
        agent: [UInt8] = [],
        user: [UInt8] = [],
        _ adjust: (inout AccessLogEntry) -> Void = { _ in }
    ) -> String {
        let text = withBytes("192.0.2.7") { client in
            withBytes("GET") { method in
                target.withUnsafeBytes { target in
                    agent.withUnsafeBytes { agent in
                        user.withUnsafeBytes { user in
                            var entry = AccessLogEntry()
                            entry.milliseconds = 784_111_777_250
                            entry.requestID = client
                            entry.client = client
                            entry.user = user
                            entry.method = method
                            entry.host = client
                            entry.target = target
                            entry.userAgent = agent
                            entry.status = 200
                            entry.tries = 1
                            entry.requestByteCount = 2
                            entry.responseByteCount = 1_024
                            entry.requestMicroseconds = 30
                            adjust(&entry)
                            return written(32_768) { format.write(entry, into: &$0) }
                        }
                    }
                }
            }
        }
        return text ?? "overflow"
    }

    @Test("in JSON has everything, and error and cut where there are any")
    func json() {
        let start = """
            {"time_ms":784111777250,"request_id":"192.0.2.7","client":"192.0.2.7","method":"GET",\
            "host":"192.0.2.7","target":"/a?b","status":200
            """
        let numbers = """
            ,"tries":1,"request_bytes":2,"response_bytes":1024,"request_us":30
            """

        #expect(self.line(.json) == "\(start)\(numbers)}\n")
        let full = withBytes(AccessLogFormat.routeMembers(service: "\"s\"", route: "\"r\"")) {
            route in
            withBytes(AccessLogFormat.upstreamMember(address: "\"u\"")) { upstream in
                self.line(.json) { entry in
                    entry.routeMembers = route
                    entry.upstreamMember = upstream
                    entry.upstreamMicroseconds = 20
                    entry.failure = AccessLogEntry.Failure(owner: "target", cause: "reset")
                    entry.cut = "target"
                }
            }
        }
        #expect(
            full == """
                \(start),"service":"s","route":"r","upstream":"u"\(numbers),"upstream_us":20,\
                "error":{"owner":"target","cause":"reset"},"cut":"target"}\n
                """
        )
    }

    @Test("in Common and Combined is as NCSA and nginx have it")
    func combined() {
        let common = "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b HTTP/1.1\" 200 1024"

        #expect(self.line(.common) == common + "\n")
        #expect(
            self.line(.combined, agent: Array("curl/8 (x)".utf8))
                == common + " \"-\" \"curl/8 (x)\"\n"
        )
        #expect(self.line(.common) { $0.version = .http2 }.contains("GET /a?b HTTP/2.0\""))
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let bare = self.line(.common) {
            $0.method = nothing
            $0.client = nothing
        }
        #expect(bare.hasPrefix("- - - ["))
        #expect(bare.contains("] \"-\" 200"))
        #expect(self.line(.common, user: Array("a b".utf8)).contains(" - a\\x20b ["))
    }

    @Test("holds no byte of a client's that a reader or a terminal would obey")
    func injection() {
        for byte in UInt8.min...UInt8.max {
            let hostile = [UInt8(ascii: "/"), byte, UInt8(ascii: "z")]
            for format in AccessLogFormat.allCases {
                let line = self.line(format, target: hostile, agent: hostile, user: hostile)
                let body = line.dropLast()
                #expect(line.hasSuffix("\n"))
                #expect(body.utf8.allSatisfy { (0x20..<0x7F).contains($0) }, "byte \(byte)")
            }
        }
        // Every place in a long text, whatever stretches it is copied in.
        for place in 0..<40 {
            var text = [UInt8](repeating: UInt8(ascii: "a"), count: 40)
            text[place] = UInt8(ascii: "\"")
            let before = String(repeating: "a", count: place)
            let after = String(repeating: "a", count: 39 - place)
            #expect(
                self.line(.json, target: text).contains("\"target\":\"\(before)\\\"\(after)\"")
            )
        }
        let json = self.line(.json, target: Array("\"\\\n\u{7F}é".utf8))
        #expect(json.contains(#""target":"\"\\\u000a\u007f\u00c3\u00a9""#))
        let common = self.line(.combined, agent: Array("\" \\\n".utf8))
        #expect(common.hasSuffix(#""\x22 \x5C\x0A""# + "\n"))
    }

    @Test("cuts what is too long")
    func long() {
        let flood = [UInt8](repeating: UInt8(ascii: "a"), count: 5_000)

        for format in AccessLogFormat.allCases {
            let line = self.line(format, target: flood, agent: flood)
            #expect(line.utf8.count { $0 == UInt8(ascii: "a") } <= 4_200)
            #expect(line.hasSuffix("\n"))
        }
    }

    @Test("that does not fit is not written at all")
    func overflow() {
        let entry = AccessLogEntry()

        #expect(written(20) { AccessLogFormat.json.write(entry, into: &$0) } == nil)
    }
}

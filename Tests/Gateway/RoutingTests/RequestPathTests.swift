import MeshPrimitives
import MeshRouting
import Testing

@Suite("A request's path")
struct RequestPathTests {
    /// A row of Kong's table: service path, matched bytes, strip, request, upstream path.
    struct Vector: Sendable, CustomTestStringConvertible {
        let service: String
        let matched: String
        let strip: Bool
        let request: String
        let upstream: String
        var testDescription: String {
            "\(self.service) + \(self.matched) \(self.strip ? "T" : "F") \(self.request)"
        }

        init(_ service: String, _ matched: String, _ strip: Bool, _ pairs: String) {
            let parts = pairs.split(separator: " ").map(String.init)
            self.service = service
            self.matched = matched
            self.strip = strip
            self.request = parts[0]
            self.upstream = parts[1]
        }
    }

    /// Source: Kong's `spec/fixtures/router_path_handling_tests.lua`, handling v0.
    static let vectors: [Vector] = [
        Vector("/", "/", true, "/routereq /routereq"),
        Vector("/", "/", false, "/routereq /routereq"),
        Vector("/", "/route", false, "/routereq /routereq"),
        Vector("/", "/route", true, "/route /"),
        Vector("/", "/route", true, "/route/ /"),
        Vector("/", "/route", true, "/routereq /req"),
        Vector("/", "/route/", true, "/route/ /"),
        Vector("/", "/route/", true, "/route/req /req"),
        Vector("/srv", "/rou", false, "/roureq /srv/roureq"),
        Vector("/srv", "/rou", true, "/roureq /srv/req"),
        Vector("/srv/", "/rou", false, "/rou /srv/rou"),
        Vector("/srv/", "/rou", true, "/rou /srv"),
        Vector("/service", "/", true, "/ /service"),
        Vector("/service", "/", false, "/ /service"),
        Vector("/service", "/", true, "/route /service/route"),
        Vector("/service", "/", false, "/route /service/route"),
        Vector("/service", "/", true, "/route/ /service/route/"),
        Vector("/service", "/", false, "/route/ /service/route/"),
        Vector("/service", "/route", false, "/route /service/route"),
        Vector("/service", "/route", false, "/route/ /service/route/"),
        Vector("/service", "/route", false, "/routereq /service/routereq"),
        Vector("/service", "/route", true, "/route /service"),
        Vector("/service", "/route", true, "/route/ /service/"),
        Vector("/service", "/route", true, "/routereq /service/req"),
        Vector("/service", "/route/", true, "/route/ /service/"),
        Vector("/service", "/route/", true, "/route/req /service/req"),
        Vector("/service", "/route/", false, "/route/req /service/route/req"),
        Vector("/service/", "/", true, "/ /service/"),
        Vector("/service/", "/", false, "/ /service/"),
        Vector("/service/", "/", true, "/route /service/route"),
        Vector("/service/", "/", false, "/route /service/route"),
        Vector("/service/", "/route", true, "/route /service"),
        Vector("/service/", "/route", true, "/route/ /service/"),
        Vector("/service/", "/route", true, "/routereq /service/req"),
        Vector("/service/", "/route/", true, "/route/ /service/"),
        Vector("/service/", "/route/", true, "/route/req /service/req"),
        Vector("/service", "", true, "/ /service"),
        Vector("/service", "", false, "/ /service"),
        Vector("/service", "", true, "/route /service/route"),
        Vector("/service", "", false, "/route /service/route"),
        Vector("/service", "", true, "/route/ /service/route/"),
        Vector("/service", "", false, "/route/ /service/route/"),
        Vector("/service", "/route", true, "/route./req /service/req"),
        Vector("/service", "/route", true, "/route%2E/req /service/req"),
        Vector("/service", "/route", true, "/route../req /service/req"),
        Vector("/service", "/route", true, "/route%2E%2E/req /service/req"),
        Vector("/service", "/route", true, "/route. /service"),
        Vector("/service", "/route", true, "/route.. /service"),
        Vector("/service", "/route", true, "/route.../req /service/.../req"),
        Vector("/service", "/route", false, "/route./req /service/route./req"),
        Vector("", "/route", true, "/route /"),
        Vector("", "/route", false, "/route/x /route/x"),
        Vector("", "", true, "/ /"),
    ]

    @Test("reaches the upstream as Kong's v0 handling writes it", arguments: Self.vectors)
    func followsKong(vector: Vector) {
        let path = Self.normalized(vector.request) ?? ""

        let upstream = Self.upstream(
            service: vector.service,
            path: path,
            matched: vector.matched.utf8.count,
            strip: vector.strip
        )

        #expect(upstream == vector.upstream)
    }

    @Test("is refused when the upstream's path does not fit the buffer")
    func refusesOverflow() {
        let upstream = Self.upstream(
            service: "/service",
            path: "/route",
            matched: 0,
            strip: false,
            room: 13
        )

        #expect(upstream == nil)
        #expect(Self.normalized("/route", room: 5) == nil)
        #expect(Self.normalized("", room: 0) == nil)
    }

    @Test("stays inside the service's path however much was matched")
    func toleratesAnyMatchLength() {
        let upstream = Self.upstream(service: "/s", path: "/ab", matched: 99, strip: true)

        #expect(upstream == "/s")
    }

    @Test(
        "is normalized as Kong does",
        arguments: [
            "/anything/./a/../wor%6cd/a/../b": "/anything/world/b",
            "": "/", "/": "/", "//": "/", "///a//b": "/a/b",
            "/a/..": "/", "/a/.": "/a/", "/a/b/..": "/a/", "/..": "/", "/../../etc": "/etc",
            "/a//../b": "/b", "/%2e%2e/%2E/x": "/x", "/a/%2e%2e": "/", "/...": "/...",
            "/.a/..b/c.": "/.a/..b/c.", "/%7Euser/%41%2d%5f": "/~user/A-_",
            "/a%2fb%3f": "/a%2Fb%3F", "/%c3%a9": "/é", "/a?": "/a?", "/é": "/é",
            "/k%C3%B8dsalg": "/kødsalg", "/a%20b": "/a b", "/auth%7Cx": "/auth|x",
            "/%21%2a%27%28%29%3b%3a%40%26%3d%2b%24%2c%2f%3f%25%23%5b%5d":
                "/%21%2A%27%28%29%3B%3A%40%26%3D%2B%24%2C%2F%3F%25%23%5B%5D",
            "/%22%3c%3e%5c%5e%60%7b%7c%7d": "/\"<>\\^`{|}",
        ]
    )
    func normalizes(raw: String, expected: String) {
        #expect(Self.normalized(raw) == expected)
        guard !expected.contains(" ") else { return }
        #expect(Self.normalized(expected) == expected, "a second time changes nothing")
    }

    @Test(
        "is refused when no upstream could read it safely",
        arguments: [
            "/%00", "/a%", "/a%4", "/a%zz", "/a%-1", "/a#b", "/a\u{0}", "*", "a/b", "%2f", "/a b",
            "/a\r\nb", "/a\u{7F}", "/aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbb", "/aaaaaaaaaaaa\u{1F}bbbbbb",
        ]
    )
    func refuses(raw: String) {
        #expect(Self.normalized(raw) == nil)
    }

    @Test("never traps, grows or keeps dot segments, whatever the bytes", arguments: 0..<32)
    func survivesHostileBytes(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let alphabet = Array("/./.%%2eE25Aaz00#é?".utf8)
        for _ in 0..<500 {
            let raw = (0..<generator.next(below: 24)).map { _ in
                alphabet[generator.next(below: alphabet.count)]
            }
            let path = [UInt8(ascii: "/")] + raw
            guard let result = Self.normalized(path) else { continue }
            #expect(result.count <= path.count)
            let segments = result.split(separator: UInt8(ascii: "/"))
            #expect(!segments.contains { $0.elementsEqual(".".utf8) }, "seed \(seed)")
            #expect(!segments.contains { $0.elementsEqual("..".utf8) }, "seed \(seed)")
        }
    }

    @Test(
        "reaches the upstream escaped where a request line needs it",
        arguments: [
            "/kødsalg": "/k%C3%B8dsalg", "/a b": "/a%20b", "/auth|x": "/auth%7Cx",
            "/a%2Fb": "/a%2Fb",
            "/\r\nX: y": "/%0D%0AX:%20y", "/!#$&'()*+,:;=?@[]-_.~%": "/!#$&'()*+,:;=?@[]-_.~%",
            "/\"<>\\^`{|}": "/%22%3C%3E%5C%5E%60%7B%7C%7D", "/\u{7F}": "/%7F",
        ]
    )
    func escapes(path: String, expected: String) {
        let whole = Self.upstream(service: "", path: path, matched: 0, strip: false)
        let stripped = Self.upstream(service: "/s/", path: "/r" + path, matched: 2, strip: true)

        #expect(whole == expected)
        #expect(stripped == "/s" + expected)
    }

    @Test("agrees with a slow obvious model, whatever the bytes", arguments: 0..<20)
    func agreesWithModel(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let alphabet = Array("/./.%%2eE25Aaz00#é? %%7c%C3%20{\\\"~!\r".utf8)
        for _ in 0..<500 {
            let path =
                [UInt8(ascii: "/")]
                + (0..<generator.next(below: 40)).map { _ in
                    generator.next(below: 3) == 0
                        ? alphabet[generator.next(below: alphabet.count)]
                        : UInt8(ascii: "a") + UInt8(generator.next(below: 26))
                }
            let normal = Self.normalized(path)
            #expect(normal == SlowPath.normalized(path), "seed \(seed): \(path)")
            guard let normal else { continue }
            let upstream = normal.withUnsafeBytes { path in
                [UInt8](unsafeUninitializedCapacity: 200) { buffer, count in
                    count =
                        RequestPath.writeUpstream(
                            servicePath: UnsafeRawBufferPointer(start: nil, count: 0),
                            path: path,
                            matched: 0,
                            strip: false,
                            into: UnsafeMutableRawBufferPointer(buffer)
                        ) ?? 0
                }
            }
            #expect(upstream == SlowPath.escaped(normal), "seed \(seed): \(path)")
            #expect(Self.normalized(upstream) == normal, "what was escaped means the same")
        }
    }

    static func normalized(_ raw: String, room: Int? = nil) -> String? {
        self.normalized(Array(raw.utf8), room: room).map { String(decoding: $0, as: UTF8.self) }
    }

    static func normalized(_ raw: [UInt8], room: Int? = nil) -> [UInt8]? {
        var output = [UInt8](repeating: 0xFF, count: room ?? max(raw.count, 1))
        let count = raw.withUnsafeBytes { bytes in
            output.withUnsafeMutableBytes { RequestPath.normalize(bytes, into: $0) }
        }
        return count.map { Array(output.prefix($0)) }
    }

    static func upstream(
        service: String,
        path: String,
        matched: Int,
        strip: Bool,
        room: Int = 256
    ) -> String? {
        var output = [UInt8](repeating: 0, count: room)
        let count = withBytes(service) { service in
            withBytes(path) { path in
                output.withUnsafeMutableBytes { output in
                    RequestPath.writeUpstream(
                        servicePath: service,
                        path: path,
                        matched: matched,
                        strip: strip,
                        into: output
                    )
                }
            }
        }
        return count.map { String(decoding: output.prefix($0), as: UTF8.self) }
    }
}

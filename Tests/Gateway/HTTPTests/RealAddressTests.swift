import MeshHTTP
import MeshPrimitives
import Testing

@Suite("The client behind trusted proxies")
struct RealAddressTests {
    private func find(
        _ fields: String,
        source: RealAddress.Source = .xForwardedFor,
        recursive: Bool = false,
        peer: String = "10.0.0.1",
        proxied: Endpoint? = nil
    ) throws -> Endpoint? {
        let rule = RealAddress(
            source: source,
            isRecursive: recursive,
            trusted: try TrustedAddresses(["10.0.0.0/8", "2001:db8::/32"])
        )
        let parsed = Parsed(request: "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        let peer = try #require(IPAddress(peer))
        return parsed.bytes.withUnsafeBytes {
            rule.find(peer: peer, proxied: proxied, parsed.request, parsed.fields, from: $0)
        }
    }

    @Test("is the last one that the peer names, as nginx reads it")
    func last() throws {
        let one = "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n"

        #expect(try self.find(one) == Endpoint("198.51.100.7:0"))
        #expect(try self.find("X-Forwarded-For: 1.1.1.1\r\n" + one) == Endpoint("198.51.100.7:0"))
        #expect(try self.find("X-Forwarded-For: 1.2.3.4:99 , \r\n") == Endpoint("1.2.3.4:99"))
        #expect(try self.find("X-Forwarded-For: [::5]:99\r\n") == Endpoint("[::5]:99"))
        #expect(try self.find("X-Forwarded-For: ::5\r\n") == Endpoint("[::5]:0"))
        #expect(try self.find("X-Forwarded-For: 10.0.0.2\r\n") == Endpoint("10.0.0.2:0"))
    }

    @Test("is the last untrusted one when the search is recursive")
    func recursive() throws {
        let list = "X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.1.1.1,2001:db8::5\r\n"
        let trusted = "X-Forwarded-For: 10.0.0.9, 10.0.0.8\r\n"
        let find = { (fields: String) in try self.find(fields, recursive: true) }

        #expect(try find(list) == Endpoint("203.0.113.9:0"))
        #expect(try find(trusted) == Endpoint("10.0.0.9:0"), "the first when all are trusted")
        #expect(try find(list + trusted) == Endpoint("203.0.113.9:0"), "over several fields")
        #expect(try find("X-Forwarded-For: 1.1.1.1, junk, 10.0.0.9\r\n") == Endpoint("10.0.0.9:0"))
        #expect(try find("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: junk\r\n") == nil)
    }

    @Test("is the peer when it is not trusted, or nothing usable was said")
    func peer() throws {
        let list = "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.8\r\n"

        #expect(try self.find(list, peer: "192.0.2.1") == nil)
        #expect(try self.find(list, source: .xRealIP, peer: "192.0.2.1") == nil)
        #expect(try self.find("") == nil)
        #expect(try self.find("X-Forwarded-For: \r\n") == nil)
        #expect(try self.find("X-Forwarded-For: unknown\r\n") == nil)
    }

    @Test("is what X-Real-IP or the PROXY protocol says where that is the rule")
    func others() throws {
        let list = "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.8\r\n"
        let proxied = Endpoint("198.51.100.1:7")

        #expect(try self.find(list, source: .xRealIP) == Endpoint("203.0.113.8:0"))
        #expect(try self.find(list, source: .proxyProtocol, proxied: proxied) == proxied)
        #expect(try self.find(list, source: .proxyProtocol) == nil)
        #expect(
            try self.find(list, source: .proxyProtocol, peer: "192.0.2.1", proxied: proxied) == nil
        )
    }

    @Test("is trusted by address and block, mapped addresses as what they map")
    func trust() throws {
        let trusted = try TrustedAddresses(
            ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", "192.0.2.2", "fd00::/8", "unix:"]
        )
        let trusts = { (text: String) in
            trusted.contains(Array(text.utf8).withUnsafeBytes { IPAddress(ascii: $0) } ?? .v4(0))
        }

        for text in ["10.0.0.0", "10.255.255.255", "192.0.2.1", "192.0.2.2", "fdff::1"] {
            #expect(trusts(text), "\(text)")
        }
        #expect(trusts("::ffff:10.2.3.4"))
        for text in ["9.255.255.255", "11.0.0.0", "192.0.2.0", "192.0.2.3", "fe00::", "::a00:1"] {
            #expect(!trusts(text), "\(text)")
        }
        #expect(trusted.includesUnixSockets)
        #expect(try TrustedAddresses(["0.0.0.0/0", "::/0"]).contains(.v4(1)))
        #expect(TrustedAddresses().isEmpty)
        #expect(!TrustedAddresses().contains(.v4(0x7F00_0001)))
    }

    @Test("is not trusted by words", arguments: ["", "localhost", "10.0.0.0/33", "unix"])
    func unknownEntries(text: String) {
        let error = #expect(throws: TrustedAddresses.UnknownEntry.self) {
            try TrustedAddresses(["10.0.0.1", text])
        }
        #expect(error?.text == text)
    }
}

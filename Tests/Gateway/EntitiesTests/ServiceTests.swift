import MeshEntities
import Testing

@Suite("A service")
struct ServiceTests {
    @Test("has Kong's defaults and shows every field")
    func defaults() throws {
        let service = try entity(Service.self, #"{"host": "example.com"}"#)

        #expect(service == Service(id: someID, host: "example.com"))
        #expect(
            service.document.json
                == #"{"id":"11112222-3333-4444-8555-666677778888","name":null,"retries":5,"#
                + #""protocol":"http","host":"example.com","port":80,"path":null,"#
                + #""connect_timeout":60000,"write_timeout":60000,"read_timeout":60000,"#
                + #""tags":null,"client_certificate":null,"tls_verify":null,"#
                + #""tls_verify_depth":null,"ca_certificates":null,"enabled":true,"#
                + #""retry":{"on":["error","timeout"],"try_timeout":0,"timeout":0,"hedge":false},"#
                + #""created_at":null,"updated_at":null}"#
        )
    }

    @Test(
        "refuses what Kong refuses, in Kong's words",
        arguments: [
            ("{}", ["host: required field missing"]),
            (#"{"host": 5}"#, ["host: expected a string"]),
            (#"{"host": ""}"#, ["host: length must be at least 1"]),
            (#"{"host": "a:80"}"#, ["host: must not have a port"]),
            (#"{"host": "a b"}"#, ["host: invalid value: a b"]),
            (#"{"host": "a", "port": 65536}"#, ["port: value should be between 0 and 65535"]),
            (#"{"host": "a", "port": "80"}"#, ["port: expected an integer"]),
            (#"{"host": "a", "port": 1.5}"#, ["port: expected an integer"]),
            (#"{"host": "a", "retries": -1}"#, ["retries: value should be between 0 and 32767"]),
            (
                #"{"host": "a", "read_timeout": 0}"#,
                ["read_timeout: value should be between 1 and 2147483646"]
            ),
            (#"{"host": "a", "enabled": 1}"#, ["enabled: expected a boolean"]),
            (#"{"host": "a", "path": "x"}"#, ["path: should start with: /"]),
            (#"{"host": "a", "path": "/x//y"}"#, ["path: must not have empty segments"]),
            (#"{"host": "a", "path": "/%zz"}"#, ["path: invalid url-encoded value: '%zz'"]),
            (
                #"{"host": "a", "protocol": "ftp"}"#,
                [
                    "protocol: expected one of: grpc, grpcs, http, https, tcp, tls, "
                        + "tls_passthrough, udp, ws, wss"
                ]
            ),
            (
                #"{"host": "a", "name": "a b"}"#,
                [
                    "name: invalid value 'a b': the only accepted ascii characters are "
                        + "alphanumerics or ., -, _, and ~"
                ]
            ),
            (#"{"host": "a", "tags": "x"}"#, ["tags: expected a set"]),
            (
                #"{"host": "a", "tags": ["x", "a,b"]}"#,
                [
                    "tags[1]: invalid tag 'a,b': expected printable ascii (except `,` and `/`) "
                        + "or valid utf-8 sequences"
                ]
            ),
            (#"{"host": "a", "hots": 1}"#, ["hots: unknown field"]),
            (#"{"host": "a", "id": "x"}"#, ["id: expected a valid UUID"]),
            (
                #"{"host": "a", "tls_verify": true}"#,
                [
                    "@entity: failed conditional validation given value of field 'protocol'",
                    "tls_verify: value must be null",
                ]
            ),
            (
                #"{"host": "a", "protocol": "grpcs", "tls_verify_depth": 1}"#,
                [
                    "@entity: failed conditional validation given value of field 'protocol'",
                    "tls_verify_depth: value must be null",
                ]
            ),
            (
                #"{"host": "a", "protocol": "https", "tls_verify_depth": 65}"#,
                ["tls_verify_depth: value should be between 0 and 64"]
            ),
            (#"{"host": "a", "protocol": "wss", "path": "/x", "tls_verify": true}"#, []),
            (
                #"{"host": "a", "protocol": "tcp", "path": "/"}"#,
                [
                    "@entity: failed conditional validation given value of field 'protocol'",
                    "path: value must be null",
                ]
            ),
        ]
    )
    func refusals(json: String, expected: [String]) throws {
        #expect(try complaints(Service.self, json) == expected)
    }

    @Test("reports everything that is wrong at once")
    func allAtOnce() throws {
        let found = try complaints(
            Service.self,
            #"{"port": -1, "retries": "x", "path": "y", "color": "red"}"#
        )

        #expect(
            found == [
                "retries: expected an integer", "host: required field missing",
                "port: value should be between 0 and 65535", "path: should start with: /",
                "color: unknown field",
            ]
        )
    }

    @Test("names line and column of what is wrong")
    func places() throws {
        var findings: [Finding] = []
        let node = try JSONText.parse(
            Array("{\n  \"host\": \"a\",\n  \"port\": 70000,\n \"x\": 1}".utf8)
        )

        _ = Service.decode(node, at: FieldPath(.services, 2), findings: &findings)

        #expect(
            findings.map(\.description) == [
                "1:1 services[2].id: required field missing",
                "3:11 services[2].port: value should be between 0 and 65535",
                "4:2 services[2].x: unknown field",
            ]
        )
    }

    @Test(
        "takes the shorthand url apart",
        arguments: [
            ("http://a.b/c", "http a.b 80 /c"), ("https://a.b", "https a.b 443 -"),
            ("http://a:8080/", "http a 8080 /"), ("a.b:443", "https a.b 443 -"),
            ("grpc://x", "grpc x 80 -"),
            ("wss://x/y", "wss x 443 /y"), ("ws://x", "ws x 80 -"),
            ("http://[::1]:9/x?y", "http ::1 9 /x"),
        ]
    )
    func shorthand(url: String, expected: String) throws {
        let json = #"{"url": "\#(url)", "protocol": "ws", "host": "ignored", "port": 1}"#

        let service = try entity(Service.self, json)

        let path = service.path ?? "-"
        #expect("\(service.protocol.rawValue) \(service.host) \(service.port) \(path)" == expected)
    }

    @Test("refuses a url without host or with an unknown scheme")
    func badShorthand() throws {
        #expect(
            try complaints(Service.self, #"{"url": "http://"}"#) == ["url: invalid url: 'http://'"]
        )
        #expect(
            try complaints(Service.self, #"{"url": "ftp://a"}"#).first?
                .hasPrefix("protocol: expected one of") == true
        )
    }

    @Test("survives the way to its document and back with every field set")
    func roundTrip() throws {
        var service = Service(id: someID, name: "orders", host: "orders.up", port: 8_443)
        service.retries = 2
        service.protocol = .https
        service.path = "/v1"
        (service.connectTimeout, service.writeTimeout, service.readTimeout) = (1, 2, 3)
        service.tags = ["a", "b"]
        service.clientCertificate = otherID
        (service.tlsVerify, service.tlsVerifyDepth) = (true, 3)
        service.caCertificates = [otherID]
        service.enabled = false
        (service.createdAt, service.updatedAt) = (1, 2)

        let body = service.document.canonicalJSON

        #expect(try Service(decoding: RecordText.decode(body)) == service)
    }
}

import MeshEntities
import Testing

@Suite("A route")
struct RouteTests {
    @Test(
        "takes fixed paths in decoded form",
        arguments: ["/kødsalg", "/a b", "/a|b{c}", "/a%2Fb%25", "/a/"]
    )
    func decodedPaths(path: String) throws {
        let route = try entity(Route.self, "{\"paths\": [\"\(path)\"]}")

        #expect(route.paths == [path])
    }

    @Test("has Kong's defaults")
    func defaults() throws {
        let route = try entity(Route.self, #"{"paths": ["/a"]}"#)

        #expect(route == Route(id: someID, paths: ["/a"]))
        #expect(route.protocols == [.http, .https])
        #expect(route.stripPath && !route.preserveHost && route.regexPriority == 0)
        #expect(route.httpsRedirectStatusCode == 426 && route.pathHandling == .v0)
    }

    @Test("says how urgent its requests are, from 0 to 7, or which header says it")
    func urgency() throws {
        #expect(try entity(Route.self, #"{"paths": ["/"]}"#).urgency == 3)
        let json = #"{"paths": ["/"], "urgency": 0, "urgency_header": "Priority"}"#
        let route = try entity(Route.self, json)
        #expect(route.urgency == 0)
        #expect(route.urgencyHeader == "Priority")
        #expect(try entity(Route.self, route.document.json) == route)
        #expect(
            try complaints(
                Route.self,
                #"{"paths": ["/"], "urgency": 8, "urgency_header": "a b"}"#
            ).map { $0.split(separator: ":")[0] } == ["urgency", "urgency_header"]
        )
        let hedge = try entity(Route.self, #"{"paths": ["/"], "retry": {"hedge": true}}"#)
        #expect(hedge.retry?.hedge == true)
    }

    @Test(
        "refuses what Kong refuses, in Kong's words",
        arguments: [
            (
                "{}",
                [
                    "@entity: must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' "
                        + "when 'protocols' is 'https'"
                ]
            ),
            (
                #"{"protocols": ["http"]}"#,
                [
                    "@entity: must set one of 'methods', 'hosts', 'headers', 'paths' "
                        + "when 'protocols' is 'http'"
                ]
            ),
            (
                #"{"protocols": ["tcp"]}"#,
                [
                    "@entity: must set one of 'sources', 'destinations', 'snis' "
                        + "when 'protocols' is 'tcp'"
                ]
            ),
            (
                #"{"protocols": ["http", "tcp"], "paths": ["/"]}"#,
                [
                    "protocols: these sets are mutually exclusive: ('http', 'https'), "
                        + "('tcp', 'tls', 'udp')"
                ]
            ),
            (
                #"{"protocols": ["http"], "paths": ["/"], "snis": ["a.b"]}"#,
                [
                    "snis: 'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' "
                        + "or 'tls_passthrough'"
                ]
            ),
            (
                #"{"paths": ["/"], "sources": [{"ip": "10.0.0.0/8"}]}"#,
                ["sources: cannot set 'sources' when 'protocols' is 'http' or 'https'"]
            ),
            (
                #"{"protocols": ["grpc"], "paths": ["/"], "strip_path": true}"#,
                ["strip_path: cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'"]
            ),
            (
                #"{"protocols": ["foo"]}"#,
                [
                    "protocols[0]: expected one of: grpc, grpcs, http, https, tcp, tls, "
                        + "tls_passthrough, udp, ws, wss"
                ]
            ),
            (#"{"protocols": []}"#, ["protocols: length must be at least 1"]),
            (
                #"{"protocols": ["ws", "https"], "paths": ["/"]}"#,
                ["protocols: these sets are mutually exclusive: ('http', 'https'), ('ws', 'wss')"]
            ),
            (
                #"{"protocols": ["ws"], "methods": ["GET"]}"#,
                [
                    "methods: cannot set 'methods' when 'protocols' is 'ws' or 'wss'",
                    "@entity: must set one of 'hosts', 'headers', 'paths' "
                        + "when 'protocols' is 'ws'",
                ]
            ),
            (#"{"protocols": ["ws", "wss"], "paths": ["/"], "snis": ["a.b"]}"#, []),
            (
                #"{"snis": ["a.*.b"]}"#,
                ["snis[0]: wildcard must be leftmost or rightmost character"]
            ),
            (#"{"snis": ["*.a.*"]}"#, ["snis[0]: only one wildcard must be specified"]),
            (#"{"snis": ["10.0.0.1"]}"#, ["snis[0]: must not be an IP"]),
            (#"{"snis": ["a.b:443"]}"#, ["snis[0]: must not have a port"]),
            (#"{"snis": ["a b"]}"#, ["snis[0]: invalid value: a b"]),
            (
                #"{"paths": ["a"]}"#,
                ["paths[0]: should start with: / (fixed path) or ~/ (regex path)"]
            ),
            (#"{"paths": ["/a//b"]}"#, ["paths[0]: must not have empty segments"]),
            (
                #"{"paths": ["/a", "/b/../c"]}"#,
                ["paths[1]: non-normalized path, consider use '/c' instead"]
            ),
            (
                #"{"paths": ["/%61"]}"#,
                ["paths[0]: non-normalized path, consider use '/a' instead"]
            ),
            (
                #"{"paths": ["/k%C3%B8dsalg"]}"#,
                ["paths[0]: non-normalized path, consider use '/kødsalg' instead"]
            ),
            (
                #"{"paths": ["/a%20b%2f"]}"#,
                ["paths[0]: non-normalized path, consider use '/a b%2F' instead"]
            ),
            (
                #"{"paths": ["/caf%E9"]}"#,
                [
                    "paths[0]: escapes bytes that are no UTF-8, which a fixed path cannot hold; "
                        + "use a regex path with \\xHH instead"
                ]
            ),
            (#"{"paths": ["/a%2"]}"#, ["paths[0]: invalid url-encoded value: '%2'"]),
            (#"{"methods": ["get"]}"#, ["methods[0]: invalid value: get"]),
            (
                #"{"hosts": ["*.a.*"]}"#,
                ["hosts[0]: invalid wildcard: must have at most one wildcard"]
            ),
            (
                #"{"hosts": ["a.*.b"]}"#,
                ["hosts[0]: invalid wildcard: must be placed at leftmost or rightmost label"]
            ),
            (#"{"hosts": ["a b"]}"#, ["hosts[0]: invalid hostname: a b"]),
            (
                #"{"headers": {"Host": ["a"]}}"#,
                [
                    "headers.Host: cannot contain 'host' header, which must be specified in "
                        + "the 'hosts' attribute"
                ]
            ),
            (
                #"{"protocols": ["udp"], "destinations": [{"ip": "10.0.0.0/33"}]}"#,
                ["destinations[0].ip: invalid ip or cidr range: '10.0.0.0/33'"]
            ),
            (
                #"{"protocols": ["udp"], "sources": [{}]}"#,
                [
                    "@entity: at least one of these fields must be non-empty: 'ip', 'port'"
                ]
            ),
            (#"{"headers": ["a"]}"#, ["headers: expected a map"]),
            (
                #"{"paths": ["/"], "https_redirect_status_code": 303}"#,
                ["https_redirect_status_code: expected one of: 426, 301, 302, 307, 308"]
            ),
            (
                #"{"paths": ["/"], "path_handling": "v2"}"#,
                ["path_handling: expected one of: v0, v1"]
            ),
            (
                #"{"paths": ["/"], "expression": "x"}"#,
                [
                    "@entity: Router Expression failed validation: cannot set 'expression' with "
                        + "'methods', 'hosts', 'paths', 'headers', 'snis', 'sources' or "
                        + "'destinations' simultaneously"
                ]
            ),
            (#"{"paths": ["/"], "service": {"id": "x"}}"#, ["service.id: expected a valid UUID"]),
        ]
    )
    func refusals(json: String, expected: [String]) throws {
        let found = try complaints(Route.self, json)

        #expect(found.filter { !$0.hasPrefix("@entity") || expected.contains($0) } == expected)
    }

    @Test(
        "takes hosts with a port, a wildcard or an underscore",
        arguments: ["a.b", "*.a.b", "a.*", "a_b.c:8080", "*.a:80", "10.0.0.1", "[::1]:80"]
    )
    func hosts(host: String) throws {
        #expect(try entity(Route.self, #"{"hosts": ["\#(host)"]}"#).hosts == [host])
    }

    @Test("lower-cases header names and sorts them")
    func headers() throws {
        let route = try entity(Route.self, #"{"headers": {"X-B": ["2"], "X-A": ["1", "~*3"]}}"#)

        #expect(
            route.headers == [
                HeaderValues(name: "x-a", values: ["1", "~*3"]),
                HeaderValues(name: "x-b", values: ["2"]),
            ]
        )
    }

    @Test("keeps the path of a gRPC route")
    func grpc() throws {
        let route = try entity(Route.self, #"{"protocols": ["grpc"], "paths": ["/a"]}"#)

        #expect(!route.stripPath)
    }

    @Test("survives the way to its document and back with every field set")
    func roundTrip() throws {
        var route = Route(id: someID, name: "r", service: otherID, hosts: ["a.b"])
        route.protocols = [.https]
        route.methods = ["GET"]
        route.paths = ["/a", "~/b$"]
        route.headers = [HeaderValues(name: "x", values: ["1"])]
        route.snis = ["a.b"]
        route.httpsRedirectStatusCode = 301
        (route.stripPath, route.preserveHost) = (false, true)
        (route.requestBuffering, route.responseBuffering) = (false, false)
        (route.regexPriority, route.pathHandling) = (-3, .v1)
        route.tags = ["t"]

        let body = route.document.canonicalJSON

        #expect(try Route(decoding: RecordText.decode(body)) == route)
    }
}

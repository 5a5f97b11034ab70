import MeshEntities
import Testing

@Suite("An upstream")
struct UpstreamTests {
    @Test("has Kong's defaults, with all checks off, and a hold of a minute")
    func defaults() throws {
        let upstream = try entity(Upstream.self, #"{"name": "a"}"#)

        #expect(upstream == Upstream(id: someID, name: "a"))
        #expect(upstream.healthchecks.active.unhealthy.httpStatuses.contains(404))
        #expect(upstream.healthchecks.passive.unhealthy.httpStatuses == [429, 500, 503])
        #expect(upstream.regions.hold == 60)
    }

    @Test("takes a bare off of YAML, which is false, for the word")
    func bareOff() throws {
        let upstream = try entity(
            Upstream.self,
            #"{"name": "a", "regions": {"spill": false}}"#
        )
        #expect(upstream.regions.spill == .off)
    }

    @Test(
        "refuses what Kong refuses, in Kong's words",
        arguments: [
            ("{}", ["name: required field missing"]),
            (
                #"{"name": "10.0.0.1"}"#,
                ["name: Invalid name ('10.0.0.1'); no ip addresses allowed"]
            ),
            (#"{"name": "a:80"}"#, ["name: Invalid name ('a:80'); no port allowed"]),
            (#"{"name": "a b"}"#, ["name: Invalid name ('a b'); must be a valid hostname"]),
            (#"{"name": "a", "slots": 9}"#, ["slots: value should be between 10 and 65536"]),
            (
                #"{"name": "a", "algorithm": "random"}"#,
                [
                    "algorithm: expected one of: round-robin, consistent-hashing, "
                        + "least-connections, latency, sticky-sessions, hcl"
                ]
            ),
            (
                #"{"name": "a", "algorithm": "sticky-sessions"}"#,
                [
                    "@entity: failed conditional validation given value of field 'algorithm'",
                    "sticky_sessions_cookie: required field missing",
                ]
            ),
            (
                #"{"name": "a", "sticky_sessions_cookie_path": "x"}"#,
                ["sticky_sessions_cookie_path: should start with: /"]
            ),
            (
                #"{"name": "a", "hash_on": "header"}"#,
                [
                    "@entity: failed conditional validation given value of field 'hash_on'",
                    "hash_on_header: required field missing",
                ]
            ),
            (
                #"{"name": "a", "hash_on": "ip", "hash_fallback": "ip"}"#,
                [
                    "@entity: failed conditional validation given value of field 'hash_on'",
                    "hash_fallback: expected one of: none, consumer, header, cookie, path, "
                        + "query_arg, uri_capture",
                ]
            ),
            (
                #"{"name": "a", "hash_fallback": "ip"}"#,
                [
                    "@entity: failed conditional validation given value of field 'hash_on'",
                    "hash_fallback: expected one of: none",
                ]
            ),
            (
                #"{"name": "a", "healthchecks": {"active": {"interval": 5}}}"#,
                ["healthchecks.active.interval: unknown field"]
            ),
            (
                #"{"name": "a", "healthchecks": {"threshold": 101}}"#,
                ["healthchecks.threshold: value should be between 0 and 100"]
            ),
            (
                #"{"name": "a", "healthchecks": {"active": {"healthy": {"http_statuses": [99]}}}}"#,
                [
                    "healthchecks.active.healthy.http_statuses[0]: "
                        + "value should be between 100 and 999"
                ]
            ),
            (
                #"{"name": "a", "healthchecks": {"passive": {"unhealthy": {"timeouts": 256}}}}"#,
                ["healthchecks.passive.unhealthy.timeouts: value should be between 0 and 255"]
            ),
            (#"{"name": "a", "healthchecks": []}"#, ["healthchecks: expected a record"]),
            (
                #"{"name": "a", "regions": {"hold": 86401}}"#,
                ["regions.hold: value should be between 0 and 86400"]
            ),
            (#"{"name": "a", "regions": {"order": "eu"}}"#, ["regions.order: expected a set"]),
            (
                #"{"name": "a", "limits": {"concurrency": 1000001}}"#,
                ["limits.concurrency: value should be between 0 and 1000000"]
            ),
            (
                #"{"name": "a", "limits": {"adaptive": 1, "queue": -1, "queue_time": 60001}}"#,
                [
                    "limits.adaptive: expected a boolean",
                    "limits.queue: value should be between 0 and 1000000",
                    "limits.queue_time: value should be between 0 and 60000",
                ]
            ),
            (
                #"{"name": "a", "limits": {"load_bound": 0.99}}"#,
                ["limits.load_bound: value should be 0 or between 1 and 100"]
            ),
            (
                #"{"name": "a", "limits": {"load_bound": 101}}"#,
                ["limits.load_bound: value should be between 0 and 100"]
            ),
            (
                #"{"name": "a", "breaker": {"ratio": 1.5, "open": -1, "successes": 0, "x": 1}}"#,
                [
                    "breaker.ratio: value should be between 0 and 1",
                    "breaker.open: value should be between 0 and 3600",
                    "breaker.successes: value should be between 1 and 100",
                    "breaker.x: unknown field",
                ]
            ),
        ]
    )
    func refusals(json: String, expected: [String]) throws {
        #expect(try complaints(Upstream.self, json) == expected)
    }

    @Test("keeps what it says of limits, beside the defaults of what it does not say")
    func limits() throws {
        let json = #"{"name": "a", "limits": {"adaptive": true, "queue_time": 20}}"#
        let upstream = try entity(Upstream.self, json)

        #expect(upstream.limits.adaptive)
        #expect(upstream.limits.queueTime == 20)
        #expect(upstream.limits.queue == 1_000)
        #expect(upstream.limits.concurrency == 0)
        #expect(try entity(Upstream.self, upstream.document.json) == upstream)
    }

    @Test(
        "bounds no load unless it is told to, and then only where keys decide",
        arguments: [0, 1, 1.25]
    )
    func loadBound(bound: Double) throws {
        let json = #"{"name": "a", "hash_on": "ip", "limits": {"load_bound": \#(bound)}}"#
        let upstream = try entity(Upstream.self, json)

        #expect(upstream.limits.loadBound == bound)
        #expect(upstream.boundsLoad == (bound > 0))
        #expect(try entity(Upstream.self, upstream.document.json) == upstream)
        var other = upstream
        other.algorithm = .leastConnections
        #expect(!other.boundsLoad)
    }

    @Test("hashes nothing where reports of load decide")
    func reports() throws {
        let json = #"{"name": "a", "algorithm": "hcl", "hash_on": "ip"}"#
        let upstream = try entity(Upstream.self, json)
        #expect(upstream.algorithm == .hcl)
        #expect(upstream.hashOn == .none)
    }

    @Test("refuses the same header twice")
    func sameHeader() throws {
        let found = try complaints(
            Upstream.self,
            """
            {"name": "a", "hash_on": "header", "hash_on_header": "X-A",
             "hash_fallback": "header", "hash_fallback_header": "x-a"}
            """
        )

        #expect(
            found == [
                "@entity: values of these fields must be distinct: "
                    + "'hash_on_header', 'hash_fallback_header'"
            ]
        )
    }

    @Test(
        "lets hash_on and algorithm pull each other along",
        arguments: [
            (#""hash_on": "ip""#, "consistent-hashing ip"),
            (#""hash_on": "ip", "algorithm": "round-robin""#, "consistent-hashing ip"),
            (#""hash_on": "none""#, "round-robin none"),
            (#""hash_on": "ip", "algorithm": "least-connections""#, "least-connections none"),
            (#""algorithm": "consistent-hashing""#, "consistent-hashing none"),
        ]
    )
    func coupling(fields: String, expected: String) throws {
        let upstream = try entity(Upstream.self, #"{"name": "a", \#(fields)}"#)

        #expect("\(upstream.algorithm.rawValue) \(upstream.hashOn.rawValue)" == expected)
    }

    @Test("survives the way to its document and back with every field set")
    func roundTrip() throws {
        let upstream = try entity(
            Upstream.self,
            """
            {"name": "up", "hash_on": "header", "hash_on_header": "X-User", "hash_fallback":
             "cookie", "hash_on_cookie": "s", "hash_on_cookie_path": "/x", "slots": 100,
             "host_header": "a.b:8080", "tags": ["x"], "regions": {"order": ["eu", "us"],
             "hold": 5.5}, "healthchecks": {"threshold": 12.5, "active": {"type": "tcp",
             "timeout": 0.25, "concurrency": 3, "http_path": "/h", "https_sni": "a.b",
             "https_verify_certificate": false, "headers": {"X-P": ["1", "2"]}, "healthy":
             {"interval": 0.5, "successes": 2, "http_statuses": [204]}, "unhealthy": {"interval":
             1, "tcp_failures": 1, "timeouts": 2, "http_failures": 3}}, "passive": {"type": "tcp",
             "healthy": {"successes": 1}, "unhealthy": {"http_statuses": []}}}}
            """
        )

        let body = upstream.document.canonicalJSON
        let again = try Upstream(decoding: RecordText.decode(body))

        #expect(again == upstream)
        #expect(again.document.canonicalJSON == body)
        #expect(again.regions == Upstream.RegionPolicy(order: ["eu", "us"], hold: 5.5))
        #expect(again.healthchecks.passive.unhealthy.httpStatuses == [])
    }
}

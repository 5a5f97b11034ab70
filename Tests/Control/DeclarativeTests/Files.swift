import MeshDeclarative
import MeshEntities
import Testing

/// The configuration of a file that must load.
func load(_ text: String, name: String = "kong.yml") throws -> GatewayConfiguration {
    try DeclarativeFile.parse(text, name: name).configuration
}

/// What is wrong with a file, one line per finding; empty when it loads.
func complaints(_ text: String, name: String = "kong.yml") -> [String] {
    do {
        _ = try DeclarativeFile.parse(text, name: name)
        return []
    } catch {
        return error.description.split(separator: "\n").map(String.init)
    }
}

/// Files as people write them.
enum Files {
    static let mesh = """
        _format_version: "3.0"
        _comment: two regions
        services:
          - name: orders
            host: orders.upstream
            retries: 3
            connect_timeout: 2000
            tags: [team-a]
            routes:
              - name: orders
                paths: [/orders]
                methods: [GET, POST]
                plugins:
                  - name: correlation-id
                    config: { header_name: X-Request-ID, generator: uuid }
              - paths: ["~/v(?<version>\\\\d+)/orders"]
                strip_path: false
                headers:
                  x-version: ["1", "2"]
          - name: static
            url: http://static.internal:8080/files
            routes:
              - name: static
                hosts: ["*.static.example.com", static.example.com]
                preserve_host: true
        upstreams:
          - name: orders.upstream
            algorithm: least-connections
            healthchecks:
              active:
                type: http
                http_path: /health
                healthy: { interval: 2, successes: 1 }
                unhealthy: { interval: 1.5, http_failures: 2, tcp_failures: 1, timeouts: 1 }
              passive:
                healthy: { successes: 1 }
                unhealthy: { http_failures: 3, tcp_failures: 1 }
            regions: { order: [eu, us], hold: 5 }
            targets:
              - target: 10.0.0.1:80
                tags: ["region:eu", "zone:a"]
              - target: 10.0.1.1:80
                weight: 50
                tags: ["region:us"]
              - { target: backup.internal, failover: true }
        consumers:
          - username: alice
          - custom_id: "4711"
        plugins:
          - name: prometheus
          - name: request-termination
            service: static
            config: { status_code: 503, message: "closed: try again" }
        """

    static let old = """
        _format_version: "1.1"
        services:
        - name: users
          url: http://users:3000
          routes:
          - name: user
            paths:
            - /users/\\d+$
            - /users
            - /%7Euser
        """

    static let anchors = """
        _format_version: "3.0"
        _ignore:
          - &timeouts { connect_timeout: 100, read_timeout: 200 }
          - &routes
            - paths: [/x]
        services:
          - name: a
            host: a.example
            <<: *timeouts
          - name: b
            host: b.example
            <<: *timeouts
            read_timeout: 999
            routes: *routes
          - name: c
            host: c.example
            routes: *routes
        """

    static let deck = """
        _format_version: "3.0"
        _info:
          select_tags: [team]
          defaults: {}
        _workspace: default
        _konnect: { runtime_group_name: x }
        services:
          - name: a
            host: a.example
            routes: []
            plugins:
        """
}

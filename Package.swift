// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// One layer's target in `Sources/<wing>/<name without Mesh>`; `uses` may name only targets
/// declared above it in this file.
func target(_ name: String, in wing: String, uses: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: uses,
        path: "Sources/\(wing)/\(name.dropFirst(4))",
        swiftSettings: strict
    )
}

/// The tests of one target, in `Tests/<wing>/<name without Mesh>Tests`.
func tests(of name: String, in wing: String, uses: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.target(name: name)] + uses,
        path: "Tests/\(wing)/\(name.dropFirst(4))Tests",
        swiftSettings: strict
    )
}

/// A command in `Sources/Tools/<name>`.
func command(_ name: String, uses: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: uses,
        path: "Sources/Tools/\(name)",
        swiftSettings: strict
    )
}

/// A module map of one of Debian's C libraries, in `Sources/System/<name>`.
func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(
        name: name,
        path: "Sources/System/\(name)",
        pkgConfig: pkgConfig,
        providers: [.apt([apt])]
    )
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(
    name: "ServiceLifecycle",
    package: "swift-service-lifecycle"
)
let signals = Target.Dependency.product(
    name: "UnixSignals",
    package: "swift-service-lifecycle"
)
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
/// Persistent dictionaries: copies share what is equal.
let trees = Target.Dependency.product(
    name: "HashTreeCollections",
    package: "swift-collections"
)
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let arguments = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)

let package = Package(
    name: "meshgate",
    products: [
        .executable(name: "meshd", targets: ["meshd"]),
        .executable(name: "meshctl", targets: ["meshctl"]),
        .executable(name: "meshecho", targets: ["meshecho"]),
        .executable(name: "meshsim", targets: ["meshsim"]),
        .executable(name: "meshbench", targets: ["meshbench"]),
    ],
    dependencies: [
        // Event loop, UDP and TCP of the control side (gossip, Admin client); never the proxy path.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        // The Admin API's HTTP server and router. Its default traits would add a settings reader
        // that nothing here uses.
        .package(
            url: "https://github.com/hummingbird-project/hummingbird",
            from: "2.28.0",
            traits: ["FullFoundation"]
        ),
        // SQLite with migrations and typed statements, for the store on disk.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // Persistent dictionaries, so that the log can keep many states of a configuration.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // Start order, stop order and signals of the node's parts.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Flags, help and completion scripts of the commands.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        // System: Debian's C libraries, and the few shims that Swift cannot call itself
        // (`CMeshSystem`: swift-system already has a `CSystem`).
        system("COpenSSL", pkgConfig: "openssl", apt: "libssl-dev"),
        // Framing and HPACK of HTTP/2.
        system("CNghttp2", pkgConfig: "libnghttp2", apt: "libnghttp2-dev"),
        system("CSodium", pkgConfig: "libsodium", apt: "libsodium-dev"),
        system("CPCRE2", pkgConfig: "libpcre2-8", apt: "libpcre2-dev"),
        system("CCares", pkgConfig: "libcares", apt: "libc-ares-dev"),
        // Directories, for the plugin ldap-auth.
        system("CLDAP", pkgConfig: "ldap", apt: "libldap-dev"),
        // Changesets and checkpoints in the store, a tenth of their size.
        system("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        // Declarative files and settings.
        system("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
        .target(name: "CMeshSystem", path: "Sources/System/CMeshSystem"),

        // Base: vocabulary, value types that every layer speaks.
        target("MeshPrimitives", in: "Base"),
        tests(of: "MeshPrimitives", in: "Base"),
        // Every socket a node listens on: bound, inherited, handed to a successor.
        target("MeshListening", in: "Base", uses: ["MeshPrimitives", "CMeshSystem"]),
        tests(of: "MeshListening", in: "Base", uses: ["MeshPrimitives", "CMeshSystem"]),

        // Gateway wing, cores first.
        target("MeshEntities", in: "Gateway", uses: ["MeshPrimitives", trees]),
        tests(of: "MeshEntities", in: "Gateway"),
        target("MeshRouting", in: "Gateway", uses: ["MeshEntities", "MeshPrimitives", "CPCRE2"]),
        tests(of: "MeshRouting", in: "Gateway", uses: ["MeshEntities", "MeshPrimitives"]),
        target("MeshBalancing", in: "Gateway", uses: ["MeshPrimitives"]),
        tests(of: "MeshBalancing", in: "Gateway", uses: ["MeshPrimitives"]),
        target("MeshHealth", in: "Gateway", uses: ["MeshPrimitives"]),
        tests(of: "MeshHealth", in: "Gateway", uses: ["MeshPrimitives"]),
        target("MeshHTTP", in: "Gateway", uses: ["MeshPrimitives", "CMeshSystem", "CNghttp2"]),
        tests(of: "MeshHTTP", in: "Gateway", uses: ["MeshPrimitives"]),
        // TLS of one connection by OpenSSL: contexts, certificates by server name, records.
        target("MeshTLS", in: "Gateway", uses: ["MeshPrimitives", "COpenSSL"]),
        tests(of: "MeshTLS", in: "Gateway", uses: ["MeshPrimitives"]),
        target(
            "MeshPlugins",
            in: "Gateway",
            uses: [
                "MeshEntities", "MeshHTTP", "MeshPrimitives", "COpenSSL", "CPCRE2", "CSodium",
            ]
        ),
        tests(
            of: "MeshPlugins",
            in: "Gateway",
            uses: ["MeshEntities", "MeshHTTP", "MeshPrimitives", "CSodium"]
        ),
        // The shell of the wing: reactor, listeners, upstream pools, the life of a request.
        target(
            "MeshDataPlane",
            in: "Gateway",
            uses: [
                "MeshRouting", "MeshBalancing", "MeshHealth", "MeshHTTP", "MeshTLS",
                "MeshPlugins", "MeshEntities", "MeshListening", "MeshPrimitives", "CMeshSystem",
                "CLDAP", "CSodium",
            ]
        ),
        tests(
            of: "MeshDataPlane",
            in: "Gateway",
            uses: [
                "MeshRouting", "MeshBalancing", "MeshHealth", "MeshHTTP", "MeshTLS",
                "MeshPlugins", "MeshEntities", "MeshPrimitives", "CMeshSystem",
            ]
        ),

        // Cluster wing, cores first.
        // Who is told next, and with which bytes.
        target("MeshDissemination", in: "Cluster", uses: ["MeshPrimitives"]),
        tests(of: "MeshDissemination", in: "Cluster", uses: ["MeshPrimitives"]),
        target("MeshMembership", in: "Cluster", uses: ["MeshDissemination", "MeshPrimitives"]),
        tests(
            of: "MeshMembership",
            in: "Cluster",
            uses: ["MeshDissemination", "MeshPrimitives"]
        ),
        target("MeshObservations", in: "Cluster", uses: ["MeshDissemination", "MeshPrimitives"]),
        tests(
            of: "MeshObservations",
            in: "Cluster",
            uses: ["MeshDissemination", "MeshPrimitives"]
        ),
        // Counts that hold for the whole fleet.
        target("MeshCounters", in: "Cluster", uses: ["MeshPrimitives"]),
        tests(of: "MeshCounters", in: "Cluster", uses: ["MeshPrimitives"]),
        target("MeshChangelog", in: "Cluster", uses: ["MeshPrimitives", trees]),
        tests(of: "MeshChangelog", in: "Cluster", uses: ["MeshPrimitives", trees]),
        target(
            "MeshWire",
            in: "Cluster",
            uses: [
                "MeshMembership", "MeshChangelog", "MeshObservations", "MeshCounters",
                "MeshPrimitives", "CSodium",
            ]
        ),
        tests(
            of: "MeshWire",
            in: "Cluster",
            uses: [
                "MeshMembership", "MeshChangelog", "MeshObservations", "MeshCounters",
                "MeshPrimitives",
            ]
        ),
        // Shells of the wing: sockets and disk.
        target(
            "MeshTransport",
            in: "Cluster",
            uses: [
                "MeshMembership", "MeshChangelog", "MeshDissemination", "MeshObservations",
                "MeshCounters", "MeshWire", "MeshListening", "MeshPrimitives", nioCore, nioPosix,
                lifecycle,
            ]
        ),
        tests(
            of: "MeshTransport",
            in: "Cluster",
            uses: [
                "MeshMembership", "MeshChangelog", "MeshDissemination", "MeshObservations",
                "MeshWire", "MeshListening", "MeshPrimitives", logging, lifecycle, trees,
            ]
        ),
        target(
            "MeshStorage",
            in: "Cluster",
            uses: ["MeshChangelog", "MeshPrimitives", "CZstd", grdb]
        ),
        tests(
            of: "MeshStorage",
            in: "Cluster",
            uses: ["MeshChangelog", "MeshPrimitives", grdb]
        ),

        // Control: where the two wings meet, and what operators touch.
        // Text of a declarative file to entities and back.
        target(
            "MeshDeclarative",
            in: "Control",
            uses: [
                "MeshEntities", "MeshPlugins", "MeshRouting", "MeshTLS", "MeshPrimitives",
                "COpenSSL", "CSodium", "CYAML",
            ]
        ),
        tests(
            of: "MeshDeclarative",
            in: "Control",
            uses: ["MeshEntities", "MeshPlugins", "MeshTLS", "MeshPrimitives"]
        ),
        // The JSON shapes of `/mesh/…`, spoken by the Admin API and its client.
        target("MeshReports", in: "Control"),
        tests(of: "MeshReports", in: "Control"),
        // The dashboard: its page, embedded in the program, and what it is told.
        .target(
            name: "MeshDashboard",
            path: "Sources/Control/Dashboard",
            resources: [
                "app.css", "app.js", "change-views.js", "charts.js", "dom.js", "feed.js",
                "icon.svg", "index.html", "mesh-views.js", "model.js", "traffic-views.js",
            ].map { .embedInCode("Page/\($0)") },
            swiftSettings: strict
        ),
        tests(of: "MeshDashboard", in: "Control"),
        target(
            "MeshAdmin",
            in: "Control",
            uses: [
                "MeshReports", "MeshDashboard", "MeshPlugins", "MeshTLS", "MeshEntities",
                "MeshListening",
                "MeshPrimitives", "COpenSSL", hummingbird, nioCore, nioPosix, nioHTTP1,
                logging, lifecycle,
            ]
        ),
        target(
            "MeshAdminClient",
            in: "Control",
            uses: ["MeshReports", "MeshTLS", nioCore, nioPosix, nioHTTP1]
        ),
        tests(
            of: "MeshAdmin",
            in: "Control",
            uses: [
                "MeshReports", "MeshDashboard", "MeshAdminClient", "MeshTLS", "MeshEntities",
                "MeshPrimitives", logging,
            ]
        ),
        // Host names to addresses, by c-ares.
        target("MeshResolver", in: "Control", uses: ["MeshPrimitives", "CCares"]),
        tests(of: "MeshResolver", in: "Control", uses: ["MeshPrimitives"]),
        // What a node brings into use, and when: a core.
        target("MeshActivation", in: "Control", uses: ["MeshPrimitives"]),
        tests(of: "MeshActivation", in: "Control", uses: ["MeshPrimitives"]),
        // The composition root: settings, wiring, start and stop order, documentation.
        .target(
            name: "MeshNode",
            dependencies: [
                "MeshDataPlane", "MeshRouting", "MeshBalancing", "MeshHealth", "MeshHTTP",
                "MeshTLS", "MeshPlugins", "MeshEntities", "MeshMembership", "MeshChangelog",
                "MeshObservations", "MeshWire", "MeshTransport", "MeshStorage", "MeshDeclarative",
                "MeshReports", "MeshDashboard",
                "MeshAdmin", "MeshActivation", "MeshResolver", "MeshListening", "MeshPrimitives",
                "CMeshSystem", logging,
                lifecycle, signals, trees,
            ],
            path: "Sources/Control/Node",
            swiftSettings: strict
        ),
        tests(
            of: "MeshNode",
            in: "Control",
            uses: [
                "MeshDataPlane", "MeshEntities", "MeshHTTP", "MeshHealth", "MeshBalancing",
                "MeshTLS", "MeshMembership", "MeshObservations", "MeshWire", "MeshReports",
                "MeshPrimitives", "MeshActivation", logging,
                // For the one test of all error types, beside the Admin API's own use.
                "MeshAdmin", "MeshAdminClient", "MeshResolver", "MeshRouting", "MeshStorage",
                "MeshTransport", "MeshChangelog", "MeshDeclarative",
            ]
        ),

        // Tools: the node, the operator's command, the simulator, measurements, a test upstream.
        command("meshd", uses: ["MeshNode", arguments]),
        // What `meshctl` prints: tables, cells, renderers, named checks.
        target("MeshConsole", in: "Tools", uses: ["MeshReports"]),
        tests(of: "MeshConsole", in: "Tools", uses: ["MeshReports"]),
        command(
            "meshctl",
            uses: [
                "MeshAdminClient", "MeshConsole", "MeshReports", "MeshDeclarative", "MeshEntities",
                arguments,
            ]
        ),
        .testTarget(
            name: "meshctlTests",
            dependencies: ["meshctl"],
            path: "Tests/Tools/meshctlTests",
            swiftSettings: strict
        ),
        target(
            "MeshSimulator",
            in: "Tools",
            uses: [
                "MeshMembership", "MeshChangelog", "MeshDissemination", "MeshObservations",
                "MeshWire", "MeshActivation", "MeshBalancing", "MeshHealth", "MeshPrimitives",
                trees,
            ]
        ),
        tests(
            of: "MeshSimulator",
            in: "Tools",
            uses: [
                "MeshMembership", "MeshChangelog", "MeshObservations", "MeshActivation",
                "MeshPrimitives",
            ]
        ),
        command("meshsim", uses: ["MeshSimulator", arguments]),
        command(
            "meshbench",
            uses: [
                "MeshHTTP", "MeshRouting", "MeshBalancing", "MeshHealth", "MeshEntities",
                "MeshDataPlane", "MeshWire", "MeshMembership", "MeshChangelog",
                "MeshObservations", "MeshDissemination", "MeshPlugins", "MeshPrimitives",
                "COpenSSL", arguments,
            ]
        ),
        command("meshecho", uses: [nioCore, nioPosix, nioHTTP1, nioWebSocket, arguments]),

        // A node of the release after this one, for tests of fleets of two releases.
        .executableTarget(
            name: "meshd-next",
            dependencies: ["MeshNode", "MeshPrimitives", "MeshWire"],
            path: "Tests/Tools/meshd-next",
            swiftSettings: strict
        ),

        // Tests that cross targets.
        .testTarget(name: "TidyTests", path: "Tests/TidyTests", swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            // Built beside the tests, and run as programs.
            dependencies: ["meshd", "meshd-next", "meshctl", "meshecho"],
            path: "Tests/EndToEndTests",
            swiftSettings: strict
        ),
    ]
)

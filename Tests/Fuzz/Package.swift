// swift-tools-version: 6.2
import PackageDescription

/// The fuzz targets of `Tests/Gateway/*/Fuzz` with what they fuzz, instrumented for libFuzzer.
///
/// `Tests/Fuzz/run` builds and runs it; no other package sees it.
let instrumented: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"]),
]

func target(_ name: String, in wing: String, uses: [Target.Dependency] = []) -> Target {
    .target(
        name: name,
        dependencies: uses,
        path: "Sources/\(wing)/\(name.dropFirst(4))",
        swiftSettings: instrumented
    )
}

let package = Package(
    name: "fuzz",
    products: [.library(name: "MeshFuzz", type: .static, targets: ["MeshFuzz"])],
    dependencies: [.package(url: "https://github.com/apple/swift-collections", from: "1.6.0")],
    targets: [
        .systemLibrary(name: "CNghttp2", path: "Sources/System/CNghttp2", pkgConfig: "libnghttp2"),
        .systemLibrary(name: "CPCRE2", path: "Sources/System/CPCRE2", pkgConfig: "libpcre2-8"),
        .target(name: "CMeshSystem", path: "Sources/System/CMeshSystem"),
        target("MeshPrimitives", in: "Base"),
        target(
            "MeshEntities",
            in: "Gateway",
            uses: [
                "MeshPrimitives",
                .product(name: "HashTreeCollections", package: "swift-collections"),
            ]
        ),
        target("MeshRouting", in: "Gateway", uses: ["MeshEntities", "MeshPrimitives", "CPCRE2"]),
        target("MeshHTTP", in: "Gateway", uses: ["MeshPrimitives", "CMeshSystem", "CNghttp2"]),
        .target(
            name: "MeshFuzz",
            dependencies: ["MeshHTTP", "MeshRouting", "MeshPrimitives"],
            path: "Targets",
            swiftSettings: instrumented
        ),
    ]
)

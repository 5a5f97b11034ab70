import Foundation

/// Where the programs under test are: beside the test bundle, or in `MESHGATE_BINARIES`.
enum Binaries {
    static let meshd = Self.path(of: "meshd")
    static let meshctl = Self.path(of: "meshctl")
    static let meshecho = Self.path(of: "meshecho")
    static let curl = "/usr/bin/curl"

    private static func path(of name: String) -> String {
        if let directory = ProcessInfo.processInfo.environment["MESHGATE_BINARIES"] {
            return "\(directory)/\(name)"
        }
        let bundle = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let directory = URL(fileURLWithPath: bundle ?? "/").deletingLastPathComponent()
        return directory.appendingPathComponent(name).path
    }
}

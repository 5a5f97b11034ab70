import Foundation
import MeshAdmin
import MeshReports

/// What the node believes and does, in one file for whoever looks into a trouble later.
///
/// Holds what the Admin API shows at `/mesh/status`, `/mesh/health`, `/mesh/regions`,
/// `/mesh/config/status` and `/metrics`; no secrets, no bodies.
struct StateDump: Sendable {
    let directory: String
    let node: NodeAdmin

    /// Writes the file.
    ///
    /// - Returns: its path, `state-TIME.json` in the data directory.
    /// - Throws: when the disk does not take it.
    func write() async throws -> String {
        let parts: [(String, any Encodable & Sendable)] = [
            ("status", await self.node.status()),
            ("configuration", await self.node.configurationStatus(including: "")),
            ("regions", await self.node.regions()),
            ("health", await self.node.health(of: nil)),
            ("metrics", await self.node.metrics()),
        ]
        let time = Timestamp.text(milliseconds: NodeClock.wallMilliseconds)
        var content = Data("{\n\"time\": \"\(time)\"".utf8)
        for (name, part) in parts {
            content.append(Data(",\n\"\(name)\": ".utf8))
            content.append(try ReportJSON.encode(part, layout: .pretty))
        }
        content.append(Data("\n}\n".utf8))
        let path = "\(self.directory)/state-\(time).json"
        try content.write(to: URL(fileURLWithPath: path), options: .atomic)
        return path
    }
}

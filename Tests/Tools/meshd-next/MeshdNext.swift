import Foundation
import MeshNode
import MeshPrimitives
import MeshWire
import Synchronization

/// A node of the release after this one: it speaks the next protocol version as well, with one more
/// field and two more types of records.
///
/// Only tests run it, beside real nodes: `meshd-next run --config FILE [--takeover]`. It tells on
/// standard error what it reads that `meshd` cannot.
@main
enum MeshdNext {
    /// A record that it says to nodes which speak the next version.
    private static let greeting: UInt8 = 200
    /// A record that it says once the fleet was finalized.
    private static let feature: UInt8 = 201

    private static let told = Mutex<Set<String>>([])

    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        let file = arguments.firstIndex(of: "--config").map {
            arguments[arguments.index(after: $0)]
        }
        let start = NodeStart(
            file: file,
            flags: [:],
            isDevelopment: false,
            takesOver: arguments.contains("--takeover"),
            wire: Self.wire
        )
        let status = await start.run()
        fflush(nil)
        _exit(status)
    }

    private static var wire: WireDialect {
        let own = WireVersions.current
        var wire = WireDialect(versions: WireVersions(own.minimum...(own.maximum + 1)))
        wire.recordFields = Array("next".utf8)
        wire.adds = { version, finalized in
            guard version > own.maximum else { return [] }
            let said = WireDialect.record(type: Self.greeting, content: [version])
            guard finalized > own.maximum else { return said }
            return said + WireDialect.record(type: Self.feature, content: [finalized])
        }
        wire.takes = { type, content, sender in
            let line = "next: record \(type) \(Array(content)) of \(sender)\n"
            guard Self.told.withLock({ $0.insert(line).inserted }) else { return }
            try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
        }
        return wire
    }
}

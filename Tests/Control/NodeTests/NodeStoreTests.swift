import Foundation
import MeshPrimitives
import Testing

@testable import MeshNode

@Suite("A node's store")
struct NodeStoreTests {
    @Test("is readable by its owner only, for it holds keys of certificates")
    func secrecy() throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("meshgate-store-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = "\(directory)/meshgate.sqlite"

        let first = try Self.start(in: directory)
        // As one that an older version left open to all.
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let second = try NodeStore(directory: directory)

        let files = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(files.contains("meshgate.sqlite"))
        for file in files {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: "\(directory)/\(file)"
            )
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
        #expect(second.node == first.node)
        #expect(second.boot == first.boot + 1)
    }

    /// Opens a store and closes it again, as a start and a stop do.
    private static func start(in directory: String) throws -> (node: NodeID, boot: UInt64) {
        let store = try NodeStore(directory: directory)
        return (store.node, store.boot)
    }
}

import Foundation
import Testing

@testable import MeshNode

@Suite("A node's store")
struct NodeStoreTests {
    @Test("is readable by its owner only, for it holds keys of certificates")
    func secrecy() throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("meshgate-store-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        // One that an older version left open to all.
        let path = "\(directory)/meshgate.sqlite"
        _ = FileManager.default.createFile(
            atPath: path,
            contents: nil,
            attributes: [.posixPermissions: 0o644]
        )

        let store = try NodeStore(directory: directory)
        let again = try NodeStore(directory: directory)

        let files = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(files.contains("meshgate.sqlite"))
        for file in files {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: "\(directory)/\(file)"
            )
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
        #expect(store.node == again.node)
        #expect(again.boot == store.boot + 1)
    }
}

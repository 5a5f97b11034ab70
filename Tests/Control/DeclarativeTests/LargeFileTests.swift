import MeshEntities
import Testing

@testable import MeshDeclarative

@Suite("Large files, read in parts")
struct LargeFileTests {
    private static let count = DeclarationReader.partSize + 500

    /// A service with a route for each number, some of them written otherwise.
    private static func file(_ others: [Int: String] = [:]) -> String {
        (0..<Self.count).reduce(into: "_format_version: '3.0'\nservices:\n") { text, number in
            text +=
                others[number]
                    ?? """
                    - name: s\(number)
                      host: h
                      routes:
                      - name: r\(number)
                        paths: [/\(number)]

                    """
        }
    }

    @Test("children stay with their parents, and findings name their places")
    func parts() throws {
        let read = try DeclarativeFile.parse(Self.file(), name: "kong.yml").configuration
        #expect(read.services.count == Self.count && read.routes.count == Self.count)
        let services = Dictionary(uniqueKeysWithValues: read.services.map { ($0.id, $0.name) })
        for route in read.routes {
            let service = try #require(route.service.flatMap { services[$0] ?? nil })
            #expect(route.name == "r\(service.dropFirst())")
        }
        let last = Self.count - 1
        let error = #expect(throws: DeclarativeError.self) {
            try DeclarativeFile.parse(
                Self.file([1: "- {host: h, port: 70000}\n", last: "- {host: h, port: 70001}\n"]),
                name: "kong.yml"
            )
        }
        #expect(
            error?.findings.map(\.location.description) == [
                "services[1].port", "services[\(last)].port",
            ]
        )
    }

    @Test("what says the same in different parts gets the ids that it gets in a small file")
    func same() throws {
        let small = "_format_version: '3.0'\nservices:\n- host: same\n- host: same\n"
        let expected = try DeclarativeFile.parse(small, name: "kong.yml").configuration.services
        let text = Self.file([0: "- host: same\n", Self.count - 1: "- host: same\n"])
        let read = try DeclarativeFile.parse(text, name: "kong.yml").configuration.services
        #expect(read.count == Self.count && Set(expected.map(\.id)).count == 2)
        #expect(Set(read.filter { $0.name == nil }.map(\.id)) == Set(expected.map(\.id)))
    }
}

import MeshReports
import Testing

@Suite("Which requests are asked for")
struct RequestQueryTests {
    @Test("is written as it is read")
    func roundTrip() throws {
        let arguments = [
            "after": "3-4", "limit": "7", "service": "a b", "route": "r", "status": "5xx",
            "slower_than": "12.5",
        ]
        let query = try RequestQuery(arguments)

        #expect(
            Dictionary(uniqueKeysWithValues: query.arguments.map { ($0.name, $0.value) })
                == arguments
        )
        #expect(try RequestQuery([:]) == RequestQuery())
    }

    @Test(
        "makes sense, or is refused with what would",
        arguments: [
            ("limit", "0"), ("limit", "501"), ("limit", "x"), ("status", "6xx"), ("status", "40"),
            ("status", "4x4"), ("slower_than", "-1"), ("slower_than", "nan"),
        ]
    )
    func mistakes(name: String, value: String) {
        let mistake = #expect(throws: RequestQuery.Mistake.self) {
            try RequestQuery([name: value])
        }
        #expect(mistake.map { "\($0)".hasPrefix("\(name) must be ") } == true)
    }

    @Test("chooses by status or class, service, route and time")
    func matches() throws {
        let query = try RequestQuery(["status": "5xx", "service": "s", "slower_than": "10"])

        #expect(query.matches(status: 503, service: "s", route: nil, milliseconds: 10))
        #expect(!query.matches(status: 404, service: "s", route: nil, milliseconds: 10))
        #expect(!query.matches(status: 503, service: "t", route: nil, milliseconds: 10))
        #expect(!query.matches(status: 503, service: "s", route: nil, milliseconds: 9))
        let exact = try RequestQuery(["status": "404", "route": "r"])
        #expect(exact.matches(status: 404, service: nil, route: "r", milliseconds: 0))
        #expect(!exact.matches(status: 403, service: nil, route: "r", milliseconds: 0))
    }
}

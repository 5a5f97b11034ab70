import Testing

@testable import MeshTLS

@Suite("An OCSP statement")
struct OCSPStatementTests {
    @Test("is useful until a newer one is due")
    func isUseful() throws {
        let response = try TestAuthority.shared.get().ocspResponse
        let statement = try #require(OCSPStatement(response: response))
        let due = try #require(statement.nextUpdate)

        #expect(statement.isGood)
        #expect(due - statement.thisUpdate == 3_000 * 86_400)
        #expect(!statement.isUseful(at: statement.thisUpdate - 1))
        #expect(statement.isUseful(at: statement.thisUpdate))
        #expect(statement.isUseful(at: due - 1))
        #expect(!statement.isUseful(at: due))
    }

    @Test("is read from damaged bytes as nothing")
    func readsDamaged() throws {
        let response = try TestAuthority.shared.get().ocspResponse
        for count in 0..<response.count {
            #expect(OCSPStatement(response: Array(response.prefix(count))) == nil, "\(count)")
        }
        // A refusal to answer: tryLater (RFC 6960 section 4.2.1).
        #expect(OCSPStatement(response: [0x30, 3, 0x0A, 1, 3]) == nil)
    }
}

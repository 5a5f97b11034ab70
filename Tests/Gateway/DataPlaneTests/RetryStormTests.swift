import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("When all targets fail")
struct RetryStormTests {
    @Test("retries stay within the upstream's budget, and the first failure is told unchanged")
    func bounded() throws {
        let origins = (0..<5).map { _ in
            Origin { origin, socket, _ in
                guard let request = socket.message() else { return }
                origin.note(request)
            }
        }
        let gateway = try Gateway(TestEntities.proxying(origins.map(\.port))) { configuration in
            configuration.retryBudget = 20
            configuration.retryBudgetFloor = 1
        }
        var statuses: Set<Int> = []
        for _ in 0..<100 {
            statuses.insert(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")?.status ?? 0)
        }

        let attempts = origins.reduce(0) { $0 + $1.requests.count }
        #expect(statuses == [502])
        #expect(attempts >= 110 && attempts <= 130, "\(attempts)")
    }
}

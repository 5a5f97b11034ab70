import MeshMembership
import MeshPrimitives
import MeshTransport
import MeshWire
import Testing

@Suite("A question to another node", .serialized, .timeLimit(.minutes(2)))
struct PeerQuestionTests {
    /// Asks until there is an answer: on a busy machine one may take more than the 3 s it is given.
    private func answer(
        of asked: TestNode,
        to asking: TestNode,
        _ path: String
    ) async -> PeerAnswer? {
        for _ in 0..<10 {
            if let answer = await asking.service.ask(path, of: asked.id) { return answer }
        }
        return nil
    }

    @Test("is answered by it, through the mesh; one that is too long for an answer by its size")
    func answers() async throws {
        try await withCluster(of: 2) { nodes in
            let (asking, asked) = (nodes[0], nodes[1])
            await asked.service.answerQuestions { path in
                path == "/large"
                    ? (200, [UInt8](repeating: 1, count: 1 << 20))
                    : (200, Array("you asked \(path)".utf8))
            }

            let answer = try #require(await self.answer(of: asked, to: asking, "/a?b=c"))
            #expect(answer.status == 200)
            #expect(String(decoding: answer.body, as: UTF8.self) == "you asked /a?b=c")
            #expect(await self.answer(of: asked, to: asking, "/large")?.status == 413)
            let long = String(repeating: "x", count: 2_000)
            #expect(await asking.service.ask(long, of: asked.id) == nil)
        }
    }

    @Test("ends without an answer of a node that is gone or none, or cannot answer yet")
    func noAnswer() async throws {
        try await withCluster(of: 2) { nodes in
            #expect(await nodes[0].service.ask("/", of: NodeID(high: 1, low: 1)) == nil)
            #expect(await self.answer(of: nodes[1], to: nodes[0], "/")?.status == 503)
            await nodes[1].kill()
            #expect(await nodes[0].service.ask("/", of: nodes[1].id) == nil)
        }
    }

    @Test("waits for no more than sixteen at a time")
    func bounded() async throws {
        try await withCluster(of: 2) { nodes in
            await nodes[1].service.answerQuestions { _ in
                try? await Task.sleep(for: .milliseconds(500))
                return (200, [])
            }
            let statuses = await withTaskGroup(of: UInt16?.self) { group in
                for _ in 0..<40 {
                    group.addTask { await nodes[0].service.ask("/", of: nodes[1].id)?.status }
                }
                return await group.reduce(into: [UInt16?]()) { $0.append($1) }
            }
            #expect(statuses.contains(200))
            #expect(statuses.contains(503))
            // None within 3 s is what a busy machine may come to.
            #expect(statuses.allSatisfy { $0 == nil || $0 == 200 || $0 == 503 })
        }
    }
}

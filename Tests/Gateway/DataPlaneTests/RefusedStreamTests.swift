import MeshEntities
import MeshHTTP
import Testing

@testable import MeshDataPlane

extension HTTP2TargetTests {
    @Test("that refuses a stream has not begun on it: another target gets it, POST, too (9113 8.7)")
    func refusedStream() throws {
        let refusing = Origin.http2(events: { origin, end, event in
            if case .head(let stream, _, _) = event {
                origin.note("REFUSED")
                end.reset(stream, .refusedStream)
            }
            return true
        })
        let origin = Origin.http2 { end, request in
            end.answer(request.stream, body: request.message.body)
        }
        let gateway = try Gateway(self.entities([refusing.port, origin.port]))

        for _ in 0..<4 { #expect(gateway.ask(self.post)?.text == "abc") }
        #expect(!refusing.requests.isEmpty)
    }
}

import MeshEntities
import Testing

@testable import MeshDataPlane

extension WebSocketOverHTTP2Tests {
    @Test("ends its stream when both sides have finished (RFC 8441 5, RFC 9113 5.1)")
    func ends() throws {
        let origin = Origin { _, socket, _ in
            guard let head = socket.receive(through: "\r\n\r\n"),
                let request = TestMessage(head: head)
            else { return }
            socket.send(Self.accepting(request))
            while let bytes = socket.receive() { socket.send(bytes) }
            socket.send("END")
        }
        let gateway = try Gateway(TestEntities.proxying([origin.port]))
        let client = self.connect(gateway)
        let head = self.next(1, client)
        client.send(Frame(type: 0, flags: 1, stream: 1).bytes)
        var rest: [UInt8] = []
        var isEnded = false
        while !isEnded, let frame = self.next(0, client) {
            rest += frame.payload
            isEnded = frame.flags & 1 != 0
        }

        #expect(head != nil)
        #expect(rest == Array("END".utf8))
        #expect(isEnded)
    }
}

import Glibc
import Testing

@testable import MeshListening

@Suite("A connection that carries descriptors")
struct DescriptorChannelTests {
    @Test("texts keep apart, and descriptors arrive with theirs")
    func carries() throws {
        let path = "/tmp/mesh-channel-\(getpid()).sock"
        let listener = try DescriptorListener(path: path)
        defer { listener.removePath() }
        let client = try DescriptorChannel.connect(to: path)
        let server = try #require(listener.accept())
        var pipe: [Int32] = [0, 0]
        #expect(Glibc.pipe(&pipe) == 0)

        try client.send("first")
        try client.send("second", [pipe[1]])
        close(pipe[1])
        #expect(try server.receive().text == "first")
        let (text, descriptors) = try server.receive()
        #expect(text == "second")
        #expect(write(try #require(descriptors.first), "x", 1) == 1)
        var byte: UInt8 = 0
        #expect(read(pipe[0], &byte, 1) == 1)
        for descriptor in descriptors + [pipe[0]] { close(descriptor) }
        #expect(server.peer?.user == geteuid())
        #expect(server.peer?.process == getpid())
    }

    @Test("silence and a closed end are told apart")
    func ends() throws {
        let path = "/tmp/mesh-channel-ends-\(getpid()).sock"
        let listener = try DescriptorListener(path: path)
        defer { listener.removePath() }
        var client: DescriptorChannel? = try DescriptorChannel.connect(to: path)
        let server = try #require(listener.accept())

        server.setPatience(milliseconds: 20)
        #expect(throws: ListenFailure(code: EAGAIN)) { try server.receive() }
        client = nil
        #expect(client == nil)
        #expect(throws: ListenFailure(code: ECONNRESET)) { try server.receive() }
        listener.end()
        #expect(listener.accept() == nil)
    }
}

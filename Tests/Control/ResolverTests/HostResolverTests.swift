import MeshPrimitives
import MeshResolver
import Testing

@Suite("A host resolver")
struct HostResolverTests {
    private let resolver = HostResolver()

    @Test("returns an IP address as it is")
    func literals() async throws {
        let found = try await self.resolver.addresses(of: "127.0.0.9")

        #expect(found.addresses == [.v4(0x7F00_0009)])
    }

    @Test("finds localhost in the hosts file, IPv4 first")
    func hostsFile() async throws {
        let found = try await self.resolver.addresses(of: "localhost")

        #expect(found.addresses.first == .v4(0x7F00_0001))
        #expect(found.timeToLive >= .seconds(1))
    }

    @Test("says that a name does not exist, or that no server answered, and never hangs")
    func unknown() async throws {
        await #expect(throws: ResolverError.self) {
            try await self.resolver.addresses(of: "no-such-host.invalid")
        }
    }
}

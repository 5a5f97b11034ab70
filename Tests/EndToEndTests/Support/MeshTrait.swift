import Testing

/// Gives all tests of a suite one mesh, and ends it after the last of them.
struct MeshTrait: SuiteTrait, TestScoping {
    let make: @LoopbackActor @Sendable () throws -> TestMesh

    @concurrent func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let mesh = try await self.make()
        do {
            try await TestMesh.$shared.withValue(mesh) { try await function() }
        } catch {
            await mesh.stop()
            throw error
        }
        await mesh.stop()
    }
}

extension Trait where Self == MeshTrait {
    /// Five nodes: three in `eu`, two in `us`.
    static var mesh: Self { MeshTrait { try TestMesh() } }

    /// So many nodes per region, with one upstream each.
    static func mesh(eu: Int, us: Int) -> Self {
        MeshTrait { try TestMesh(eu: eu, us: us, upstreamsPerRegion: 1) }
    }
}

extension TestMesh {
    @TaskLocal static var shared: TestMesh?

    /// The mesh of this suite, settled: all members alive, all targets chosen, base configuration.
    static func settled() throws -> TestMesh {
        guard let mesh = self.shared else { throw TestFailure("the suite has no mesh") }
        try mesh.settle()
        return mesh
    }
}

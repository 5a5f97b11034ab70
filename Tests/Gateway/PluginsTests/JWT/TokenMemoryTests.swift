import MeshEntities
import Synchronization
import Testing

@testable import MeshPlugins

@Suite("Tokens that were verified before")
struct TokenMemoryTests {
    private final class Memory: PluginMemory {
        private let marks = Mutex<Set<PluginMark>>([])

        func contains(_ mark: PluginMark) -> Bool { self.marks.withLock { $0.contains(mark) } }

        func insert(_ mark: PluginMark) { self.marks.withLock { _ = $0.insert(mark) } }
    }

    private let memory = Memory()
    private let secret = [UInt8](repeating: 7, count: 32)

    /// Whether a token passes, and whether its signature was verified for it.
    private func ask(
        _ token: String,
        _ key: PublicKey,
        isGood: Bool = true
    ) -> (passes: Bool, wasVerified: Bool) {
        var wasVerified = false
        let memory = JWT.Memory(tokens: self.memory, secret: self.secret)
        let passes = Array(token.utf8).withUnsafeBytes { token in
            memory.knows(token, key) {
                wasVerified = true
                return isGood
            }
        }
        return (passes, wasVerified)
    }

    private func key(_ algorithm: String) throws -> PublicKey {
        let sample = try #require(TokenSamples.all.first { $0.algorithm.rawValue == algorithm })
        return try #require(PublicKey(pem: sample.key, for: sample.algorithm))
    }

    @Test("pass without another verification, with the same key and to the letter only")
    func known() throws {
        let key = try self.key("RS256")
        #expect(self.ask("a.b.c", key) == (true, true))
        #expect(self.ask("a.b.c", key) == (true, false))
        // The same key parsed anew, as after a change of something else.
        #expect(self.ask("a.b.c", try self.key("RS256")) == (true, false))
        #expect(self.ask("a.b.C", key, isGood: false) == (false, true))
        #expect(self.ask("a.b.c", try self.key("ES256"), isGood: false) == (false, true))
    }

    @Test("are remembered only if they were right")
    func wrong() throws {
        let key = try self.key("RS256")
        #expect(self.ask("a.b.c", key, isGood: false) == (false, true))
        #expect(self.ask("a.b.c", key, isGood: false) == (false, true))
    }
}

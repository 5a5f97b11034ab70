import Glibc
import MeshEntities
import MeshPrimitives
import Synchronization
import Testing

@testable import MeshPlugins

@Suite("Public keys that tokens are checked by")
struct PublicKeyTests {
    /// One key, a signature that is good and one that is not, and what came of checking them.
    private final class Checks: Sendable {
        static let threads = 4
        static let rounds = 200

        let key: PublicKey
        let text: [UInt8]
        let good: [UInt8]
        let bad: [UInt8]
        let waiting = Atomic<Int>(threads)
        let right = Atomic<Int>(0)

        init(_ key: PublicKey, text: [UInt8], good: [UInt8]) {
            self.key = key
            self.text = text
            self.good = good
            var bad = good
            bad[bad.count / 2] ^= 1
            self.bad = bad
        }

        /// Begins when all threads have come.
        func run() {
            self.waiting.subtract(1, ordering: .relaxed)
            while self.waiting.load(ordering: .relaxed) > 0 { sched_yield() }
            for _ in 0..<Self.rounds {
                for (signature, isGood) in [(self.good, true), (self.bad, false)] {
                    let answer = self.text.withUnsafeBytes { self.key.verify(signature, of: $0) }
                    if answer == isGood { self.right.add(1, ordering: .relaxed) }
                }
            }
        }
    }

    @Test("serve several threads at once", arguments: ["RS256", "PS256", "ES256"])
    func threads(algorithm: String) throws {
        let sample = try #require(
            TokenSamples.all.first { $0.algorithm.rawValue == algorithm }
        )
        let key = try #require(PublicKey(pem: sample.key, for: sample.algorithm))
        let parts = sample.token.split(separator: ".")
        let text = Array("\(parts[0]).\(parts[1])".utf8)
        let good = try #require(Base64.decode(Array(parts[2].utf8)))
        let checks = Checks(key, text: text, good: good)
        var threads: [pthread_t] = []
        for _ in 0..<Checks.threads {
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(checks).toOpaque()
            let status = pthread_create(
                &thread,
                nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Checks>.fromOpaque(argument).takeRetainedValue().run()
                    return nil
                },
                argument
            )
            try #require(status == 0)
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
        #expect(checks.right.load(ordering: .relaxed) == Checks.threads * Checks.rounds * 2)
    }
}

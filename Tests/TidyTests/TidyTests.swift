import Testing

@Suite("The source tree")
struct TidyTests {
    private static let sources = SourceFile.all(in: "Sources")
    private static let tests = SourceFile.all(in: "Tests")
    private static let cores = [
        "Base/Primitives", "Gateway/Entities", "Gateway/Routing", "Gateway/Balancing",
        "Gateway/Health", "Gateway/HTTP", "Gateway/Plugins", "Cluster/Dissemination",
        "Cluster/Membership", "Cluster/Changelog", "Cluster/Observations", "Cluster/Counters",
        "Cluster/Wire", "Control/Activation", "Tools/Simulator",
    ]

    private static let bannedInCores = [
        "import NIO": "return an effect and let a shell do the I/O",
        "import Foundation": "use the standard library",
        "import Dispatch": "return an effect and let a shell do the waiting",
        "import Logging": "return an event and let a shell log it",
        "Clock.now": "take `at now: MonotonicInstant` as a parameter",
        ".now()": "take `at now: MonotonicInstant` as a parameter",
        ".shuffled()": "pass a SeededGenerator",
        ".randomElement()": "pass a SeededGenerator",
        "SystemRandomNumberGenerator": "pass a SeededGenerator",
        "Mutex<": "make it a value; a shell may guard it",
        "import Synchronization": "make it a value; a shell may share it",
    ]

    /// What draws bytes of its own; all else of these libraries is a function of what it is given.
    private static let dice = ["randombytes", "RAND_bytes"]
    /// Where keys, nonces and identities are drawn.
    private static let diceAllowed = ["Sources/Cluster/Wire/Sodium.swift"]
    /// Cores that the architecture gives libsodium, and the few files elsewhere that hash and seal.
    private static let sodiumAllowed = [
        "Sources/Cluster/Wire/", "Sources/Gateway/Plugins/BasicAuth/Password",
        "Sources/Gateway/Plugins/JWT/TokenMark.swift",
        "Sources/Gateway/Plugins/Session/SessionSeal.swift",
    ]

    @Test("keeps libsodium to what seals and hashes, and draws bytes in shells", arguments: cores)
    func coresDrawNothing(core: String) {
        for file in Self.sources where file.path.hasPrefix("Sources/\(core)/") {
            for word in Self.dice where file.text.contains(word) {
                #expect(
                    Self.diceAllowed.contains(file.path),
                    "\(file.path) contains \(word): let a shell draw and hand it in"
                )
            }
            if file.imports.contains("CSodium") {
                #expect(
                    Self.sodiumAllowed.contains { file.path.hasPrefix($0) },
                    "\(file.path) imports CSodium: keep it to what seals and hashes"
                )
            }
        }
    }

    @Test("is found at all, so that the other checks check something")
    func isFound() {
        #expect(Self.sources.count > 60)
        #expect(Self.tests.count > 30)
        for core in Self.cores {
            #expect(Self.sources.contains { $0.path.hasPrefix("Sources/\(core)/") }, "\(core)")
        }
    }

    @Test("keeps sockets, clocks, dice, locks and logs out of the cores", arguments: cores)
    func coresArePure(core: String) {
        for file in Self.sources where file.path.hasPrefix("Sources/\(core)/") {
            for (word, remedy) in Self.bannedInCores where file.text.contains(word) {
                Issue.record("\(file.path) contains \(word): \(remedy)")
            }
        }
    }

    @Test("keeps the two wings apart")
    func wingsNeverMeet() {
        let gateway = Set(
            [
                "Entities", "Routing", "Balancing", "Health", "HTTP", "TLS", "Plugins", "DataPlane",
            ].map { "Mesh\($0)" }
        )
        let cluster = Set(
            ["Membership", "Changelog", "Counters", "Wire", "Transport", "Storage"].map {
                "Mesh\($0)"
            }
        )
        for file in Self.sources {
            if file.path.hasPrefix("Sources/Gateway/") {
                #expect(cluster.isDisjoint(with: file.imports), "\(file.path)")
            }
            if file.path.hasPrefix("Sources/Cluster/") {
                #expect(gateway.isDisjoint(with: file.imports), "\(file.path)")
            }
            if file.path.hasPrefix("Sources/Base/") {
                let others = file.imports.filter { $0.hasPrefix("Mesh") }
                #expect(others.allSatisfy { $0 == "MeshPrimitives" }, "\(file.path)")
            }
        }
    }

    @Test("keeps every source under 600 lines and every test under 800")
    func filesFitInAHead() {
        for file in Self.sources {
            #expect(file.lines.count <= 600, "\(file.path): split off a type or a sub-machine")
        }
        for file in Self.tests {
            #expect(file.lines.count <= 800, "\(file.path): split by what is tested")
        }
    }

    @Test("keeps every function under 70 lines")
    func functionsFitOnAScreen() {
        for file in Self.sources {
            for function in LongFunction.all(in: file, over: 70) {
                Issue.record("\(file.path):\(function.line): \(function.length) lines; split it")
            }
        }
    }

    @Test("has no forced try, no marks for later and no banners")
    func noShortcuts() {
        let banned = [
            "try" + "!": "handle or propagate the error",
            "FIX" + "ME": "repair it",
            "TO" + "DO": "file an issue",
            "// MARK" + ":": "a file that needs banners is two files",
        ]
        for file in Self.sources + Self.tests {
            for (word, remedy) in banned where file.text.contains(word) {
                Issue.record("\(file.path) contains \(word): \(remedy)")
            }
        }
    }

    @Test("gives every line that a node logs the name of what happened")
    func logLinesHaveNames() {
        let plain = /[lL]ogger\.(?:log|trace|debug|info|notice|warning|error|critical)\(/
        for file in Self.sources
        where file.path.hasPrefix("Sources/Control/Node/")
            && !file.path.hasSuffix("/Logger+EventType.swift")
        {
            for match in file.text.matches(of: plain) {
                Issue.record("\(file.path): \(match.output): use tell(_:_:_:) with an EventType")
            }
        }
    }

    /// Release builds of Swift 6.3.1 hand a thrown enum of more than four words to its catch with a
    /// wrong case; one that is indirect is a single word, whatever its cases carry.
    @Test("keeps every error enum that carries something one word wide")
    func errorsAreNarrow() {
        var count = 0
        // Those of the base have at most four words, which the test of all error types measures.
        for file in Self.sources where !file.path.hasPrefix("Sources/Base/") {
            var isNarrow = true
            var end = ""
            for line in file.lines {
                if line.contains("enum "), line.contains("Error") || line.contains(": Error") {
                    let conforms = line.split(separator: ":").dropFirst().joined().contains("Error")
                    isNarrow = !conforms || line.contains("indirect ")
                    count += conforms ? 1 : 0
                    end = line.prefix { $0 == " " } + "}"
                } else if line.contains("enum ") || line.contains("struct ") || line == end {
                    isNarrow = true
                }
                let isPayload = line.drop { $0 == " " }.hasPrefix("case ") && line.contains("(")
                #expect(
                    isNarrow || !isPayload || line.contains("case ."),
                    "\(file.path): write `indirect enum` for an error with payload"
                )
            }
        }
        #expect(count > 15)
    }

    @Test("says what it holds in file names")
    func namesSaySomething() {
        let forbidden = ["Manager", "Helper", "Util", "Common", "Impl", "Processor"]
        for file in Self.sources {
            let name = file.path.split(separator: "/").last ?? ""
            for part in forbidden where name.contains(part) {
                Issue.record("\(file.path): \(part) says nothing; name the thing")
            }
        }
    }

    @Test("allows unchecked sendability only where threads meet by design")
    func sendabilityIsChecked() {
        let unchecked = "@unchecked " + "Sendable"
        let allowed = ["Sources/Gateway/DataPlane/"]
        for file in Self.sources where file.text.contains(unchecked) {
            #expect(
                allowed.contains { file.path.hasPrefix($0) },
                "\(file.path): make it a value, an actor, or guard it with a Mutex"
            )
        }
    }
}

/// A function that is longer than a screen, found by indentation, which the formatter guarantees.
private struct LongFunction {
    let line: Int
    let length: Int

    static func all(in file: SourceFile, over limit: Int) -> [LongFunction] {
        var found: [LongFunction] = []
        let lines = file.lines
        for (start, line) in lines.enumerated() {
            let text = line.drop { $0 == " " }
            guard Self.startsFunction(text) else { continue }
            let indent = line.count - text.count
            let closing = String(repeating: " ", count: indent) + "}"
            let rest = lines[(start + 1)...]
            guard !line.hasSuffix("}"), let end = rest.firstIndex(where: { $0 == closing }),
                end - start + 1 > limit
            else { continue }
            found.append(LongFunction(line: start + 1, length: end - start + 1))
        }
        return found
    }

    private static func startsFunction(_ text: Substring) -> Bool {
        guard !text.hasPrefix("//") else { return false }
        let words = text.split(separator: " ").prefix { !$0.contains("(") }
        return words.contains("func") || text.contains(" init(") || text.hasPrefix("init(")
    }
}

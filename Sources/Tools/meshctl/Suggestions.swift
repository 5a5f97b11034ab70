import ArgumentParser
import Foundation
import MeshAdminClient
import MeshConsole
import MeshReports

/// What a shell offers to complete an argument with.
///
/// Names are asked of the node that the command line or the environment says, for a second at most; when
/// it does not answer, nothing is offered.
enum Suggestions {
    /// Files with a declarative configuration.
    static let declarations = CompletionKind.file(extensions: ["yml", "yaml", "json"])

    /// Names of members.
    static let nodes = Self.asked { try await $0.members().members.map(\.name) }

    /// Names of regions.
    static let regions = Self.asked { try await $0.regions().regions.map(\.name) }

    /// Names of upstreams.
    static let upstreams = Self.asked { try await $0.health().upstreams.map(\.name) }

    /// Targets, as configured.
    static let targets = Self.asked {
        try await $0.health().upstreams.flatMap { $0.targets.map(\.target) }
    }

    /// Ids of the newest changesets.
    static let changesets = Self.asked { try await $0.history(last: 20).changesets.map(\.id) }

    /// Epochs of gossip keys.
    static let keys = Self.asked { try await $0.keys().keys.map { "\($0.epoch)" } }

    /// Codes of checks and errors, and names of events.
    static let codes = CompletionKind.custom { (_: [String], _: Int, _: String) in
        (CodeBook.pages + CodeBook.events).map(\.code)
    }

    private static func asked(
        _ question: @escaping @Sendable (AdminClient) async throws -> [String]
    ) -> CompletionKind {
        .custom { (words: [String], _: Int, _: String) async -> [String] in
            guard let node = try? NodeOptions.parse(Self.connection(in: words)),
                let client = try? node.client(timeout: .seconds(1)),
                let names = try? await question(client)
            else { return [] }
            return Set(names).sorted().map(Self.escaped)
        }
    }

    /// What zsh takes for the name: to it an explanation follows the first colon.
    private static func escaped(_ name: String) -> String {
        guard ProcessInfo.processInfo.environment["SAP_SHELL"] == "zsh" else { return name }
        return name.replacing(":", with: "\\:")
    }

    /// The words of a line that say which node to ask, and how.
    private static func connection(in words: [String]) -> [String] {
        let names = ["--admin", "--cacert", "--cert", "--key", "--token-file"]
        var found: [String] = []
        var rest = Self.glued(words)[...]
        while let word = rest.popFirst() {
            if names.contains(word), let value = rest.first, !value.isEmpty {
                found += [word, value]
            } else if names.contains(where: { word.hasPrefix("\($0)=") }) {
                found.append(word)
            }
        }
        return found
    }

    /// The words as they were written: bash takes them apart at `:` and `=`.
    private static func glued(_ words: [String]) -> [String] {
        var result: [String] = []
        var isOpen = false
        for word in words {
            let joins = word == ":" || word == "="
            if (joins || isOpen) && !result.isEmpty {
                result[result.count - 1] += word
            } else {
                result.append(word)
            }
            isOpen = joins
        }
        return result
    }
}

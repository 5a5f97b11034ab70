import Foundation
import MeshEntities
import MeshReports

/// Kong's `/config`: reads and replaces the whole configuration.
struct ConfigPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        // The text holds private keys.
        let read = AdminPath.Method(name: "GET", summary: "Read the declarative configuration") {
            _ in await self.read()
        }.requiring(.write)
        let load = AdminPath.Method(name: "POST", summary: "Replace the configuration") {
            await self.load($0)
        }.takingConfiguration
        return [AdminPath("config", [read, load])]
    }

    private func read() async -> AdminAnswer {
        .document(.record(["config": .string(await self.node.declarativeText())]))
    }

    private func load(_ exchange: AdminExchange) async -> AdminAnswer {
        var submission: Submission
        switch SubmittedBody.configuration(of: exchange) {
        case .missing: return .message("expected a declarative configuration", status: 400)
        case .refused(let status, let message): return .message(message, status: status)
        case .text(let text, let document):
            submission = Submission(text: text)
            submission.document = document
        }
        submission.author = exchange.author
        submission.wantsChanges = false
        let report: ApplyReport
        do throws(AdminError) {
            if exchange.flag("check_hash") {
                let difference = try await self.node.difference(submission)
                if difference.changes.isEmpty { return .empty(304) }
            }
            report = try await self.node.apply(submission)
        } catch {
            return Self.answer(to: error, flattened: exchange.flag("flatten_errors"))
        }
        var answer = AdminAnswer.document(
            Self.collections(of: await self.node.configuration(report.config)),
            status: 201
        )
        if !report.confirmed { answer.isUnconfirmed(heldBy: report.holders) }
        return answer
    }

    /// All entities by collection and id.
    private static func collections(of configuration: GatewayConfiguration) -> DocumentValue {
        // What a view shows of others than the entity itself are server names.
        var names = GatewayConfiguration()
        names.snis = configuration.snis
        let view = EntityView(catalogue: EntityCatalogue(names))
        var fields: [DocumentField] = []
        for kind in EntityKind.allCases {
            let entries = configuration.entries(of: kind)
            guard !entries.isEmpty else { continue }
            let entities = entries.map { entry in
                let row = EntityRow(kind: kind, id: entry.id, document: entry.document)
                return DocumentField("\(entry.id)", view.document(row))
            }
            fields.append(DocumentField(kind.rawValue, .object(entities)))
        }
        return .object(fields)
    }

    private static func answer(to error: AdminError, flattened: Bool) -> AdminAnswer {
        switch error {
        case .invalidConfiguration(let invalid):
            return self.answer(to: invalid, flattened: flattened)
        case .busy:
            var answer = AdminAnswer.message(
                "Currently loading previous configuration",
                status: 429
            )
            answer.headers.append(("Retry-After", "1"))
            return answer
        case .timedOut: return .message("Timed out while loading configuration", status: 504)
        case .stopping: return .message("Kong currently exiting", status: 503)
        case .stale(let held):
            return .message(
                "the configuration changed meanwhile, it is now \(held.version)",
                status: 409
            )
        case .unknownNode, .unknownChangeset: return .notFound
        case .refused(let reason): return .message(reason, status: 409)
        case .failed: return .message("An unexpected error occurred", status: 500)
        }
    }

    private static func answer(
        to invalid: InvalidConfiguration,
        flattened: Bool
    ) -> AdminAnswer {
        var fields = [
            DocumentField("name", .string("invalid declarative configuration")),
            DocumentField("code", .integer(14)),
            DocumentField("message", .string(invalid.message)),
            DocumentField("fields", invalid.fields),
        ]
        if flattened {
            fields.append(DocumentField("flattened_errors", invalid.flattenedErrors))
        }
        return .document(.object(fields), status: 400)
    }
}

import Foundation
import MeshEntities
import MeshReports

/// Carries out one write of an entity: plans it on what the node holds, hands it over, and plans
/// again when something else was written meanwhile.
struct EntityWriter: Sendable {
    /// Tries before the client is told to try again; each lost one means that another write won.
    private static let tries = 64

    let node: any AdminNode

    /// What a write comes to before it is written.
    enum Plan {
        /// These changes; then the entity is answered with, or 204 when it goes.
        case edit(EntityEdit, status: Int)
        /// Nothing to write.
        case answer(AdminAnswer)
    }

    /// Plans and writes.
    ///
    /// - Parameters:
    ///   - exchange: the request, for its author.
    ///   - plan: makes the plan; may run several times.
    /// - Returns: Kong's answer.
    func write(
        _ exchange: AdminExchange,
        _ plan: (EntityEditor) throws(EditRefusal) -> Plan
    ) async -> AdminAnswer {
        for _ in 0..<Self.tries {
            let held = await self.node.held()
            let editor = EntityEditor(
                catalogue: held.catalogue,
                now: Date().timeIntervalSince1970,
                examine: { self.node.examine(&$0) },
                makeID: { EntityID.random() }
            )
            let planned: (edit: EntityEdit, status: Int)
            do throws(EditRefusal) {
                switch try plan(editor) {
                case .answer(let answer): return answer
                case .edit(let edit, let status): planned = (edit, status)
                }
            } catch {
                return error.answer
            }
            guard !planned.edit.changes.isEmpty else { return .empty(204) }
            do throws(AdminError) {
                let receipt = try await self.node.edit(
                    planned.edit.changes,
                    upon: held,
                    author: exchange.author,
                    message: "\(exchange.method) \(Self.shown(exchange.path, planned.edit))"
                )
                return Self.answer(planned.edit, planned.status, held.catalogue, receipt)
            } catch {
                if case .stale = error { continue }
                return error.writeAnswer
            }
        }
        var answer = AdminAnswer.message(
            "the configuration keeps changing; try again",
            status: 503
        )
        answer.headers.append(("Retry-After", "1"))
        return answer
    }

    /// A path as history, events and log may tell it: whoever is addressed by a secret is named by id.
    static func shown(_ path: String, _ edit: EntityEdit) -> String {
        let kind = KeyCredential.kind
        let names = [kind.pathName, kind.nestedPathName]
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let id = edit.changes.first { $0.kind == kind }?.id.description ?? Secrets.mask
        // Behind each, for a consumer may be called as they are.
        let isBehind = [false] + segments.map { names.contains($0.removingPercentEncoding ?? $0) }
        return zip(segments, isBehind).map { $1 ? id : $0 }.joined(separator: "/")
    }

    private static func answer(
        _ edit: EntityEdit,
        _ status: Int,
        _ catalogue: EntityCatalogue,
        _ receipt: EditReceipt
    ) -> AdminAnswer {
        var answer: AdminAnswer
        if let row = edit.row {
            var next = catalogue
            // Only a certificate shows what another change of the edit makes.
            if row.kind == .certificates { for change in edit.changes { next.apply(change) } }
            answer = EntityView(catalogue: next).answer(row, status: status)
        } else {
            answer = .empty(204)
        }
        if receipt.holders.count < receipt.wanted {
            answer.isUnconfirmed(heldBy: receipt.holders)
        }
        answer.headers.append(("X-Meshgate-Config-Hash", receipt.config.hash))
        return answer
    }
}

extension EntityID {
    /// A UUID of version 4 (RFC 9562, section 5.4).
    static func random() -> EntityID {
        var generator = SystemRandomNumberGenerator()
        return EntityID(
            high: generator.next() & ~0xF000 | 0x4000,
            low: generator.next() & ~(0xC0 << 56) | 0x80 << 56
        )
    }
}

extension AdminError {
    /// Why a single write was not done, as an answer.
    fileprivate var writeAnswer: AdminAnswer {
        switch self {
        case .stopping: .message("the node is stopping; ask another one", status: 503)
        case .timedOut: .message("writing took too long", status: 504)
        case .busy: .message("too many writes at once; try again", status: 503)
        case .refused(let reason): .message(reason, status: 409)
        case .failed(let reason): .message(reason, status: 500)
        case .invalidConfiguration(let invalid):
            EditRefusal.schemaViolation(
                invalid.findings.map {
                    Finding(at: FieldPath([.field(FieldPath.entityField)]), $0.message)
                }
            ).answer
        case .unknownChangeset(let name): .message("no changeset is called \(name)", status: 404)
        case .unknownNode(let name): .message("no member is called \(name)", status: 404)
        case .stale: .message("the configuration changed meanwhile", status: 409)
        }
    }
}

import Foundation
import MeshEntities
import MeshReports

/// Our own paths, `/mesh/…`: what this node believes, and the few things it can be told to do.
struct MeshPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] { self.reads + self.writes }

    private var reads: [AdminPath] {
        [
            .reading("mesh/members") { _ in .report(await self.node.members()) },
            .reading("mesh/members/:member") { await self.member($0.parameters[0]) },
            .reading("mesh/regions") { _ in .report(await self.node.regions()) },
            .reading("mesh/health") { await self.health($0.query["upstream"]) },
            .reading("mesh/health/:upstream") { await self.health($0.parameters[0]) },
            .reading("mesh/status") { _ in .report(await self.node.status()) },
            .reading("mesh/config/status") { _ in
                .report(await self.node.configurationStatus())
            },
            .reading("mesh/events") { await self.events($0) },
        ]
    }

    private var writes: [AdminPath] {
        let apply = AdminPath.Method(name: "POST") { exchange in
            await self.submit(exchange) { submission throws(AdminError) in
                .report(try await self.node.apply(submission), status: 201)
            }
        }
        return [
            // The text holds private keys.
            AdminPath(
                "mesh/config",
                [
                    AdminPath.Method(name: "GET") { _ in await self.configuration() }
                        .requiring(.write), apply,
                ]
            ),
            .posting("mesh/config/validate", role: .read) { await self.validate($0) },
            .posting("mesh/config/diff", role: .read) { exchange in
                await self.submit(exchange) { submission throws(AdminError) in
                    .report(try await self.node.difference(submission))
                }
            },
            .posting("mesh/nodes/:node/drain") { await self.setMode(.draining, $0) },
            .posting("mesh/nodes/:node/resume") { await self.setMode(.normal, $0) },
        ]
    }

    private func member(_ key: String) async -> AdminAnswer {
        let members = await self.node.members().members
        guard let member = members.first(where: { $0.name == key || $0.id == key }) else {
            return Self.failure(.unknownNode(key))
        }
        return .report(member)
    }

    private func health(_ upstream: String?) async -> AdminAnswer {
        let report = await self.node.health(of: upstream)
        if let upstream, report.upstreams.isEmpty {
            return .report(
                FailureReport(
                    code: "MESH104",
                    message: "no upstream is called \(upstream); list them: meshctl health"
                ),
                status: 404
            )
        }
        return .report(report)
    }

    private func configuration() async -> AdminAnswer {
        .report(
            ConfigurationReport(
                config: await self.node.configurationVersion(),
                text: await self.node.declarativeText()
            )
        )
    }

    private func events(_ exchange: AdminExchange) async -> AdminAnswer {
        let last = exchange.headers["last-event-id"] ?? exchange.query["after"]
        return AdminAnswer(
            status: 200,
            body: .events(await self.node.events(after: last.flatMap { UInt64($0) }))
        )
    }

    private func validate(_ exchange: AdminExchange) async -> AdminAnswer {
        switch Self.submission(exchange) {
        case .failure(let answer): answer.value
        case .success(let submission): .report(await self.node.validate(submission))
        }
    }

    private func submit(
        _ exchange: AdminExchange,
        _ run: (Submission) async throws(AdminError) -> AdminAnswer
    ) async -> AdminAnswer {
        switch Self.submission(exchange) {
        case .failure(let answer): return answer.value
        case .success(let submission):
            do throws(AdminError) {
                return try await run(submission)
            } catch {
                return Self.failure(error)
            }
        }
    }

    private func setMode(_ mode: MemberReport.Mode, _ exchange: AdminExchange) async -> AdminAnswer
    {
        do throws(AdminError) {
            return .report(try await self.node.setMode(mode, of: exchange.parameters[0]))
        } catch {
            return Self.failure(error)
        }
    }

    private struct Refusal: Error {
        let value: AdminAnswer
    }

    private static func submission(_ exchange: AdminExchange) -> Result<Submission, Refusal> {
        switch SubmittedBody.configuration(of: exchange) {
        case .missing:
            let report = FailureReport(
                code: "MESH101",
                message: "the body is empty; send a declarative file"
            )
            return .failure(Refusal(value: .report(report, status: 400)))
        case .refused(let status, let message):
            let report = FailureReport(code: "MESH101", message: message)
            return .failure(Refusal(value: .report(report, status: status)))
        case .text(let text):
            var submission = Submission(text: text, name: exchange.query["name"] ?? "config")
            submission.message = exchange.query["message"] ?? ""
            submission.expectedHash = exchange.query["base"]
            return .success(submission)
        }
    }

    private static func failure(_ error: AdminError) -> AdminAnswer {
        let (status, code) = error.place
        return .report(
            FailureReport(code: code, message: error.message, findings: error.findings),
            status: status
        )
    }
}

extension AdminError {
    /// The HTTP status and our stable code.
    fileprivate var place: (status: Int, code: String) {
        switch self {
        case .invalidConfiguration: (400, "MESH102")
        case .stale: (409, "MESH103")
        case .unknownNode: (404, "MESH104")
        case .refused: (409, "MESH105")
        case .busy: (429, "MESH106")
        case .stopping: (503, "MESH107")
        case .timedOut: (504, "MESH108")
        case .failed: (500, "MESH109")
        }
    }

    fileprivate var findings: [FindingReport] {
        if case .invalidConfiguration(let invalid) = self { invalid.findings } else { [] }
    }

    /// What, why and what to do, on one line.
    fileprivate var message: String {
        switch self {
        case .invalidConfiguration(let invalid):
            "\(invalid.message); nothing was changed"
        case .busy: "another configuration is being loaded; try again"
        case .timedOut: "loading took too long; see meshctl config status"
        case .stopping: "the node is stopping; ask another one"
        case .stale(let held):
            "somebody else changed the configuration to \(held.hash.prefix(8)); compare again: meshctl config diff"
        case .unknownNode(let name): "no member is called \(name); list them: meshctl members"
        case .refused(let reason), .failed(let reason): reason
        }
    }
}

import Foundation
import MeshReports

/// Our own paths about the configuration, `/mesh/config/…`: its present, its past, and what changes it.
struct ChangesetPaths: Sendable {
    /// Changesets of a page of the history unless asked otherwise.
    private static let pageSize = 20
    /// Most changesets of a page.
    private static let pageLimit = 10_000

    let node: any AdminNode

    var all: [AdminPath] { [self.whole] + self.reads + self.writes }

    /// The text holds private keys.
    private var whole: AdminPath {
        AdminPath(
            "mesh/config",
            [
                AdminPath.Method(name: "GET") { _ in await self.configuration() }
                    .requiring(.write),
                AdminPath.Method(name: "POST") { exchange in
                    await self.submit(exchange) { submission throws(AdminError) in
                        Self.answer(to: try await self.node.apply(submission))
                    }
                }
                .takingConfiguration,
            ]
        )
    }

    private var reads: [AdminPath] {
        [
            .reading("mesh/config/status") { exchange in
                .report(
                    await self.node.configurationStatus(
                        including: exchange.query["changeset"] ?? ""
                    )
                )
            },
            .reading("mesh/config/history") { exchange in
                let size = exchange.query["size"].flatMap { Int($0) } ?? Self.pageSize
                return .report(
                    await self.node.history(last: min(max(1, size), Self.pageLimit))
                )
            },
            .reading("mesh/config/changesets/:changeset") { exchange in
                await Self.answer { () async throws(AdminError) in
                    .report(try await self.node.changeset(exchange.parameters[0]))
                }
            },
            .reading("mesh/config/roll-out") { _ in await self.rollOut() },
            .reading("mesh/config/conflicts") { _ in .report(await self.node.conflicts()) },
        ]
    }

    private var writes: [AdminPath] {
        let between = AdminPath.Method(name: "GET") { exchange in
            await Self.answer { () async throws(AdminError) in
                .report(
                    try await self.node.difference(
                        from: exchange.query["from"] ?? "",
                        to: exchange.query["to"] ?? ""
                    )
                )
            }
        }
        let against = AdminPath.Method(name: "POST") { exchange in
            await self.submit(exchange) { submission throws(AdminError) in
                .report(try await self.node.difference(submission))
            }
        }
        .takingConfiguration
        let actions = RollOutAction.allCases.map { action in
            AdminPath.posting("mesh/config/roll-out/\(action.rawValue)") { exchange in
                await Self.answer { () async throws(AdminError) in
                    try await self.node.perform(action, author: exchange.author)
                    return await self.rollOut()
                }
            }
        }
        return actions + [
            AdminPath("mesh/config/diff", [between, against.requiring(.read)]),
            AdminPath(
                "mesh/config/validate",
                [
                    AdminPath.Method(name: "POST") { await self.validate($0) }
                        .requiring(.read).takingConfiguration
                ]
            ),
            .posting("mesh/config/rollback") { exchange in
                await Self.answer { () async throws(AdminError) in
                    let place = exchange.query["to"] ?? "^"
                    let report = try await self.node.rollBack(
                        to: place,
                        Restoration(exchange)
                    )
                    return Self.answer(to: report)
                }
            },
            .posting("mesh/config/conflicts/:conflict/apply") { exchange in
                await Self.answer { () async throws(AdminError) in
                    let report = try await self.node.applyLoser(
                        of: exchange.parameters[0],
                        Restoration(exchange)
                    )
                    return Self.answer(to: report)
                }
            },
        ]
    }

    private func configuration() async -> AdminAnswer {
        .report(
            ConfigurationReport(
                config: await self.node.configurationVersion(),
                text: await self.node.declarativeText()
            )
        )
    }

    private func rollOut() async -> AdminAnswer {
        guard let report = await self.node.rollOut() else {
            return AdminError.refused("nothing was rolled out in waves yet").answer
        }
        return .report(report)
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
        case .failure(let answer): answer.value
        case .success(let submission):
            await Self.answer { () async throws(AdminError) in try await run(submission) }
        }
    }

    private static func answer(
        _ run: () async throws(AdminError) -> AdminAnswer
    ) async -> AdminAnswer {
        do throws(AdminError) {
            return try await run()
        } catch {
            return error.answer
        }
    }

    /// 202 while it is on fewer nodes than it has to be, else 201.
    private static func answer(to report: ApplyReport) -> AdminAnswer {
        .report(report, status: report.confirmed ? 201 : 202)
    }

    private struct Refusal: Error {
        let value: AdminAnswer
    }

    /// Within which limits the change is rolled out; `nil` when `guard` and `hold` are not given.
    private static func limits(
        _ exchange: AdminExchange
    ) throws(RollOutLimits.GuardError) -> RollOutLimits? {
        let text = exchange.query["guard"]
        let hold = exchange.query["hold"]
        guard text != nil || hold != nil else { return nil }
        return try RollOutLimits(
            guarding: text ?? "",
            holdSeconds: hold.map { Double($0) ?? .nan } ?? RollOutLimits.usualHold
        )
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
        case .text(let text, let document):
            var submission = Submission(text: text, name: exchange.query["name"] ?? "config")
            submission.document = document
            submission.message = exchange.query["message"] ?? ""
            submission.author = exchange.author
            submission.expectedHash = exchange.query["base"]
            submission.selectTags = (exchange.query["select_tags"] ?? "")
                .split(separator: ",").map(String.init)
            do throws(RollOutLimits.GuardError) {
                submission.rollOut = try Self.limits(exchange)
            } catch {
                let report = FailureReport(code: "MESH111", message: error.description)
                return .failure(Refusal(value: .report(report, status: 400)))
            }
            return .success(submission)
        }
    }
}

extension Restoration {
    /// What a request says of it.
    init(_ exchange: AdminExchange) {
        self.init()
        self.author = exchange.author
        self.message = exchange.query["message"] ?? ""
        self.expectedHash = exchange.query["base"]
    }
}

import Foundation
import MeshEntities
import MeshReports

/// Our own paths, `/mesh/…`: what this node believes, and the few things it can be told to do.
struct MeshPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] { self.reads + self.writes }

    private var reads: [AdminPath] {
        let write = AdminPath.Method(name: "POST") { await self.setUpgrade($0) }
        return [
            .reading("mesh/members") { _ in .report(await self.node.members()) },
            .reading("mesh/members/:member") { await self.member($0.parameters[0]) },
            .reading("mesh/regions") { _ in .report(await self.node.regions()) },
            .reading("mesh/health") { await self.health($0.query["upstream"]) },
            .reading("mesh/health/:upstream") { await self.health($0.parameters[0]) },
            .reading("mesh/reachability") { _ in .report(await self.node.reachability()) },
            .reading("mesh/rtt/:from/:to") { await self.roundTrip($0.parameters) },
            .reading("mesh/keys") { _ in .report(await self.node.keys()) },
            .reading("mesh/status") { _ in .report(await self.node.status()) },
            .reading("mesh/upgrade", writes: [write]) { _ in await self.upgrade() },
            .reading("mesh/protocol") { _ in .report(await self.node.protocolVersions()) },
            .reading("mesh/events") { await self.events($0) },
        ]
    }

    private var writes: [AdminPath] {
        [
            .posting("mesh/nodes/:node/drain") { await self.setMode(.draining, $0) },
            .posting("mesh/nodes/:node/resume") { await self.setMode(.normal, $0) },
            .posting("mesh/protocol/finalize") { await self.finalizeProtocol($0) },
            .posting("mesh/keys/stage") { await self.rotate(.stage, $0) },
            .posting("mesh/keys/:epoch/activate") { exchange in
                await self.rotate(Int(exchange.parameters[0]).map { .activate($0) }, exchange)
            },
            .posting("mesh/keys/:epoch/retire") { exchange in
                await self.rotate(Int(exchange.parameters[0]).map { .retire($0) }, exchange)
            },
            .posting("mesh/nodes/:node/forget") { await self.dismiss($0, forgetting: true) },
            .posting("mesh/nodes/:node/force-leave") { await self.dismiss($0, forgetting: false) },
        ]
    }

    private func member(_ key: String) async -> AdminAnswer {
        let members = await self.node.members().members
        guard let member = members.first(where: { $0.name == key || $0.id == key }) else {
            return AdminError.unknownNode(key).answer
        }
        return .report(member)
    }

    private func roundTrip(_ ends: [String]) async -> AdminAnswer {
        do throws(AdminError) {
            return .report(try await self.node.roundTrip(from: ends[0], to: ends[1]))
        } catch {
            return error.answer
        }
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

    private func upgrade() async -> AdminAnswer {
        guard let upgrade = await self.node.upgrade() else {
            return .report(
                FailureReport(
                    code: "MESH104",
                    message: "no upgrade was begun; begin one: meshctl upgrade run"
                ),
                status: 404
            )
        }
        return .report(upgrade)
    }

    private func setUpgrade(_ exchange: AdminExchange) async -> AdminAnswer {
        guard
            let upgrade = try? ReportJSON.decode(UpgradeReport.self, from: Data(exchange.body))
        else { return .message("the body is no upgrade", status: 400) }
        do throws(AdminError) {
            try await self.node.setUpgrade(upgrade)
            return .report(upgrade)
        } catch {
            return error.answer
        }
    }

    private func finalizeProtocol(_ exchange: AdminExchange) async -> AdminAnswer {
        do throws(AdminError) {
            return .report(try await self.node.finalizeProtocol(author: exchange.author))
        } catch {
            return error.answer
        }
    }

    private func events(_ exchange: AdminExchange) async -> AdminAnswer {
        let last = exchange.headers["last-event-id"] ?? exchange.query["after"]
        return AdminAnswer(
            status: 200,
            body: .events(await self.node.events(after: last.flatMap { UInt64($0) }))
        )
    }

    private func rotate(_ step: KeyStep?, _ exchange: AdminExchange) async -> AdminAnswer {
        guard let step else {
            return AdminError.refused("an epoch is a number; see meshctl keys list").answer
        }
        do throws(AdminError) {
            let isForced = exchange.query["force"] == "true"
            return .report(try await self.node.rotateKeys(step, isForced: isForced))
        } catch {
            return error.answer
        }
    }

    private func dismiss(_ exchange: AdminExchange, forgetting: Bool) async -> AdminAnswer {
        do throws(AdminError) {
            return .report(
                try await self.node.dismiss(exchange.parameters[0], forgetting: forgetting)
            )
        } catch {
            return error.answer
        }
    }

    private func setMode(_ mode: MemberReport.Mode, _ exchange: AdminExchange) async -> AdminAnswer
    {
        do throws(AdminError) {
            let name = exchange.parameters[0]
            return .report(try await self.node.setMode(mode, of: name, author: exchange.author))
        } catch {
            return error.answer
        }
    }
}

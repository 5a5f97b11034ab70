import Foundation
import MeshAdmin
import MeshDataPlane
import MeshReports

/// Everything that the dashboard shows, by key, each as JSON.
///
/// What changes all the time, such as ages, is left out or rounded, so that a fact is told again only
/// when there is something to see.
struct BoardFacts {
    /// Events, and changesets, that are shown.
    private static let (eventLimit, changesetLimit) = (200, 30)

    let node: NodeAdmin
    let steps: [TrafficHistory.Step]

    /// Reads them.
    func read() async -> [String: String] {
        var facts: [String: String] = [:]
        let status = await self.node.status()
        let members = await self.node.members().members
        Self.put(BoardNode(status, self.node.identity), at: "node", into: &facts)
        for member in members {
            Self.put(BoardMember(member), at: "member/\(member.id)", into: &facts)
        }
        for region in status.regions { Self.put(region, at: "region/\(region.name)", into: &facts) }
        await self.readTargets(members: members.count, into: &facts)
        await self.readChanges(into: &facts)
        for step in self.steps {
            Self.put(BoardStep(step), at: "step/\(step.number)", into: &facts)
        }
        for event in self.node.eventLog.kept(last: Self.eventLimit, where: { _ in true }) {
            Self.put(event, at: "event/\(event.id)", into: &facts)
        }
        return facts
    }

    private func readTargets(members: Int, into facts: inout [String: String]) async {
        for upstream in await self.node.health(of: nil).upstreams {
            for (index, target) in upstream.targets.enumerated() {
                let fact = BoardTarget(target, order: index, of: upstream, members: members)
                let address = target.address ?? ""
                Self.put(
                    fact,
                    at: "target/\(upstream.id)/\(target.target)/\(address)",
                    into: &facts
                )
            }
        }
    }

    private func readChanges(into facts: inout [String: String]) async {
        let standing = await self.node.configurationStatus(including: "").nodes
        self.node.boardKeeper.note(standing)
        for var node in standing {
            node.ageSeconds = nil
            Self.put(node, at: "standing/\(node.name)", into: &facts)
        }
        for (name, changes) in self.node.boardKeeper.lanes {
            Self.put(BoardLane(name: name, changes: changes), at: "lane/\(name)", into: &facts)
        }
        let history = await self.node.history(last: Self.changesetLimit)
        for (index, changeset) in history.changesets.enumerated() {
            Self.put(
                BoardChangeset(changeset, order: index),
                at: "changeset/\(changeset.id)",
                into: &facts
            )
        }
        if let upgrade = await self.node.upgrade() {
            Self.put(upgrade, at: "upgrade", into: &facts)
        }
        if let rollOut = await self.node.rollOut() {
            Self.put(rollOut, at: "roll-out", into: &facts)
        }
    }

    private static func put(
        _ value: some Encodable,
        at key: String,
        into facts: inout [String: String]
    ) {
        guard let data = try? ReportJSON.encode(value) else { return }
        facts[key] = String(decoding: data, as: UTF8.self)
    }
}

/// The node that serves the page, and what it thinks of itself and the mesh.
private struct BoardNode: Encodable {
    let name: String
    let region: String
    let version: String
    let cluster: String
    let ready: Bool
    let readiness: String
    let config: ConfigurationVersion
    let configAgreed: Bool
    let configFileDiffers: Bool
    let troubles: [TroubleReport]

    init(_ status: StatusReport, _ identity: NodeIdentity) {
        self.name = identity.name
        self.region = status.node.region
        self.version = identity.version
        self.cluster = status.cluster
        self.ready = status.ready
        self.readiness = status.readiness
        self.config = status.node.config
        self.configAgreed = status.configAgreed
        self.configFileDiffers = status.configFileDiffers
        self.troubles = status.troubles
    }
}

/// A member, without what changes all the time.
private struct BoardMember: Encodable {
    let id: String
    let name: String
    let region: String
    let zone: String
    let address: String
    let adminAddress: String
    let state: String
    let mode: String
    let version: String
    let config: ConfigurationVersion
    let isAsked: Bool
    let incarnation: UInt64
    /// In twentieths, from 0 to 1.
    let load: Double?
    let inFlight: Int?
    /// To two digits.
    let rttMs: Double?
    let note: String

    init(_ member: MemberReport) {
        self.id = member.id
        self.name = member.name
        self.region = member.region
        self.zone = member.zone
        self.address = member.address
        self.adminAddress = member.adminAddress ?? ""
        self.state = member.state.rawValue
        self.mode = member.mode.rawValue
        self.version = member.version
        self.config = member.config
        self.isAsked = member.isAsked
        self.incarnation = member.incarnation
        self.load = member.load.map { ($0 * 20).rounded() / 20 }
        self.inFlight = member.inFlight
        self.rttMs = member.rttMs.map(Self.twoDigits)
        // The note of a member that is gone counts seconds.
        self.note = member.state == .alive ? member.note : ""
    }

    private static func twoDigits(_ value: Double) -> Double {
        guard value > 0 else { return 0 }
        let scale = pow(10, (log10(value)).rounded(.down) - 1)
        return (value / scale).rounded() * scale
    }
}

/// A target with what every node has seen of it.
private struct BoardTarget: Encodable {
    /// Members above which only nodes with something against a target are told.
    private static let membersInFull = 100

    let upstream: String
    let order: Int
    let target: String
    let address: String
    let weight: Int
    let region: String
    let verdict: String
    let factor: Double
    let reason: String
    let observers: Int
    let cells: [Cell]

    /// What one node has seen.
    struct Cell: Encodable {
        let node: String
        let state: String
        let failures: UInt64
        let why: String
    }

    init(
        _ report: TargetHealthReport,
        order: Int,
        of upstream: UpstreamHealthReport,
        members: Int
    ) {
        self.upstream = upstream.name
        self.order = order
        self.target = report.target
        self.address = report.address ?? ""
        self.weight = report.weight
        self.region = report.region
        self.verdict = report.verdict.rawValue
        self.factor = (report.factor * 100).rounded() / 100
        self.reason = report.reason
        self.observers = report.observations.count
        let isInFull = members <= Self.membersInFull
        self.cells = report.observations.filter { isInFull || $0.state != .ok }.map {
            Cell(
                node: $0.observer,
                state: $0.state.rawValue,
                failures: $0.failures,
                why: $0.lastFailure ?? ""
            )
        }
    }
}

/// A changeset with its place in the history.
private struct BoardChangeset: Encodable {
    /// 0 is the newest.
    let order: Int
    let changeset: ChangesetReport

    init(_ changeset: ChangesetReport, order: Int) {
        self.changeset = changeset
        self.order = order
    }
}

/// What a node routed by in the last minutes.
private struct BoardLane: Encodable {
    let name: String
    let changes: [ConfigurationLanes.Change]
}

/// A step of the traffic: `[requests, errors, p50, p99]`, times in microseconds.
private struct BoardStep: Encodable {
    let number: UInt64
    let at: UInt64
    let seconds: Int
    let all: [UInt64]
    let services: [Service]

    /// What one service has answered.
    struct Service: Encodable {
        let name: String
        let figures: [UInt64]
    }

    init(_ step: TrafficHistory.Step) {
        self.number = step.number
        self.at = step.wallMilliseconds
        self.seconds = TrafficHistory.stepSeconds
        self.all = Self.figures(step.all)
        self.services = step.services.sorted { $0.key < $1.key }.map {
            Service(name: $0.key, figures: Self.figures($0.value))
        }
    }

    private static func figures(_ summary: TrafficHistory.Summary) -> [UInt64] {
        [summary.requests, summary.errors, summary.p50, summary.p99]
    }
}

import MeshAdmin
import MeshMembership
import MeshObservations
import MeshPrimitives
import MeshReports
import MeshTransport

extension NodeAdmin {
    /// Members that one question tries at most.
    private static let reachLimit = 256

    func reachability() async -> ReachabilityReport {
        let members = await self.currentMembers()
        let others = members.reports.filter { $0.state != .left && !$0.isAsked }
        let tried = others.prefix(Self.reachLimit)
        let reaches = await self.cluster.reach(tried.compactMap { NodeID($0.id) })
        let found = Dictionary(reaches.map { ($0.node.description, $0) }) { first, _ in first }
        let paths = tried.map { member in
            var path = PathReport(
                name: member.name,
                region: member.region,
                address: member.address,
                state: member.state
            )
            path.udpMs = found[member.id]?.datagram?.inMilliseconds
            path.tcpMs = found[member.id]?.stream?.inMilliseconds
            return path
        }
        return ReachabilityReport(
            paths: paths,
            untried: others.count - tried.count,
            view: members.view
        )
    }

    func roundTrip(
        from one: String,
        to other: String
    ) async throws(AdminError) -> RoundTripReport {
        let members = await self.cluster.members()
        let ends = [one, other].map { name in
            members.first { $0.profile.name == name || $0.id.description == name }
        }
        guard let from = ends[0] else { throw .unknownNode(one) }
        guard let to = ends[1] else { throw .unknownNode(other) }
        var report = RoundTripReport(
            from: from.profile.name,
            to: to.profile.name,
            node: self.identity.name
        )
        guard from.id != to.id else {
            report.milliseconds = 0
            report.isMeasured = true
            return report
        }
        let far = from.id == self.node ? to : (to.id == self.node ? from : nil)
        if let measured = far?.roundTrip {
            report.milliseconds = measured.inMilliseconds
            report.isMeasured = true
            return report
        }
        let coordinates = await self.cluster.coordinates()
        guard let start = coordinates[from.id], let end = coordinates[to.id],
            min(start.error, end.error) < NetworkCoordinate.errorLimit
        else { return report }
        report.milliseconds = start.roundTrip(to: end).inMilliseconds
        report.error = Double(max(start.error, end.error))
        return report
    }
}

extension Duration {
    fileprivate var inMilliseconds: Double { self / .milliseconds(1) }
}

import MeshAdmin
import MeshDataPlane
import MeshMembership
import MeshPrimitives
import MeshReports
import MeshTransport

extension NodeAdmin {
    /// What keeps this node from its mesh or its disk now.
    func troubles(_ members: [MemberReport]) async -> [TroubleReport] {
        let status = await self.cluster.status()
        var troubles = self.seeds.failures.map { seed, reason in
            TroubleReport(kind: .seed, subject: seed, message: reason)
        }
        let present = members.filter { $0.state == .alive || $0.state == .suspect }
        for trouble in status.troubles {
            let address = "\(trouble.endpoint)"
            let member = present.first { $0.address == address && !$0.isAsked }
            let seed = self.seeds.seed(at: trouble.endpoint)
            switch trouble.path {
            case .name:
                troubles.append(
                    TroubleReport(kind: .name, subject: address, message: trouble.cause)
                )
            case .stranger:
                troubles.append(
                    TroubleReport(
                        kind: .stranger,
                        subject: "\(trouble.endpoint.address)",
                        message: trouble.cause
                    )
                )
            case .mesh, .version:
                let kind: TroubleReport.Kind = trouble.path == .mesh ? .mesh : .version
                troubles.append(
                    TroubleReport(kind: kind, subject: seed ?? address, message: trouble.cause)
                )
            case .twin:
                troubles.append(
                    TroubleReport(
                        kind: .twin,
                        subject: "\(self.nodeSettings.advertisedGossip)",
                        message: trouble.cause
                    )
                )
            case .stream where member == nil && seed != nil:
                troubles.append(
                    TroubleReport(kind: .seed, subject: seed ?? address, message: trouble.cause)
                )
            case .stream where member == nil: continue
            case .stream, .send, .datagrams, .socket:
                let words =
                    switch trouble.path {
                    case .stream: "streams (TCP) do not open: "
                    case .send: "datagrams (UDP) cannot be sent: "
                    case .datagrams, .socket, .name, .twin, .mesh, .version, .stranger: ""
                    }
                troubles.append(
                    TroubleReport(
                        kind: .path,
                        subject: address,
                        message: (member.map { "\($0.name): " } ?? "") + words + trouble.cause
                    )
                )
            }
        }
        await self.add(status, to: &troubles)
        troubles += Self.troubles(
            of: self.dataPlane.certificateEnds,
            seconds: Int(NodeClock.wallMilliseconds / 1_000)
        )
        return troubles
    }

    /// Certificates that have ended or soon will, at a time in Unix seconds.
    static func troubles(of ends: [CertificateEnd], seconds now: Int) -> [TroubleReport] {
        ends.compactMap { end in
            let left = end.notAfter - now
            guard left < Self.noticeSeconds else { return nil }
            let time = Timestamp.text(milliseconds: UInt64(max(0, end.notAfter)) * 1_000)
            return TroubleReport(
                kind: left < Self.urgentSeconds ? .certificateEnded : .certificateEnds,
                subject: end.name,
                message: "\(end.use.rawValue) \(end.id) \(left < 0 ? "ended" : "ends") on \(time)"
            )
        }
    }

    /// How long before its end a certificate is told of: 14 days, and when it is urgent: 3.
    private static let noticeSeconds = 14 * 86_400
    private static let urgentSeconds = 3 * 86_400

    /// What the membership says of this node's own place in the mesh, and what its disk says.
    private func add(_ status: ClusterStatus, to troubles: inout [TroubleReport]) async {
        if status.isIsolated {
            troubles.append(
                TroubleReport(
                    kind: .isolation,
                    subject: self.identity.name,
                    message: "most of this node's probes fail: it is its own network rather than "
                        + "that of the others"
                )
            )
        }
        if status.isWithdrawn {
            troubles.append(
                TroubleReport(
                    kind: .isolation,
                    subject: self.identity.name,
                    message: "most of this node's own pings are lost, so it has withdrawn and "
                        + "counts as failed until its network is well for half a minute or longer"
                )
            )
        }
        if status.isFull {
            troubles.append(
                TroubleReport(
                    kind: .table,
                    subject: self.identity.name,
                    message: "the member table is full with \(status.membership.members) entries; "
                        + "\(status.membership.membersRefused) newcomers were not taken in"
                )
            )
        }
        if let fault = status.diskFault {
            troubles.append(
                TroubleReport(
                    kind: .disk,
                    subject: self.nodeSettings.node.dataDirectory,
                    message: "changes cannot be saved, so none is taken: \(fault)"
                )
            )
        }
        if case .refused = status.admission, let reason = await self.exclusion() {
            troubles.removeAll { $0.kind == .name }
            troubles.append(
                TroubleReport(kind: .name, subject: self.identity.name, message: reason)
            )
        }
    }
}

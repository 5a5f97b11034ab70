public import MeshReports

/// The named checks of `meshctl check`: pure judgements over one node's reports.
public struct Checkup: Sendable {
    private let status: StatusReport
    private let members: [MemberReport]
    private let config: ConfigurationStatusReport
    private let health: HealthReport
    private let clocks: [String: ClockReading]

    /// Creates a run over answers of one node, and over what the clocks of some showed, by name.
    public init(
        status: StatusReport,
        members: MembersReport,
        config: ConfigurationStatusReport,
        health: HealthReport,
        clocks: [String: ClockReading] = [:]
    ) {
        self.clocks = clocks
        self.status = status
        self.members = members.members.filter { $0.state != .left }
        self.config = config
        self.health = health
    }

    /// All checks, in order.
    public var report: ChecksReport {
        ChecksReport(
            checks: self.cluster + self.targets + self.security + self.node,
            view: self.status.view
        )
    }

    private var cluster: [CheckReport] {
        let group = "cluster"
        let thin = self.status.regions.filter { $0.members > 0 && $0.usable < 2 }
        let empty = thin.filter { $0.usable == 0 }
        let failed = self.members.filter { $0.state == .failed }.map { "\($0.name) is down" }
        let suspect = self.members.filter { $0.state == .suspect }.map { "\($0.name) is suspect" }
        // Who is cut off itself accuses nobody.
        let isIsolated = !self.troubles(.isolation).isEmpty
        let out = self.members.filter { $0.state == .alive && $0.mode != .normal }.map(\.name)
        let alive = self.config.nodes.filter { $0.member == .alive }
        // Who is cut off from here, or has told nothing, is not accused of an old configuration.
        let cut = Set(
            self.members.filter { self.subjects(.path).contains($0.address) }.map(\.name)
        )
        let differing = alive.filter { $0.config.hash != self.config.config.hash }
        let silent = differing.filter { $0.state == .unknown || cut.contains($0.name) }
        let behind = Set(differing.map(\.name)).subtracting(silent.map(\.name)).sorted()
        let rejecting = self.config.nodes.filter { $0.state == .rejected }
        let versions = Set(self.members.filter { $0.state == .alive }.map(\.version)).sorted()
        return [
            Self.check(
                "MESH001",
                group,
                "all regions have at least 2 usable nodes",
                failed: empty.map { "\($0.name) has none" },
                warnings: thin.map { "\($0.name) has 1" },
                hint: "meshctl members; start or resume a node there"
            ),
            Self.check(
                "MESH002",
                group,
                "every member answers",
                failed: isIsolated ? [] : failed,
                warnings: (isIsolated ? failed : []) + suspect,
                hint: "meshctl member NODE says who misses it; it comes back by itself when it "
                    + "answers, and meshctl forget NODE takes one off that never will"
            ),
            Self.check(
                "MESH003",
                group,
                "no member is taken out",
                warnings: out,
                hint: "meshctl resume NODE"
            ),
            Self.check(
                "MESH004",
                group,
                "config versions agree",
                failed: behind,
                warnings: silent.map { "\($0.name) does not tell" },
                hint: "meshctl config status --wait; it should settle within a second"
            ),
            Self.check(
                "MESH005",
                group,
                "no node rejects the configuration",
                failed: rejecting.map { "\($0.name): \($0.reason)" },
                hint: "upgrade that node, or apply a configuration that it accepts"
            ),
            Self.check(
                "MESH006",
                group,
                "all members run the same version",
                warnings: versions.count > 1 ? versions : [],
                hint: "finish the upgrade"
            ),
        ] + self.connections(group)
    }

    private func connections(_ group: String) -> [CheckReport] {
        let seeds = self.troubles(.seed)
        let isAlone = self.members.count { $0.state == .alive } < 2
        return [
            Self.check(
                "MESH007",
                group,
                "every member has its own name",
                failed: self.status.troubles.filter { $0.kind == .name }.map(\.message),
                hint: "give one of the two another node.name, and start it again"
            ),
            Self.check(
                "MESH008",
                group,
                "every seed answers",
                failed: isAlone ? seeds : [],
                warnings: seeds,
                hint: "check gossip.seeds, DNS, and the key ring and gossip.cluster there"
            ),
            Self.check(
                "MESH015",
                group,
                "nobody of another mesh is among the seeds",
                failed: self.troubles(.mesh),
                passed: self.status.mesh,
                hint: "meshctl status shows the mesh of a node; two meshes need two names "
                    + "(gossip.cluster) and two key rings"
            ),
            Self.check(
                "MESH017",
                group,
                "every node that calls speaks a protocol version that this one does",
                failed: self.troubles(.version),
                hint: "meshctl upgrade status shows who speaks what; upgrade the older"
            ),
            Self.check(
                "MESH016",
                group,
                "there is room for more members",
                failed: self.troubles(.table),
                hint:
                    "meshctl forget NODE for those that never come back; a mesh has 16,384 members "
                    + "at most, those that left within 72 h included"
            ),
            Self.check(
                "MESH009",
                group,
                "gossip gets through to every member",
                failed: self.troubles(.path),
                hint: "open the gossip port for both UDP and TCP, in both directions"
            ),
            Self.check(
                "MESH014",
                group,
                "this node's own network works",
                failed: self.troubles(.isolation),
                hint: "look at this machine's network; it accuses nobody meanwhile"
            ),
            Self.check(
                "MESH013",
                group,
                "no copy of this node runs elsewhere",
                failed: self.troubles(.twin),
                hint: "stop one of the two, remove the copy's data_dir, and start it again"
            ),
            self.agreement(ofClocks: group),
        ]
    }

    /// Other clocks against that of the node asked.
    private func agreement(ofClocks group: String) -> CheckReport {
        let own = self.clocks[self.status.node.name]
        let astray = self.clocks.sorted { $0.key < $1.key }.compactMap { name, clock in
            let lead = own.map { clock.lead(over: $0) } ?? 0
            guard lead.magnitude >= Self.clockTolerance else { return nil as String? }
            let seconds = Words.tenths(Double(lead.magnitude) / 1_000)
            return "\(name) is \(seconds) s \(lead > 0 ? "ahead" : "behind")"
        }
        let compared = self.clocks.keys.count { $0 != self.status.node.name }
        let others = self.members.count {
            $0.state == .alive && $0.name != self.status.node.name
        }
        var unread: [String] = []
        if own == nil {
            unread = ["the node asked does not tell its clock"]
        } else if compared == 0, others > 0 {
            unread = ["no other node's clock could be read"]
        }
        return Self.check(
            "MESH040",
            group,
            "clocks agree within half a second",
            failed: astray,
            warnings: unread,
            passed: "\(compared) compared with this node's",
            hint: "let a time service run on every node; if most are astray, look at this one's"
        )
    }

    /// How far two clocks may be apart, in milliseconds.
    private static let clockTolerance: UInt64 = 500

    private func troubles(_ kind: TroubleReport.Kind) -> [String] {
        self.status.troubles.filter { $0.kind == kind }.map { "\($0.subject): \($0.message)" }
    }

    private func subjects(_ kind: TroubleReport.Kind) -> Set<String> {
        Set(self.status.troubles.filter { $0.kind == kind }.map(\.subject))
    }

    private var targets: [CheckReport] {
        let group = "targets"
        let all = self.health.upstreams.flatMap(\.targets)
        let dead = self.health.upstreams.filter { upstream in
            let wanted = upstream.targets.filter { $0.weight > 0 }
            return !wanted.isEmpty && wanted.allSatisfy { $0.factor == 0 }
        }
        let excluded = all.filter { $0.verdict == .excluded }.map(\.target)
        return [
            Self.check(
                "MESH010",
                group,
                "every upstream has a target that takes traffic",
                failed: dead.map(\.name),
                hint: "meshctl health UPSTREAM shows who saw what"
            ),
            Self.check(
                "MESH011",
                group,
                "every target takes traffic",
                warnings: excluded,
                hint: "meshctl health shows who saw what"
            ),
            Self.check(
                "MESH012",
                group,
                "every target's name resolves",
                failed: all.filter { $0.verdict == .unresolved }.map(\.target),
                hint: "check the name and the node's resolver"
            ),
        ]
    }

    private var security: [CheckReport] {
        let group = "security"
        let keys = self.status.gossipKeys
        let rejected = self.status.rejected.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        return [
            Self.check(
                "MESH020",
                group,
                "one gossip key in use",
                failed: keys == 0 ? ["the ring is empty"] : [],
                warnings: keys > 1 ? ["\(keys) keys, a rotation is under way"] : [],
                hint: keys == 0
                    ? "give every node the same key ring: gossip.keyring"
                    : "meshctl keys list; retire the old key when every node has the new one"
            ),
            Self.check(
                "MESH021",
                group,
                "nobody sends gossip that does not open",
                warnings: self.troubles(.stranger) + rejected.map { "\($0.value) \($0.key)" },
                hint: "a node with another key ring or cluster name, or a stranger on the network"
            ),
            Self.check(
                "MESH022",
                group,
                "certificates are valid for 14 days or more",
                failed: self.troubles(.certificateEnded),
                warnings: self.troubles(.certificateEnds),
                hint: "apply the configuration with new certificates: meshctl config apply FILE"
            ),
        ]
    }

    private var node: [CheckReport] {
        let group = "node \(self.status.node.name)"
        var checks = [
            Self.check(
                "MESH042",
                group,
                "it takes traffic",
                failed: self.status.ready ? [] : [self.status.readiness],
                hint: "meshctl config apply FILE, or meshctl resume \(self.status.node.name)"
            ),
            Self.check(
                "MESH043",
                group,
                "its config: file is what it routes by",
                warnings: self.status.configFileDiffers ? ["the file says something else"] : [],
                hint: "meshctl config diff FILE; apply it, or put what is live into it "
                    + "(meshctl config get)"
            ),
            Self.check(
                "MESH044",
                group,
                "its disk takes what is written",
                failed: self.troubles(.disk),
                hint: "make room, or make it writable; the node saves again by itself"
            ),
        ]
        if let open = self.status.openFiles, let limit = self.status.openFileLimit, limit > 0 {
            let words = "\(open) of \(limit)"
            checks.append(
                Self.check(
                    "MESH041",
                    group,
                    "file descriptors below 70 %",
                    failed: Double(open) >= 0.7 * Double(limit) ? [words] : [],
                    passed: words,
                    hint: "raise LimitNOFILE of the service"
                )
            )
        }
        return checks.sorted { $0.code < $1.code }
    }

    /// Fails with `failed`, else warns with `warnings`, else passes.
    private static func check(
        _ code: String,
        _ group: String,
        _ title: String,
        failed: [String] = [],
        warnings: [String] = [],
        passed: String = "",
        hint: String
    ) -> CheckReport {
        let troubles = failed.isEmpty ? warnings : failed
        var check = CheckReport(
            code: code,
            group: group,
            title: title,
            outcome: failed.isEmpty ? (warnings.isEmpty ? .passed : .warning) : .failed
        )
        check.detail = troubles.isEmpty ? passed : troubles.joined(separator: ", ")
        check.hint = troubles.isEmpty ? "" : hint
        return check
    }
}

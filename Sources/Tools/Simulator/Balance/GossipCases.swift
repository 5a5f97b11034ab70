import MeshHealth
import MeshObservations

/// What it costs to tell each other of targets, whatever happens to them.
enum GossipCases {
    /// Bytes a second that a node may send on average while nothing, or one thing, happens: 2 KiB for
    /// words of targets, and as much for what stands behind them, which is one lane here.
    private static let limit = 4_096
    /// While targets come and go all the time: what the lane's datagrams may take, and an eighth for
    /// their envelopes, and as much for streams.
    private static let stormLimit = ObservationConfiguration().datagramRate * 5 / 4
    private static let targets = 200
    /// Seconds before bytes count, and in which they do.
    private static let settling: Int64 = 20
    private static let span: Int64 = 60

    enum Scene: String, CaseIterable {
        case calm
        /// All targets of a region are lost at once, for good.
        case lost = "a region lost"
        /// Every tenth target comes and goes, three seconds each.
        case flapping
        /// Targets and whole regions fail and return all the time.
        case storm
    }

    static func run(
        seed: UInt64,
        plant: BalanceMistake? = nil,
        scenes: [Scene] = Scene.allCases
    ) -> [BalanceFinding] {
        var texts: [String] = []
        var isKept = true
        for scene in scenes {
            let rates = [6, 30].map { nodes in
                Self.rate(scene, nodes: nodes, isChatty: plant == .chatter, seed: seed)
            }
            let limit = scene == .calm || scene == .lost ? Self.limit : Self.stormLimit
            isKept = isKept && rates.allSatisfy { $0 <= limit }
            texts.append("\(scene.rawValue) \(rates[0]) and \(rates[1]) (at most \(limit))")
        }
        return [
            BalanceFinding(
                name: "B-I15",
                text: "bytes a second that a node sends of 200 targets, on average of 6 and of 30: "
                    + texts.joined(separator: ", "),
                isKept: isKept
            )
        ]
    }

    /// Bytes a second and node, over a minute.
    private static func rate(_ scene: Scene, nodes: Int, isChatty: Bool, seed: UInt64) -> Int {
        var configuration = ObservationConfiguration()
        if isChatty { configuration.roundInterval = .milliseconds(100) }
        let words = Self.words(scene, nodes: nodes, seed: seed)
        var fleet = GossipFleet(
            nodes: nodes,
            loss: 10,
            configuration: configuration,
            seed: seed
        ) { node, second in words[node]?[second] }
        fleet.run(seconds: Self.settling)
        fleet.forget()
        fleet.run(seconds: Self.span)
        return fleet.sent.reduce(0, +) / Int(Self.span) / nodes
    }

    /// What the health machines of a fleet say, by node, then by second.
    private static func words(
        _ scene: Scene,
        nodes: Int,
        seed: UInt64
    ) -> [Int: [Int: ObserverVotes]] {
        guard scene != .calm else { return [:] }
        var script = FleetHistory.Script()
        script.nodes = nodes
        script.targetsPerRegion = Self.targets / 2
        script.keepsWords = true
        script.loss = 10
        if scene == .storm { script.faultsEvery = 1 }
        var history = FleetHistory(script, seed: seed)
        history.run(seconds: Self.settling)
        if scene == .lost { history.lose(Self.targets / 2, of: "eu") }
        for second in 0..<Self.span {
            if scene == .flapping, second % 3 == 0 { history.flap() }
            history.run(seconds: 1)
        }
        var words: [Int: [Int: ObserverVotes]] = [:]
        for word in history.words {
            words[word.node, default: [:]][word.second] = ObserverVotes(word.report)
        }
        return words
    }
}

extension ObserverVotes {
    /// A report as the mesh carries it.
    fileprivate init(_ report: HealthReport) {
        self.init()
        self.isAbstaining = report.isAbstaining
        self.votes = report.votes.mapValues { vote in
            TargetVote(
                stance: TargetVote.Stance(rawValue: vote.stance.rawValue) ?? .up,
                reason: vote.reason.rawValue,
                isChecker: vote.isChecker,
                successes: vote.successes,
                failures: vote.failures
            )
        }
    }
}

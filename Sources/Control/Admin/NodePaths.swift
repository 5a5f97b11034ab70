import MeshEntities

/// Kong's paths about the inside of a node: `/timers`, `/status/dns`, `/debug/node/log-level`.
struct NodePaths: Sendable {
    /// Kong's names of levels, with ours.
    private static let levels: [(kong: String, ours: String)] = [
        ("debug", "debug"), ("info", "info"), ("notice", "notice"), ("warn", "warning"),
        ("error", "error"), ("crit", "critical"), ("alert", "critical"), ("emerg", "critical"),
        ("warning", "warning"), ("trace", "trace"),
    ]
    /// Seconds after which a level goes back, unless told.
    private static let defaultTimeout = 60
    /// The longest time that a level may stay: one day.
    private static let timeoutLimit = 86_400

    let node: any AdminNode

    var all: [AdminPath] {
        [
            AdminPath(
                "timers",
                [
                    AdminPath.Method(name: "GET", summary: "Kong's timers; there are none") { _ in
                        Self.timers
                    }
                ]
            ),
            AdminPath(
                "debug/node/log-level",
                [
                    AdminPath.Method(name: "GET", summary: "Read the log level") { _ in
                        await self.level()
                    }
                ]
            ),
            .putting("debug/node/log-level/:level", "Change the log level for a while") {
                await self.setLevel($0)
            },
        ] + self.status + Self.absent
    }

    /// What Kong has and a node without control plane and cache has not, answered as Kong would.
    private static let absent: [AdminPath] =
        ["clustering/data-planes", "clustering/status"].map { path in
            AdminPath(
                path,
                [
                    AdminPath.Method(name: "GET", summary: "Only of a control plane") { _ in
                        .message(
                            "this endpoint is only available when Kong is configured to run as "
                                + "Control Plane for the cluster",
                            status: 400
                        )
                    }
                ]
            )
        } + [
            AdminPath("cache", [.deleting("Nothing is cached") { _ in .empty(204) }]),
            AdminPath(
                "cache/:key",
                [
                    AdminPath.Method(name: "GET", summary: "Nothing is cached") { _ in .notFound },
                    .deleting("Nothing is cached") { _ in .empty(204) },
                ]
            ),
        ]

    /// The reads that the status listener offers too.
    var status: [AdminPath] {
        [
            AdminPath(
                "status/dns",
                [AdminPath.Method(name: "GET", summary: "Not offered", run: { _ in Self.dns })]
            )
        ]
    }

    private static let dns = AdminAnswer.message(
        "not implemented with the legacy DNS client",
        status: 501
    )

    private static let timers = AdminAnswer.document(
        .record([
            "worker": .record(["id": .integer(0), "count": .integer(1)]),
            "stats": .record([
                "flamegraph": .record([
                    "running": .string(""), "pending": .string(""), "elapsed_time": .string(""),
                ]),
                "sys": .record([
                    "total": .integer(0), "runs": .integer(0), "running": .integer(0),
                    "pending": .integer(0), "waiting": .integer(0),
                ]),
                "timers": .object([]),
            ]),
        ])
    )

    private func level() async -> AdminAnswer {
        let ours = await self.node.logLevel()
        let kong = Self.levels.first { $0.ours == ours }?.kong ?? ours
        return .message("log level: \(kong)", status: 200)
    }

    private func setLevel(_ exchange: AdminExchange) async -> AdminAnswer {
        let name = exchange.parameters[0]
        guard let level = Self.levels.first(where: { $0.kong == name })?.ours else {
            return .message("unknown log level: \(name)", status: 400)
        }
        let given = exchange.query["timeout"].flatMap { Double($0) } ?? Double(Self.defaultTimeout)
        guard given >= 0 else {
            return .message("timeout must be greater than or equal to 0", status: 400)
        }
        guard await self.node.logLevel() != level else {
            return .message("log level is already \(name)", status: 200)
        }
        let seconds = Int(min(given.rounded(.up), Double(Self.timeoutLimit)))
        await self.node.setLogLevel(level, for: seconds)
        return .message("log level changed", status: 200)
    }
}

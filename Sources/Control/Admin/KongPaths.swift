import Foundation
import MeshEntities
import MeshPlugins
import MeshReports

/// Kong's paths about the node itself: `/`, `/status`, `/endpoints`, `/plugins/enabled`, `/tags`.
struct KongPaths: Sendable {
    let node: any AdminNode

    var all: [AdminPath] {
        [
            .reading("/") { _ in await self.root() },
            .reading("plugins/enabled") { _ in
                .document(
                    .record([
                        "enabled_plugins": .list(PluginCatalogue.builtNames.map { .string($0) })
                    ])
                )
            },
            .reading("tags") { exchange in await self.tags(exchange, matching: nil) },
            .reading("tags/:tag") { exchange in
                await self.tags(exchange, matching: exchange.parameters[0])
            },
        ] + self.status
    }

    /// `/status` and `/metrics`, which the status listener offers too.
    var status: [AdminPath] {
        [
            .reading("status") { await self.status($0) },
            .reading("metrics") { _ in
                .text(await self.node.metrics(), contentType: MetricsText.contentType)
            },
        ]
    }

    private func root() async -> AdminAnswer {
        let identity = self.node.identity
        let catalogue = await self.node.held().catalogue
        let enabled = Set(
            catalogue.ids(of: .plugins).compactMap { id in
                catalogue.row(.plugins, id)?.document["name"]?.text
            }
        )
        let available = PluginCatalogue.builtNames.map { name in
            DocumentField(
                name,
                .record([
                    "version": .string(KongRelease.version),
                    "priority": DocumentValue(PluginCatalogue.priority(of: name)),
                ])
            )
        }
        let process = Int64(ProcessInfo.processInfo.processIdentifier)
        return .document(
            .record([
                "tagline": .string("Welcome to kong"),
                "version": .string(KongRelease.version),
                "edition": .string("community"),
                "hostname": .string(identity.hostName),
                "node_id": .string(identity.id),
                "lua_version": .string("none"),
                "timers": .record(["running": .integer(0), "pending": .integer(0)]),
                "plugins": .record([
                    "available_on_server": .object(available),
                    "enabled_in_cluster": .list(enabled.sorted().map { .string($0) }),
                ]),
                "configuration": await self.node.settings(),
                "pids": .record([
                    "master": .integer(process), "workers": .list([.integer(process)]),
                ]),
                "meshgate": .record([
                    "version": .string(identity.version), "name": .string(identity.name),
                ]),
            ])
        )
    }

    private func status(_ exchange: AdminExchange) async -> AdminAnswer {
        let traffic = await self.node.traffic()
        let memory: DocumentValue
        do throws(MemoryFigure.Refusal) {
            memory = try MemoryFigure.parse(exchange.query).document(traffic.residentBytes)
        } catch {
            return .message(error.message, status: 400)
        }
        let process = Int64(ProcessInfo.processInfo.processIdentifier)
        return .document(
            .record([
                "memory": .record([
                    "lua_shared_dicts": .object([]),
                    "workers_lua_vms": .list([
                        .record(["pid": .integer(process), "http_allocated_gc": memory])
                    ]),
                ]),
                "server": .record([
                    "connections_accepted": .integer(Int64(clamping: traffic.accepted)),
                    "connections_active": .integer(Int64(traffic.active)),
                    "connections_handled": .integer(Int64(clamping: traffic.handled)),
                    "connections_reading": .integer(Int64(traffic.reading)),
                    "connections_waiting": .integer(Int64(traffic.waiting)),
                    "connections_writing": .integer(Int64(traffic.writing)),
                    "total_requests": .integer(Int64(clamping: traffic.requests)),
                ]),
                "configuration_hash": .string(await self.configurationHash()),
            ])
        )
    }

    /// As in Kong, 32 zeros without any configuration.
    private func configurationHash() async -> String {
        await self.node.held().catalogue.isEmpty
            ? String(repeating: "0", count: 32) : await self.node.configurationVersion().hash
    }

    private func tags(_ exchange: AdminExchange, matching tag: String?) async -> AdminAnswer {
        let catalogue = await self.node.held().catalogue
        let found = EntityKind.allCases.flatMap { kind in
            catalogue.ids(of: kind).flatMap { id in
                catalogue.tags(kind, id).filter { tag == nil || $0 == tag }.map { own in
                    DocumentValue.record([
                        "tag": .string(own), "entity_name": .string(kind.rawValue),
                        "entity_id": .string("\(id)"),
                    ])
                }
            }
        }
        return .document(.record(["data": .list(found), "next": .null]))
    }
}

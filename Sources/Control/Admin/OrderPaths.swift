import Foundation
import MeshReports

/// Our own paths by which operators move traffic, and those that explain how it moved.
struct OrderPaths: Sendable {
    /// How long a region's order holds unless asked otherwise: 2 h.
    private static let duration = 7_200.0
    /// The longest time that may be asked for: 72 h.
    private static let longest = 259_200.0

    let node: any AdminNode

    var all: [AdminPath] { self.reads + self.regions + self.targets }

    private var reads: [AdminPath] {
        [
            .reading("mesh/why/:subject") { exchange in
                let report = await self.node.why(exchange.parameters[0])
                guard report.upstreams.isEmpty else { return .report(report) }
                return Self.unknown(exchange.parameters[0])
            },
            .reading("mesh/balance/:name") { exchange in
                let report = await self.node.balance(of: exchange.parameters[0])
                guard report.upstreams.isEmpty else { return .report(report) }
                return Self.unknown(exchange.parameters[0])
            },
        ]
    }

    private var regions: [AdminPath] {
        RegionOrderReport.Order.allCases.map { order in
            .posting("mesh/regions/:region/\(order.rawValue)") { await self.order(order, $0) }
        }
    }

    private var targets: [AdminPath] {
        TargetOrderReport.Order.allCases.map { order in
            .posting("mesh/upstreams/:upstream/targets/:target/\(order.rawValue)") { exchange in
                let request = TargetOrderRequest(
                    upstream: exchange.parameters[0],
                    target: exchange.parameters[1],
                    order: order,
                    author: exchange.author
                )
                do throws(AdminError) {
                    return .report(try await self.node.order(request))
                } catch {
                    return error.answer
                }
            }
        }
    }

    private func order(
        _ order: RegionOrderReport.Order,
        _ exchange: AdminExchange
    ) async -> AdminAnswer {
        let seconds = exchange.query["for"].map { Double($0) ?? -1 } ?? Self.duration
        guard (1...Self.longest).contains(seconds) else {
            return .report(
                FailureReport(
                    code: "MESH111",
                    message: "'for' is \(exchange.query["for"] ?? ""), but must be 1 to "
                        + "\(Int(Self.longest)) s"
                ),
                status: 400
            )
        }
        let request = RegionOrderRequest(
            region: exchange.parameters[0],
            order: order,
            duration: .seconds(seconds),
            isDryRun: exchange.flag("dry_run"),
            isForced: exchange.flag("force"),
            author: exchange.author
        )
        do throws(AdminError) {
            return .report(try await self.node.order(request))
        } catch {
            return error.answer
        }
    }

    private static func unknown(_ name: String) -> AdminAnswer {
        .report(
            FailureReport(
                code: "MESH104",
                message: "no service, upstream or target is called \(name); "
                    + "list them: meshctl health"
            ),
            status: 404
        )
    }
}

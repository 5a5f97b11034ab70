import Logging
import MeshAdmin
import MeshEntities
import MeshHealth
import MeshPrimitives
import MeshReports

extension NodeAdmin {
    func mark(_ mark: TargetMark) async throws(AdminError) {
        let configuration = await self.configuration()
        let upstream = configuration.upstreams.first { $0.id == mark.upstream }?.name
        let plain = mark.target.replacing("[", with: "").replacing("]", with: "")
        let ids = self.healthService.views().filter { view in
            view.target.upstream == upstream && [mark.target, plain].contains(view.target.name)
                && mark.address.map { $0 == view.target.endpoint.description } ?? true
        }.map(\.target.id)
        guard !ids.isEmpty else {
            throw .refused("no address '\(mark.address ?? mark.target)' is balanced")
        }
        self.healthService.mark(ids, isHealthy: mark.isHealthy)
        self.eventLog.add(
            .health,
            mark.isHealthy ? .targetCalledHealthy : .targetCalledUnhealthy,
            subject: mark.target,
            message: "an operator called \(mark.address ?? mark.target) "
                + (mark.isHealthy ? "healthy" : "unhealthy")
        )
    }

    func logLevel() async -> String { LogThreshold.process.level.rawValue }

    func setLogLevel(_ level: String, for seconds: Int) async {
        guard let known = Logger.Level(rawValue: level) else { return }
        LogThreshold.process.set(known, for: .seconds(seconds))
    }
}

import Logging
import MeshAdmin
import MeshEntities
import MeshHealth
import MeshMembership
import MeshPrimitives
import MeshReports

extension NodeAdmin {
    func mark(_ mark: TargetMark) async throws(AdminError) {
        guard await self.obey(mark) else {
            throw .refused("no address '\(mark.address ?? mark.target)' is balanced")
        }
        let answers = await self.ask(Self.path(of: mark), of: await self.others())
        let silent = answers.filter { $0.answer?.status != 200 }.map(\.member.profile.name).sorted()
        let word = mark.isHealthy ? "healthy" : "unhealthy"
        self.eventLog.add(
            .health,
            mark.isHealthy ? .targetCalledHealthy : .targetCalledUnhealthy,
            subject: mark.target,
            message: "an operator called \(mark.address ?? mark.target) \(word)"
                + (silent.isEmpty ? "" : ", not heard by \(silent.joined(separator: ", "))")
        )
    }

    /// Takes an operator's word about a target here; `false` when none such is balanced.
    private func obey(_ mark: TargetMark) async -> Bool {
        let configuration = await self.configuration()
        let upstream = configuration.upstreams.first { $0.id == mark.upstream }?.name
        let plain = mark.target.replacing("[", with: "").replacing("]", with: "")
        let ids = self.healthService.views().filter { view in
            view.target.upstream == upstream && [mark.target, plain].contains(view.target.name)
                && mark.address.map { $0 == view.target.endpoint.description } ?? true
        }.map(\.target.id)
        if !ids.isEmpty { self.healthService.mark(ids, isHealthy: mark.isHealthy) }
        return !ids.isEmpty
    }

    /// How another node is told an operator's word.
    private static func path(of mark: TargetMark) -> String {
        var path = "/mesh/mark/\(mark.isHealthy ? "healthy" : "unhealthy")"
        path += "?upstream=\(mark.upstream)&target=\(Self.escaped(mark.target))"
        if let address = mark.address { path += "&address=\(Self.escaped(address))" }
        return path
    }

    /// Answers another node that tells an operator's word about a target.
    func respondOfMark(_ word: String, _ arguments: [String: String]) async -> UInt16 {
        guard ["healthy", "unhealthy"].contains(word),
            let upstream = arguments["upstream"].flatMap({ EntityID($0) }),
            let target = arguments["target"]
        else { return 400 }
        let mark = TargetMark(
            upstream: upstream,
            target: target,
            address: arguments["address"],
            isHealthy: word == "healthy"
        )
        return await self.obey(mark) ? 200 : 404
    }

    func logLevel() async -> String { LogThreshold.process.level.rawValue }

    func setLogLevel(_ level: String, for seconds: Int) async {
        guard let known = Logger.Level(rawValue: level) else { return }
        LogThreshold.process.set(known, for: .seconds(seconds))
    }
}

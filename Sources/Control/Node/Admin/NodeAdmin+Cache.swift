import MeshAdmin
import MeshDataPlane
import MeshEntities
import MeshMembership
import MeshTransport
import MeshWire

/// What `proxy-cache` keeps on all nodes.
extension NodeAdmin {
    private static let path = "/mesh/cache"
    /// Characters of a key: a SHA-256 in hexadecimal digits.
    private static let keyLength = 64

    func cachedAnswer(_ key: String) async -> DocumentValue? {
        guard key.utf8.count == Self.keyLength else { return nil }
        if let own = self.dataPlane.cachedAnswer(key) { return own }
        let answers = await self.ask(
            "\(Self.path)/show?key=\(Self.escaped(key))",
            of: await self.others()
        )
        for (_, answer) in answers {
            guard let answer, answer.status == 200 else { continue }
            if let document = try? JSONText.parse(answer.body).value { return document }
        }
        return nil
    }

    func forgetCachedAnswer(_ key: String) async -> CachePurge {
        guard key.utf8.count == Self.keyLength else { return CachePurge(isFound: false) }
        let isOwn = self.dataPlane.forgetCachedAnswer(key)
        return await self.purge(
            "\(Self.path)/forget?key=\(Self.escaped(key))",
            isFound: isOwn
        )
    }

    func forgetCachedAnswers() async -> CachePurge {
        self.dataPlane.forgetCachedAnswers()
        return await self.purge("\(Self.path)/forget", isFound: true)
    }

    /// Every other node says 200 when it forgot, and 204 when it had nothing to forget.
    private func purge(_ path: String, isFound: Bool) async -> CachePurge {
        let answers = await self.ask(path, of: await self.others())
        // A member that failed within the last 72 h may run on where only clients reach it.
        let failed = await self.cluster.members().filter { member in
            member.state == .failed && !answers.contains { $0.member.id == member.id }
        }
        return CachePurge(
            isFound: isFound || answers.contains { $0.answer?.status == 200 },
            silent: answers.filter { $0.answer?.status != 200 && $0.answer?.status != 204 }
                .map(\.member.profile.name),
            failed: failed.map(\.profile.name)
        )
    }

    /// Answers another node about what is kept here.
    func respondOfCache(_ verb: String, key: String?) -> (status: UInt16, body: [UInt8]) {
        switch (verb, key) {
        case ("show", let key?):
            guard let answer = self.dataPlane.cachedAnswer(key) else { return (404, []) }
            return (200, Array(answer.json.utf8))
        case ("forget", let key?):
            return (self.dataPlane.forgetCachedAnswer(key) ? 200 : 204, [])
        case ("forget", nil):
            self.dataPlane.forgetCachedAnswers()
            return (200, [])
        default: return (400, [])
        }
    }
}

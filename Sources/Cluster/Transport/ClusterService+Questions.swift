public import MeshPrimitives
public import MeshWire

/// What nodes ask one another.
extension ClusterService {
    /// Answers a question: the path that is asked for, to status and body.
    public typealias Respond = @Sendable (_ path: String) async -> (status: UInt16, body: [UInt8])

    /// Lets other nodes ask from now on.
    public func answerQuestions(by respond: @escaping Respond) async {
        await self.submit { $0.questions.respond = respond }
    }

    /// Asks a member to read a path there; waits 3 s at most.
    ///
    /// - Returns: its answer; `nil` when none came.
    public func ask(_ path: String, of id: NodeID) async -> PeerAnswer? {
        await self.asked(path, of: id)
    }
}

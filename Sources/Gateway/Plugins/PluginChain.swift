public import MeshEntities
internal import MeshHTTP

/// The plugins of one route, compiled when a configuration is taken over.
///
///     access: step, step, …  --next--> a target is chosen
///                     \--answer-->     \--suspend--> waits --resume--> the step behind
///     response: step, step, …          bodies: step, step, …
///
/// Steps run in Kong's order of priority in every phase. An empty chain costs one comparison and
/// allocates nothing.
public struct PluginChain: Sendable {
    private let steps: [PluginStep]
    /// Whether a step sees bodies.
    public let changesBodies: Bool

    /// Whether a step needs ``PluginRequest/listenAddress``, which costs a system call.
    public let readsListenAddress: Bool

    /// The chain without plugins.
    public static let empty = PluginChain(steps: [])

    /// Whether no plugin has anything to do.
    public var isEmpty: Bool { self.steps.isEmpty }

    /// Orders steps.
    init(steps: [PluginStep]) {
        self.steps = steps.sorted { $0.priority > $1.priority }
        self.changesBodies = steps.contains { $0.changesBodies }
        self.readsListenAddress = steps.contains { step in
            if case .correlation(let step) = step { step.generator == .tracker } else { false }
        }
    }

    /// Compiles what runs for requests of one scope.
    ///
    /// - Throws: ``PluginError`` if a chosen plugin's settings cannot be obeyed.
    public init(compiling plugins: [Plugin], for scope: PluginScope) throws(PluginError) {
        var steps: [PluginStep] = []
        if let plugin = scope.choose("correlation-id", from: plugins) {
            steps.append(.correlation(try CorrelationID(plugin)))
        }
        if let plugin = scope.choose("request-termination", from: plugins) {
            steps.append(.termination(try RequestTermination(plugin)))
        }
        self.init(steps: steps)
    }

    /// Runs the access phase as far as it goes.
    ///
    /// - Parameters:
    ///   - request: What the client sent.
    ///   - step: Where to begin; 0, or where a suspended request goes on.
    ///   - state: Kept by the caller until the response.
    ///   - edits: Takes what changes in the target's head.
    /// - Returns: The verdict, `next` when all steps had their turn, and the step to go on with.
    public func access(
        _ request: PluginRequest,
        from step: Int = 0,
        state: inout PluginState,
        edits: inout PluginEdits
    ) -> (verdict: PluginVerdict, next: Int) {
        var index = step
        while index < self.steps.count {
            let verdict = self.steps[index].access(request, state: &state, edits: &edits)
            index += 1
            if case .next = verdict { continue }
            return (verdict, index)
        }
        return (.next, index)
    }

    /// Runs the response phase: takes what changes in the client's response head.
    ///
    /// Also runs for answers of plugins and for errors of the gateway, as in Kong.
    public func response(_ state: PluginState, edits: inout PluginEdits) {
        for step in self.steps { step.response(state, edits: &edits) }
    }

    /// Runs the body phase for one plain piece.
    ///
    /// - Parameters:
    ///   - side: whose body it is of.
    ///   - plain: the piece; may be empty.
    ///   - isLast: whether it ends the body.
    ///   - rooms: two buffers that steps write to in turn.
    /// - Returns: what takes the piece's place, in one of the buffers or `plain` itself; `nil` when
    ///   it does not fit.
    public func body(
        _ side: PluginBodySide,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool,
        rooms: (UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer)
    ) -> UnsafeRawBufferPointer? {
        var piece = plain
        var (room, other) = rooms
        for step in self.steps where step.changesBodies {
            var output = HeadWriter(room)
            step.body(side, piece, isLast: isLast, into: &output)
            guard let written = output.written else { return nil }
            piece = written
            swap(&room, &other)
        }
        return piece
    }
}

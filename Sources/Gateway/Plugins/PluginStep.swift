import MeshHTTP

/// One plugin of a route, as a step of its chain.
///
/// `prometheus` (Kong's priority 13) is no step: its metrics are always kept.
enum PluginStep: Sendable {
    case correlation(CorrelationID)
    case termination(RequestTermination)
    /// Made of closures, for what no built plugin does yet.
    case scripted(ScriptedStep)

    /// Kong's number: higher ones run first, in every phase.
    var priority: Int {
        switch self {
        case .correlation: 100_001
        case .termination: 2
        case .scripted(let step): step.priority
        }
    }

    /// Whether the step sees bodies.
    var changesBodies: Bool {
        switch self {
        case .correlation, .termination: false
        case .scripted(let step): step.body != nil
        }
    }

    /// The access phase: before a target is chosen.
    func access(
        _ request: PluginRequest,
        state: inout PluginState,
        edits: inout PluginEdits
    ) -> PluginVerdict {
        switch self {
        case .correlation(let step):
            step.access(request, state: &state, upstreamFields: &edits.lines)
            return .next
        case .termination(let step):
            return step.applies(to: request) ? .answer(step.answer) : .next
        case .scripted(let step): return step.access?(request, &edits) ?? .next
        }
    }

    /// The response phase: before the client's head is written.
    func response(_ state: PluginState, edits: inout PluginEdits) {
        switch self {
        case .correlation(let step): step.response(state, into: &edits.lines)
        case .termination: return
        case .scripted(let step): step.response?(&edits)
        }
    }

    /// The body phase: a plain piece of one of the bodies.
    func body(
        _ side: PluginBodySide,
        _ plain: UnsafeRawBufferPointer,
        isLast: Bool,
        into output: inout HeadWriter
    ) {
        guard case .scripted(let step) = self, let body = step.body else {
            return output.write(plain)
        }
        body(side, plain, isLast, &output)
    }
}

/// A step made of closures.
struct ScriptedStep: Sendable {
    var priority = 1_000
    var access: (@Sendable (PluginRequest, inout PluginEdits) -> PluginVerdict)?
    var response: (@Sendable (inout PluginEdits) -> Void)?
    /// Writes what takes the place of a plain piece.
    var body:
        (
            @Sendable (PluginBodySide, UnsafeRawBufferPointer, Bool, inout HeadWriter) -> Void
        )?
}

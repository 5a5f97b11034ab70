internal import MeshEntities
internal import MeshHTTP
public import MeshPrimitives

/// The field in which `correlation-id` tells requests apart.
public struct CorrelationField: Sendable {
    /// Its name, lower-cased.
    public let name: [UInt8]
    /// Name as configured, colon and space: what its line begins with.
    public let prefix: [UInt8]
}

/// The plugins of one route, compiled when a configuration is taken over.
///
///     access: step, step, …  --next--> a target is chosen
///                     \--answer-->     \--suspend--> waits --resume--> the step behind
///     response: step, step, …          bodies: step, step, …
///
/// Steps run in Kong's order of priority in every phase. Behind the steps that authenticate, which
/// instance of a plugin runs may depend on the consumer: that is one look-up. An empty chain costs
/// one comparison and allocates nothing.
public struct PluginChain: Sendable {
    /// One plugin's place in a chain.
    struct Link: Sendable {
        let name: String
        let priority: Int
        let authenticates: Bool
        /// Who is nobody in particular gets it.
        let general: RankedStep?
        /// Of the route or its service, for single consumers or groups.
        var scoped: ScopedSteps?
        /// Of any route, for single consumers or groups.
        var scopedAnywhere: ScopedSteps?

        var isScoped: Bool { self.scoped != nil || self.scopedAnywhere != nil }

        /// The instance that runs.
        @inline(__always)
        func step(_ consumers: ConsumerDirectory, _ identity: PluginIdentity) -> PluginStep? {
            guard self.isScoped, identity.isSome else { return self.general?.step }
            guard let consumer = consumers[identity.consumer] else { return self.general?.step }
            var best = self.general
            if let scoped { best = scoped.better(than: best, for: consumer) }
            if let scopedAnywhere { best = scopedAnywhere.better(than: best, for: consumer) }
            return best?.step
        }

        /// Every step that may run.
        var steps: [PluginStep] {
            let scoped = [self.scoped, self.scopedAnywhere].flatMap { steps in
                (steps.map { Array($0.byConsumer.values) + Array($0.byGroup.values) } ?? [])
            }
            return (scoped + [self.general].compactMap { $0 }).compactMap(\.step)
        }
    }

    /// What there is to a chain; an object, so that handing one on counts one reference.
    private final class Plan: Sendable {
        let links: [Link]
        /// By link, the step for everybody.
        let general: [PluginStep?]
        /// Whether which instance runs may depend on the consumer.
        let isScoped: Bool
        /// The links that have a part in the response phase.
        let responding: [Int]
        let changesBodies: Bool
        let readsListenAddress: Bool
        let readsCaptures: Bool
        let readsMatched: Bool
        let countsConsumers: Bool
        let logs: Bool
        let correlationField: CorrelationField?

        init(_ links: [Link]) {
            self.links = links
            self.general = links.map { $0.general?.step }
            self.isScoped = links.contains { $0.isScoped }
            self.responding = links.indices.filter { index in
                links[index].steps.contains { $0.response != nil }
            }
            let steps = links.flatMap(\.steps)
            self.changesBodies = steps.contains { $0.body != nil }
            self.logs = steps.contains { !$0.logs.isEmpty }
            self.readsCaptures = steps.contains { $0.readsCaptures }
            self.readsMatched = steps.contains { $0.readsMatched }
            self.countsConsumers = steps.contains { $0.countsConsumers }
            self.readsListenAddress = steps.contains { $0.readsListenAddress }
            self.correlationField = steps.lazy.compactMap(\.correlationField).first
        }

        /// The instance of a link that runs.
        @inline(__always)
        func step(
            _ index: Int,
            _ consumers: ConsumerDirectory,
            _ identity: PluginIdentity
        ) -> PluginStep? {
            self.isScoped ? self.links[index].step(consumers, identity) : self.general[index]
        }
    }

    private let plan: Plan
    private var links: [Link] { self.plan.links }

    /// Whether a step sees bodies.
    public var changesBodies: Bool { self.plan.changesBodies }
    /// Whether a step needs ``PluginRequest/listenAddress``, which costs a system call.
    public var readsListenAddress: Bool { self.plan.readsListenAddress }
    /// Whether a step looks at ``PluginRequest/captures``.
    public var readsCaptures: Bool { self.plan.readsCaptures }
    /// Whether a step looks at ``PluginRequest/matched``.
    public var readsMatched: Bool { self.plan.readsMatched }
    /// Whether a step tells of requests that are over.
    public var logs: Bool { self.plan.logs }
    /// Whether a step has a part in the response phase.
    public var responds: Bool { !self.plan.responding.isEmpty }
    /// The field in which a step tells requests apart; nil without one.
    public var correlationField: CorrelationField? { self.plan.correlationField }

    /// The chain without plugins.
    public static let empty = PluginChain(links: [])

    /// Whether no plugin has anything to do.
    public var isEmpty: Bool { self.plan.general.isEmpty }

    /// Orders links.
    ///
    /// Instances for consumers count behind the last step that authenticates only, as in Kong, where
    /// nobody is known before.
    init(links: [Link]) {
        let authenticating = links.filter { $0.authenticates && $0.general?.step != nil }
        let limit = authenticating.map(\.priority).min() ?? .min
        let effective = links.compactMap { link -> Link? in
            var link = link
            if link.priority >= limit || authenticating.isEmpty {
                link.scoped = nil
                link.scopedAnywhere = nil
            }
            return link.general?.step == nil && !link.isScoped ? nil : link
        }
        self.plan = Plan(effective.sorted { ($0.priority, $0.name) > ($1.priority, $1.name) })
    }

    /// A chain of steps with their priorities, whoever sends a request.
    init(steps: [(priority: Int, step: PluginStep)]) {
        self.init(
            links: steps.map { priority, step in
                Link(
                    name: "",
                    priority: priority,
                    authenticates: false,
                    general: RankedStep(rank: 12, plugin: EntityID(high: 0, low: 0), step: step)
                )
            }
        )
    }

    /// The plugin whose step this is; empty for a step that there is not.
    public func name(ofStep index: Int) -> String {
        self.links.indices.contains(index) ? self.links[index].name : ""
    }

    /// Writes the names of the plugins whose steps have a bit, in order, between commas.
    ///
    /// - Returns: how many bytes; from the first name on that does not fit, all are left out.
    public func writeNames(ofSteps bits: UInt64, to room: UnsafeMutableRawBufferPointer) -> Int {
        var (left, count) = (bits, 0)
        while case let index = left.trailingZeroBitCount, index < self.links.count {
            left &= left - 1
            var name = self.links[index].name
            let start = count > 0 ? count + 1 : 0
            let end = name.withUTF8 { bytes in
                guard start + bytes.count <= room.count else { return 0 }
                if start > 0 { room[start - 1] = UInt8(ascii: ",") }
                room[start...].copyBytes(from: bytes)
                return start + bytes.count
            }
            guard end > 0 else { break }
            count = end
        }
        return count
    }

    /// The bit of a step; none of those behind the first 64.
    private static func bit(_ index: Int) -> UInt64 { 1 << UInt64(index) }

    /// Whether a client may open a connection, or a session of datagrams, of a stream route.
    public func admits(_ client: IPAddress) -> Bool {
        self.links.allSatisfy { $0.general?.step?.connection?(client) ?? true }
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
        if step == 0 { state.beganMilliseconds = request.wallMilliseconds }
        var index = step
        let plan = self.plan
        while index < plan.general.count {
            let step = plan.step(index, request.consumers, state.identity)
            index += 1
            guard let access = step?.access else { continue }
            let (extent, limit) = (edits.extent, state.bodyLimit)
            let verdict = access(request, &state, &edits)
            if edits.extent != extent { state.changedBy |= Self.bit(index - 1) }
            if state.bodyLimit != limit {
                state.bodyLimitedBy = Int32(truncatingIfNeeded: index - 1)
            }
            state.note = 0
            state.isLate = false
            state.tally.standing = .unasked
            if case .next = verdict { continue }
            return (verdict, index)
        }
        return (.next, index)
    }

    /// Runs the response phase: takes what changes in the client's response head.
    ///
    /// Also runs for answers of plugins and for errors of the gateway, as in Kong.
    public func response(
        _ consumers: ConsumerDirectory,
        _ state: PluginState,
        edits: inout PluginEdits
    ) {
        for index in self.plan.responding {
            guard let response = self.plan.step(index, consumers, state.identity)?.response else {
                continue
            }
            let (extent, refusal) = (edits.extent, edits.refusal)
            response(consumers, state, &edits)
            if edits.extent != extent { edits.changedBy |= Self.bit(index) }
            if edits.refusal != refusal { edits.refusedBy = Int32(truncatingIfNeeded: index) }
        }
    }

    /// The consumer whose share of the counters a request is part of; nil when it is nobody's.
    public func countedConsumer(
        _ consumers: ConsumerDirectory,
        _ identity: PluginIdentity
    ) -> ConsumerEntry? {
        guard self.plan.countsConsumers,
            self.links.contains(where: {
                $0.step(consumers, identity)?.countsConsumers ?? false
            })
        else { return nil }
        return consumers[identity.consumer]
    }

    /// Goes through the queues that are told of a request, in order.
    public func forEachLog(
        _ consumers: ConsumerDirectory,
        _ identity: PluginIdentity,
        _ body: (any LogTaking) -> Void
    ) {
        for link in self.links {
            for log in link.step(consumers, identity)?.logs ?? [] { body(log) }
        }
    }

    /// Changes a whole body.
    public func whole(
        _ side: PluginBodySide,
        _ body: [UInt8],
        _ request: PluginRequest,
        _ edits: PluginEdits,
        by state: inout PluginState
    ) -> [UInt8] {
        var body = body
        for (index, link) in self.links.enumerated() {
            guard let whole = link.step(request.consumers, state.identity)?.whole,
                let changed = whole(side, request, edits, body, state)
            else { continue }
            body = changed
            state.changedBy |= Self.bit(index)
        }
        return body
    }

    /// Shows steps the whole body that the client gets.
    public func show(_ body: PluginSeenBody, _ request: PluginRequest, _ state: PluginState) {
        for link in self.links {
            link.step(request.consumers, state.identity)?.seen?(body, request, state)
        }
    }

    /// Looks at a request's whole body; an answer in place of the target's and the step that gives it,
    /// or nil.
    public func check(
        _ request: PluginRequest,
        _ body: [UInt8],
        by state: PluginState
    ) -> (answer: PluginAnswer, step: Int)? {
        for (index, link) in self.links.enumerated() {
            guard let check = link.step(request.consumers, state.identity)?.check else { continue }
            if let answer = check(request, state, body) { return (answer, index) }
        }
        return nil
    }

    /// Runs the body phase for one plain piece.
    ///
    /// - Parameters:
    ///   - piece: what is known of it.
    ///   - plain: its bytes; may be empty.
    ///   - consumers: those of the configuration that the request began on.
    ///   - rooms: two buffers that steps write to in turn.
    /// - Returns: what takes the piece's place, in one of the buffers or `plain` itself; `nil` when
    ///   it does not fit.
    public func body(
        _ piece: PluginBodyPiece,
        _ plain: UnsafeRawBufferPointer,
        _ consumers: ConsumerDirectory,
        rooms: (UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer)
    ) -> UnsafeRawBufferPointer? {
        var bytes = plain
        var (room, other) = rooms
        for link in self.links {
            guard let body = link.step(consumers, piece.state.identity)?.body else { continue }
            var output = HeadWriter(room)
            body(piece, bytes, &output)
            guard let written = output.written else { return nil }
            bytes = written
            swap(&room, &other)
        }
        return bytes
    }
}

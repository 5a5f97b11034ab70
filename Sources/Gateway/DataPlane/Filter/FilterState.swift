internal import Glibc
internal import MeshHTTP
internal import MeshPlugins

/// What the filters of one exchange remember; it stands at the start of the exchange's filter block,
/// the edits of the target's head behind it.
struct FilterState {
    var plugins = PluginState()
    /// Names that the target's head leaves out, in bytes of their list.
    var droppedCount: Int32 = 0
    /// Bytes of the lines that it gets.
    var addedCount: Int32 = 0
    /// Names that the client's head leaves out, in bytes of their list.
    var responseDroppedCount: Int32 = 0
    /// Bytes of the lines that the client's head gets.
    var responseCount: Int32 = 0
    /// Bytes of the query in place of the client's; -1 as long as that one stays.
    var queryCount: Int32 = -1
    /// Bytes of the path, host and method in place of the client's; 0 as long as those stay.
    var pathCount: Int32 = 0
    var hostCount: Int32 = 0
    var methodCount: Int32 = 0
    /// Bytes of the request's body that steps had whole; -1 when they had not.
    var bodyCount: Int64 = -1
    /// What log plugins tell of the exchange: the target that the upstream was asked for, a line end,
    /// and the head that the client was sent.
    var told = BlockQueue()
    /// What has come of a response's body that steps want whole, or look at once it has gone by.
    var collected = BlockQueue()
    /// The step that answered in place of a target; -1 for none.
    var answeredBy: Int32 = -1
    /// The step that a suspended request goes on with.
    var next: Int32 = 0
    /// What a suspended request is answered when its time is up; 0 where its step says that.
    var status: UInt16 = 0
    /// What the client is answered, without a body, in place of the target's answer; 0 for nothing.
    var refusal: UInt16 = 0
    /// Bytes of the request's body that a step waits for at most; 0 when none does.
    var gatherLimit = 0
    /// What has come of a body that a step has waited for.
    var gathered = Gathered.nothing
    /// Whether pieces of the request's body go through the steps.
    var changesRequest = false
    /// Whether steps want the request's body whole.
    var collectsRequest = false
    /// Whether the request is refused when its body cannot be had whole.
    var requiresRequest = false
    /// Whether steps want the response's body whole.
    var collectsResponse = false
    /// Most bytes of a response's body that steps look at once it has gone by; 0 when none does.
    var keptLimit = 0
    /// Whether pieces of the response's body go through the steps.
    var changesResponse = false
    /// Milliseconds: when a suspended request's time is up; 0 when it is not suspended.
    var deadline: Int64 = 0
    /// Names the suspension.
    var token: UInt64 = 0

    /// How far the body of a request was taken in before its steps went on.
    enum Gathered {
        case nothing
        case whole
        /// It is longer than the step wanted, or has no end.
        case tooLong
    }
}

extension UnsafeMutablePointer<Block> {
    private static var namesOffset: Int { 576 }
    private static var responseNamesOffset: Int { 1_600 }
    private static var linesOffset: Int { 2_624 }
    private static var responseOffset: Int { 6_720 }
    private static var queryOffset: Int { 9_280 }
    private static var pathOffset: Int { 13_888 }
    private static var hostOffset: Int { 15_936 }
    private static var methodOffset: Int { 16_192 }
    private static var endOffset: Int { 16_256 }

    private func room(_ start: Int, _ end: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: self.content + start, count: end - start)
    }

    /// The state at the start of a filter block.
    var filter: UnsafeMutablePointer<FilterState> {
        UnsafeMutableRawPointer(self.content).assumingMemoryBound(to: FilterState.self)
    }

    /// Makes a fresh block a filter block.
    func beginFilter() {
        assert(MemoryLayout<FilterState>.size <= Self.namesOffset, "the state has its room")
        assert(Self.endOffset <= Block.room, "the edits have their room")
        self.content.bindMemory(to: FilterState.self, capacity: 1).initialize(to: FilterState())
    }

    /// The edits as they were kept, to be added to.
    var edits: PluginEdits {
        var edits = PluginEdits(
            names: self.room(Self.namesOffset, Self.responseNamesOffset),
            lines: self.room(Self.linesOffset, Self.responseOffset),
            responseNames: self.room(Self.responseNamesOffset, Self.linesOffset),
            responseLines: self.room(Self.responseOffset, Self.queryOffset),
            query: self.room(Self.queryOffset, Self.pathOffset),
            path: self.room(Self.pathOffset, Self.hostOffset),
            host: self.room(Self.hostOffset, Self.methodOffset),
            method: self.room(Self.methodOffset, Self.endOffset)
        )
        edits.restore(
            dropped: self.droppedNames,
            added: self.addedLines,
            responseDropped: self.responseDropped,
            responseLines: self.responseLines,
            query: self.query
        )
        edits.path.write(self.path)
        edits.host.write(self.host)
        edits.method.write(self.method)
        edits.collectsBody = self.filter.pointee.collectsRequest
        edits.requiresBody = self.filter.pointee.requiresRequest
        return edits
    }

    /// Keeps edits that were made in the block's memory.
    func keep(_ edits: PluginEdits) {
        self.filter.pointee.droppedCount = Int32(truncatingIfNeeded: edits.dropped.count)
        self.filter.pointee.addedCount = Int32(truncatingIfNeeded: edits.added.count)
        self.filter.pointee.responseDroppedCount = Int32(
            truncatingIfNeeded: edits.responseDropped.count
        )
        self.filter.pointee.responseCount = Int32(truncatingIfNeeded: edits.responseLines.count)
        self.filter.pointee.queryCount =
            edits.replacesQuery ? Int32(truncatingIfNeeded: edits.query.count) : -1
        self.filter.pointee.pathCount = Int32(truncatingIfNeeded: edits.path.count)
        self.filter.pointee.hostCount = Int32(truncatingIfNeeded: edits.host.count)
        self.filter.pointee.methodCount = Int32(truncatingIfNeeded: edits.method.count)
        self.filter.pointee.collectsRequest = edits.collectsBody
        self.filter.pointee.requiresRequest = edits.requiresBody
    }

    /// The path in place of the client's; empty when that one stays.
    var path: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.content + Self.pathOffset,
            count: Int(self.filter.pointee.pathCount)
        )
    }

    /// The host in place of the upstream's; empty when that one stays.
    var host: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.content + Self.hostOffset,
            count: Int(self.filter.pointee.hostCount)
        )
    }

    /// The method in place of the client's; empty when that one stays.
    var method: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.content + Self.methodOffset,
            count: Int(self.filter.pointee.methodCount)
        )
    }

    /// Names of fields that steps of the access phase leave out of the client's head.
    var responseDropped: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.content + Self.responseNamesOffset,
            count: Int(self.filter.pointee.responseDroppedCount)
        )
    }

    /// Lines that steps of the access phase add to the client's head.
    var responseLines: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.content + Self.responseOffset,
            count: Int(self.filter.pointee.responseCount)
        )
    }

    /// The query in place of the client's, with its `?`; nil when that one stays.
    var query: UnsafeRawBufferPointer? {
        let count = Int(self.filter.pointee.queryCount)
        guard count >= 0 else { return nil }
        return UnsafeRawBufferPointer(start: self.content + Self.queryOffset, count: count)
    }

    /// Names of fields that the target's head leaves out.
    var droppedNames: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.content + Self.namesOffset,
            count: Int(self.filter.pointee.droppedCount)
        )
    }

    /// Lines that steps add to the target's head.
    var addedLines: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: self.content + Self.linesOffset,
            count: Int(self.filter.pointee.addedCount)
        )
    }
}

internal import Glibc
internal import MeshPlugins

/// What the filters of one exchange remember; it stands at the start of the exchange's filter block,
/// the edits of the target's head behind it.
struct FilterState {
    var plugins = PluginState()
    /// Names that the target's head leaves out, in bytes of their list.
    var droppedCount: Int32 = 0
    /// Bytes of the lines that it gets.
    var addedCount: Int32 = 0
    /// The step that a suspended request goes on with.
    var next: Int32 = 0
    /// What a suspended request is answered when its time is up.
    var status: UInt16 = 0
    /// Whether pieces of the request's body go through the steps.
    var changesRequest = false
    /// Whether pieces of the response's body go through the steps.
    var changesResponse = false
    /// Milliseconds: when a suspended request's time is up; 0 when it is not suspended.
    var deadline: Int64 = 0
    /// Names the suspension.
    var token: UInt64 = 0
}

extension UnsafeMutablePointer<Block> {
    private static var namesOffset: Int { 256 }
    private static var linesOffset: Int { 1_024 }

    /// The state at the start of a filter block.
    var filter: UnsafeMutablePointer<FilterState> {
        UnsafeMutableRawPointer(self.content).assumingMemoryBound(to: FilterState.self)
    }

    /// Makes a fresh block a filter block.
    func beginFilter() {
        assert(MemoryLayout<FilterState>.size <= Self.namesOffset, "the state has its room")
        self.content.bindMemory(to: FilterState.self, capacity: 1).initialize(to: FilterState())
    }

    /// The edits as they were kept, to be added to.
    var edits: PluginEdits {
        let names = UnsafeMutableRawBufferPointer(
            start: self.content + Self.namesOffset,
            count: Self.linesOffset - Self.namesOffset
        )
        let lines = UnsafeMutableRawBufferPointer(
            start: self.content + Self.linesOffset,
            count: Block.room - Self.linesOffset
        )
        var edits = PluginEdits(names: names, lines: lines)
        edits.restore(dropped: self.droppedNames, added: self.addedLines)
        return edits
    }

    /// Keeps edits that were made in the block's memory.
    func keep(_ edits: PluginEdits) {
        self.filter.pointee.droppedCount = Int32(truncatingIfNeeded: edits.dropped.count)
        self.filter.pointee.addedCount = Int32(truncatingIfNeeded: edits.added.count)
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

internal import CMeshSystem
internal import MeshHTTP
internal import MeshPrimitives

/// The parts of a worker that every request changes.
///
/// They stand behind a pointer because a class's stored properties are checked for overlapping
/// access at run time, which cost an eighth of all instructions per request. One thread runs each
/// event to completion, so that such an overlap would have to be within one call.
struct WorkerMemory {
    var io: LinkIO
    var exchanges: Slab<Exchange>
    var attempts: Slab<Attempt>
    var timers: Timers
    var pool: LinkPool
    var generator: SeededGenerator
    var response = ResponseHead()
    var pending: ContiguousArray<Int32> = []
    var backlog: ContiguousArray<Int32> = []
    var spills = SpilledBodies()
    /// Whose text stands in ``Worker/peer``; at first nobody's.
    var peerAddress = mesh_address()
    var peerCount = 0
}

extension Worker {
    /// Sockets.
    var io: LinkIO {
        @inline(__always)
        get { self.memory.pointee.io }
        @inline(__always)
        _modify { yield &self.memory.pointee.io }
    }

    /// Requests in progress by place.
    var exchanges: Slab<Exchange> {
        @inline(__always)
        get { self.memory.pointee.exchanges }
        @inline(__always)
        _modify { yield &self.memory.pointee.exchanges }
    }

    /// Tries in progress by index.
    var attempts: Slab<Attempt> {
        @inline(__always)
        get { self.memory.pointee.attempts }
        @inline(__always)
        _modify { yield &self.memory.pointee.attempts }
    }

    /// Time limits.
    var timers: Timers {
        @inline(__always)
        get { self.memory.pointee.timers }
        @inline(__always)
        _modify { yield &self.memory.pointee.timers }
    }

    /// Numbers for request ids and ties.
    var generator: SeededGenerator {
        @inline(__always)
        get { self.memory.pointee.generator }
        @inline(__always)
        _modify { yield &self.memory.pointee.generator }
    }

    /// The response head at hand.
    var response: ResponseHead {
        @inline(__always)
        get { self.memory.pointee.response }
        @inline(__always)
        _modify { yield &self.memory.pointee.response }
    }

    /// Idle links to targets.
    var pool: LinkPool {
        @inline(__always)
        get { self.memory.pointee.pool }
        @inline(__always)
        _modify { yield &self.memory.pointee.pool }
    }

    /// Links to look at after the event at hand.
    var pending: ContiguousArray<Int32> {
        @inline(__always)
        get { self.memory.pointee.pending }
        @inline(__always)
        _modify { yield &self.memory.pointee.pending }
    }

    /// Links that were read for long enough; looked at again when others had their turn.
    var backlog: ContiguousArray<Int32> {
        @inline(__always)
        get { self.memory.pointee.backlog }
        @inline(__always)
        _modify { yield &self.memory.pointee.backlog }
    }

    /// Bodies that wait on disk.
    var spills: SpilledBodies {
        @inline(__always)
        get { self.memory.pointee.spills }
        @inline(__always)
        _modify { yield &self.memory.pointee.spills }
    }
}

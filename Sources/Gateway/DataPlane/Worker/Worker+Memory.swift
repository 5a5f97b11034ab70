internal import CMeshSystem
internal import MeshHTTP
internal import MeshPrimitives

/// The part of a worker's state that every request changes.
///
/// It stands behind a pointer because a class's stored properties are checked for overlapping
/// access at run time, which cost an eighth of all instructions per request. One thread runs each
/// event to completion, so that such an overlap would have to be within one call.
struct WorkerMemory {
    var connections: Slab<Connection>
    var exchanges: Slab<Exchange>
    var wheel: TimerWheel
    var blocks = BlockPool()
    var generator: SeededGenerator
    var request = RequestHead()
    var response = ResponseHead()
    var pools: ContiguousArray<UpstreamPool> = []
    var pendingClients: ContiguousArray<Int32> = []
    /// Whose text stands in ``Worker/peer``; at first nobody's.
    var peerAddress = mesh_address()
    var peerCount = 0
}

extension Worker {
    /// Sockets by place.
    var connections: Slab<Connection> {
        @inline(__always)
        get { self.memory.pointee.connections }
        @inline(__always)
        _modify { yield &self.memory.pointee.connections }
    }

    /// Requests in progress by place.
    var exchanges: Slab<Exchange> {
        @inline(__always)
        get { self.memory.pointee.exchanges }
        @inline(__always)
        _modify { yield &self.memory.pointee.exchanges }
    }

    /// Time limits of ``connections``.
    var wheel: TimerWheel {
        @inline(__always)
        get { self.memory.pointee.wheel }
        @inline(__always)
        _modify { yield &self.memory.pointee.wheel }
    }

    /// Blocks for what must wait.
    var blocks: BlockPool {
        @inline(__always)
        get { self.memory.pointee.blocks }
        @inline(__always)
        _modify { yield &self.memory.pointee.blocks }
    }

    /// Numbers for request ids and ties.
    var generator: SeededGenerator {
        @inline(__always)
        get { self.memory.pointee.generator }
        @inline(__always)
        _modify { yield &self.memory.pointee.generator }
    }

    /// The request head at hand.
    var request: RequestHead {
        @inline(__always)
        get { self.memory.pointee.request }
        @inline(__always)
        _modify { yield &self.memory.pointee.request }
    }

    /// The response head at hand.
    var response: ResponseHead {
        @inline(__always)
        get { self.memory.pointee.response }
        @inline(__always)
        _modify { yield &self.memory.pointee.response }
    }

    /// Clients to look at after the event at hand.
    var pendingClients: ContiguousArray<Int32> {
        @inline(__always)
        get { self.memory.pointee.pendingClients }
        @inline(__always)
        _modify { yield &self.memory.pointee.pendingClients }
    }

    /// Idle connections by address.
    var pools: ContiguousArray<UpstreamPool> {
        @inline(__always)
        get { self.memory.pointee.pools }
        @inline(__always)
        _modify { yield &self.memory.pointee.pools }
    }
}

internal import CMeshSystem
internal import Glibc

/// Pipes through which a worker passes bytes from one socket to another without copying them.
struct PipePool {
    /// The two ends of one.
    struct Pipe {
        let readEnd: Int32
        let writeEnd: Int32

        /// No pipe.
        static var none: Pipe { Pipe(readEnd: -1, writeEnd: -1) }
    }

    /// Bytes that one may hold.
    static let byteCount = 256 * 1_024
    /// Most pipes at one time: what they hold is memory that the worker does not count.
    private static let limit = 64
    /// Most empty ones that are kept.
    private static let idleLimit = 4

    private var idle: ContiguousArray<Pipe> = []
    private var count = 0

    /// An empty pipe; `nil` when there are too many or the system has none.
    mutating func take() -> Pipe? {
        if let pipe = self.idle.popLast() { return pipe }
        guard self.count < Self.limit else { return nil }
        var ends: (Int32, Int32) = (-1, -1)
        let failure = withUnsafeMutableBytes(of: &ends) { ends in
            let first = ends.baseAddress?.assumingMemoryBound(to: Int32.self)
            return mesh_pipe_open(first, Int32(Self.byteCount))
        }
        guard failure == 0 else { return nil }
        self.count += 1
        return Pipe(readEnd: ends.0, writeEnd: ends.1)
    }

    /// Takes an empty pipe back.
    mutating func giveBack(_ pipe: Pipe) {
        if self.idle.count < Self.idleLimit { self.idle.append(pipe) } else { self.discard(pipe) }
    }

    /// Takes a pipe back and throws away what it holds.
    mutating func discard(_ pipe: Pipe) {
        Glibc.close(pipe.readEnd)
        Glibc.close(pipe.writeEnd)
        self.count -= 1
    }

    mutating func deallocate() {
        while let pipe = self.idle.popLast() { self.discard(pipe) }
    }
}

extension LinkIO {
    /// What became of bytes that were to pass from one link to another.
    enum Passing {
        /// So many have left the first link; some of them may wait for the second.
        case moved(Int)
        /// Nothing there; an event will come.
        case drained
        /// The first peer has finished writing.
        case ended
        /// The first link is broken.
        case broken
        /// The second link is broken.
        case unwritable
        /// They must be read and written.
        case impossible
    }

    /// Moves bytes from one plain link to another one that waits for nothing.
    mutating func pass(_ source: Int32, to target: Int32) -> Passing {
        let from = self[source]
        let to = self[target]
        guard !from.pointee.isTLS, !to.pointee.isTLS, to.pointee.phase == .open,
            to.pointee.isWritten, let pipe = self.pipes.take()
        else { return .impossible }
        let count = mesh_splice(from.pointee.descriptor, pipe.writeEnd, PipePool.byteCount)
        guard count > 0 else {
            self.pipes.giveBack(pipe)
            guard count != -Int(EINVAL), count != -Int(ENOMEM) else { return .impossible }
            self.noteDrained(source)
            if count == 0 { return .ended }
            return count == -Int(EAGAIN) ? .drained : .broken
        }
        to.pointee.pipe = pipe
        to.pointee.piped = Int32(count)
        return self.flushPipe(target) ? .moved(count) : .unwritable
    }

    /// Sends what waits in a link's pipe; `false` when the link is broken.
    mutating func flushPipe(_ index: Int32) -> Bool {
        let link = self[index]
        // A pipe is emptied piece by piece: only a refusal tells that the socket is full.
        while link.pointee.piped > 0 {
            let count = mesh_splice(
                link.pointee.pipe.readEnd,
                link.pointee.descriptor,
                Int(link.pointee.piped)
            )
            if count == -Int(EAGAIN) { return true }
            guard count > 0 else { return false }
            link.pointee.piped -= Int32(count)
            self.noteSent(index, count)
        }
        self.pipes.giveBack(link.pointee.pipe)
        link.pointee.pipe = .none
        return true
    }

    /// Throws away what waits in a link's pipe.
    mutating func dropPipe(_ index: Int32) {
        let link = self[index]
        guard link.pointee.piped > 0 else { return }
        self.pipes.discard(link.pointee.pipe)
        link.pointee.pipe = .none
        link.pointee.piped = 0
    }
}

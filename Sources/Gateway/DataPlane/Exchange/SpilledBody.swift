internal import CMeshSystem
internal import Glibc

/// A part of one body that waits on disk, and behind it what found no room there.
///
/// The file has no name, so that nothing is left of it whatever becomes of the process. Reading and
/// writing mostly meet the system's page cache; a disk that cannot keep up slows the worker down as
/// it does nginx.
final class SpilledBody {
    private let descriptor: Int32
    /// Bytes on disk.
    private(set) var byteCount = 0
    private var taken = 0
    private var rest = BlockQueue()
    private var hasTakenRest = false
    /// Whether there was no room for everything, so that nothing more is written to disk.
    private(set) var isFull = false
    /// Whether the body ends behind its last byte here.
    var isWhole = false
    /// Trailer lines of a response whose attempt has ended.
    var trailers = BlockQueue()

    /// Opens a file; `nil` when that cannot be done.
    init?(directory: String) {
        self.descriptor = mesh_nameless_file(directory)
        if self.descriptor < 0 { return nil }
    }

    /// Whether all that was added was taken.
    var isEmpty: Bool { self.taken == self.byteCount && self.rest.isEmpty }

    /// Whether ``rewind()`` brings everything back.
    var isRewindable: Bool { !self.hasTakenRest }

    /// Adds bytes; those that do not fit into `room` bytes of disk, and all after them, stay in
    /// memory.
    func append(_ bytes: UnsafeRawBufferPointer, room: Int, _ blocks: inout BlockPool) {
        guard !bytes.isEmpty else { return }
        if !self.isFull, bytes.count <= room {
            let offset = Int64(self.byteCount)
            let count = mesh_write_at(self.descriptor, bytes.baseAddress, bytes.count, offset)
            if count == bytes.count {
                self.byteCount += count
                return
            }
        }
        self.isFull = true
        self.rest.append(bytes, from: &blocks)
    }

    /// The next bytes, copied to `room`; none at the end, `nil` when the disk fails.
    func take(
        into room: UnsafeMutableRawBufferPointer,
        _ blocks: inout BlockPool
    ) -> UnsafeRawBufferPointer? {
        var count = min(room.count, self.byteCount - self.taken)
        if count > 0 {
            count = mesh_read_at(self.descriptor, room.baseAddress, count, Int64(self.taken))
            guard count > 0 else { return nil }
            self.taken += count
        } else if let target = room.baseAddress, let source = self.rest.first.baseAddress {
            count = min(room.count, self.rest.first.count)
            target.copyMemory(from: source, byteCount: count)
            self.rest.consume(count, to: &blocks)
            self.hasTakenRest = true
        }
        return UnsafeRawBufferPointer(rebasing: room[..<count])
    }

    /// Begins to be taken anew, by another attempt.
    func rewind() { self.taken = 0 }

    /// Gives file and memory back.
    func close(_ blocks: inout BlockPool) {
        Glibc.close(self.descriptor)
        self.rest.clear(to: &blocks)
        self.trailers.clear(to: &blocks)
    }
}

/// The bodies of one worker that wait on disk.
struct SpilledBodies {
    var requests: [Int32: SpilledBody] = [:]
    var responses: [Int32: SpilledBody] = [:]
    /// Exchanges whose waiting bytes may go on.
    var pumps: ContiguousArray<Int32> = []
    /// Bytes on disk.
    var byteCount = 0
    /// Milliseconds: no file is opened before, since one could not be.
    var pausedUntil: Int64 = 0
    /// What is read back from disk.
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 64)
}

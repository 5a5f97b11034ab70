internal import CMeshSystem
internal import CNghttp2

/// Memory for frames and content that sessions of one thread lend each other.
///
/// A session needs tens of kilobytes while a large response passes and none when it is idle. Asking
/// the system each time costs as much as the copy itself. Not for use from two threads.
public final class HTTP2Spares {
    private var spares: [UnsafeMutableRawBufferPointer] = []
    private let most: Int
    /// What the framing layers of the sessions take for streams, heads and frames.
    private let pieces: UnsafeMutablePointer<mesh_pieces>?

    /// Pieces below and above this are not worth keeping.
    static let byteCounts = 8_192...262_144

    /// Creates an empty stock.
    ///
    /// - Parameter most: Most pieces that are kept, each up to 256 KiB; default 8.
    public init(most: Int = 8) {
        self.most = most
        self.pieces = mesh_pieces_make()
    }

    deinit {
        for spare in self.spares { spare.deallocate() }
        mesh_pieces_release(self.pieces)
    }

    /// How a framing layer takes memory from here, as long as this lives; nil when memory has run
    /// out.
    var allocator: nghttp2_mem? {
        guard let pieces = self.pieces else { return nil }
        return nghttp2_mem(
            mem_user_data: pieces,
            malloc: mesh_pieces_malloc,
            free: mesh_pieces_free,
            calloc: mesh_pieces_calloc,
            realloc: mesh_pieces_realloc
        )
    }

    /// A piece of at least so many bytes.
    func take(_ byteCount: Int) -> UnsafeMutableRawBufferPointer? {
        guard byteCount >= Self.byteCounts.lowerBound,
            let fitting = self.spares.lastIndex(where: { $0.count >= byteCount })
        else { return nil }
        return self.spares.remove(at: fitting)
    }

    /// Takes a piece back, or gives it to the system.
    func give(_ piece: UnsafeMutableRawBufferPointer) {
        if Self.byteCounts.contains(piece.count), self.spares.count < self.most {
            self.spares.append(piece)
        } else {
            piece.deallocate()
        }
    }
}

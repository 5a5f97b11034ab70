/// Memory for frames and content that sessions of one thread lend each other.
///
/// A session needs tens of kilobytes while a large response passes and none when it is idle. Asking
/// the system each time costs as much as the copy itself. Not for use from two threads.
public final class HTTP2Spares {
    private var spares: [UnsafeMutableRawBufferPointer] = []
    private let most: Int

    /// Pieces below and above this are not worth keeping.
    static let byteCounts = 8_192...262_144

    /// Creates an empty stock.
    ///
    /// - Parameter most: Most pieces that are kept, each up to 256 KiB; default 8.
    public init(most: Int = 8) { self.most = most }

    deinit { for spare in self.spares { spare.deallocate() } }

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

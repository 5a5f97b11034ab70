internal import MeshPlugins
internal import Synchronization

/// Marks in a table of fixed size without locks: each takes the place of whichever stood in its own.
///
/// Halves of two marks that are written at once match nothing.
final class SharedMarks: PluginMemory {
    /// Most marks that are remembered; 1 MiB.
    private static let capacity = 65_536

    private let words = AtomicWords(count: 2 * SharedMarks.capacity)

    func contains(_ mark: PluginMark) -> Bool {
        let place = Self.place(mark)
        return self.words[place].pointee.load(ordering: .relaxed) == mark.high
            && self.words[place + 1].pointee.load(ordering: .relaxed) == mark.low
    }

    func insert(_ mark: PluginMark) {
        let place = Self.place(mark)
        self.words[place].pointee.store(mark.high, ordering: .relaxed)
        self.words[place + 1].pointee.store(mark.low, ordering: .relaxed)
    }

    private static func place(_ mark: PluginMark) -> Int {
        2 * Int(truncatingIfNeeded: mark.low % UInt64(Self.capacity))
    }
}

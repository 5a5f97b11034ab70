internal import CMeshSystem
internal import MeshHTTP

/// The time of day as a worker tells it: milliseconds for logs, text for `Date`.
struct WallClock {
    /// Since 1970.
    private(set) var milliseconds: UInt64 = 0
    private var second = UInt64.max
    private let text = UnsafeMutableRawBufferPointer.allocate(
        byteCount: HTTPDate.byteCount,
        alignment: 8
    )

    init() { self.refresh() }

    func deallocate() { self.text.deallocate() }

    /// The value of `Date`.
    var date: UnsafeRawBufferPointer { UnsafeRawBufferPointer(self.text) }

    /// Reads the clock; makes a new text when the second has changed.
    @inline(__always)
    mutating func refresh() {
        self.milliseconds = UInt64(max(0, mesh_clock_wall_milliseconds()))
        let second = self.milliseconds / 1_000
        guard second != self.second else { return }
        self.second = second
        var writer = HeadWriter(self.text)
        HTTPDate.write(secondsSince1970: second, into: &writer)
    }
}

extension Worker {
    /// The value of `Date` now.
    @inline(__always)
    var date: UnsafeRawBufferPointer { self.wall.date }
}

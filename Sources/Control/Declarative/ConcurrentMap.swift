internal import Dispatch

extension Array where Element: Sendable {
    /// What `body` makes of each element, made on all processors.
    ///
    /// - Parameters:
    ///   - stretch: elements that one processor takes at a time.
    ///   - body: called once for each element, from several threads at once.
    /// - Returns: the results in the order of the elements.
    public func concurrentMap<Result: Sendable>(
        stretch: Int = 1_024,
        _ body: @Sendable (Element) -> Result
    ) -> [Result] {
        guard self.count > stretch else { return self.map(body) }
        return [Result](unsafeUninitializedCapacity: self.count) { results, count in
            // Each element is written once, by whoever has its stretch.
            nonisolated(unsafe) let results = results
            DispatchQueue.concurrentPerform(
                iterations: (self.count + stretch - 1) / stretch
            ) { index in
                let start = index * stretch
                for index in start..<Swift.min(start + stretch, self.count) {
                    results.initializeElement(at: index, to: body(self[index]))
                }
            }
            count = self.count
        }
    }
}

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

/// What `body` makes of each number from 0 on, two results of each, made on all processors.
///
/// - Parameters:
///   - count: how many numbers.
///   - stretch: numbers that one processor takes at a time.
///   - body: called once for each number, from several threads at once.
/// - Returns: the first and the second results in the order of the numbers.
public func concurrentPairs<First: Sendable, Second: Sendable>(
    count: Int,
    stretch: Int = 1_024,
    _ body: @Sendable (Int) -> (First, Second)
) -> ([First], [Second]) {
    var seconds: [Second] = []
    let firsts = [First](unsafeUninitializedCapacity: count) { firsts, made in
        seconds = [Second](unsafeUninitializedCapacity: count) { seconds, madeToo in
            // Each element is written once, by whoever has its stretch.
            nonisolated(unsafe) let firsts = firsts
            nonisolated(unsafe) let seconds = seconds
            DispatchQueue.concurrentPerform(iterations: (count + stretch - 1) / stretch) { index in
                let start = index * stretch
                for index in start..<min(start + stretch, count) {
                    let (first, second) = body(index)
                    firsts.initializeElement(at: index, to: first)
                    seconds.initializeElement(at: index, to: second)
                }
            }
            madeToo = count
        }
        made = count
    }
    return (firsts, seconds)
}

import MeshDissemination
import Testing

/// News with a size, about a numbered thing; `variant` 0 replaces all, others only their like.
private struct News: BroadcastItem, Equatable {
    let subject: Int
    var variant = 0
    var wireByteCount = 10

    func replaces(_ older: News) -> Bool { self.variant == 0 || self.variant == older.variant }
}

@Suite("A broadcast queue")
struct BroadcastQueueTests {
    @Test("fills the room to the byte")
    func packsExactly() {
        var queue = BroadcastQueue<News>(limit: 100)
        for number in 0..<5 { queue.insert(News(subject: number)) }

        #expect(queue.take(fitting: 30, sendLimit: 9).count == 3)
        #expect(queue.take(fitting: 29, sendLimit: 9).count == 2)
    }

    @Test("sends what was sent least first, and the newest of those")
    func ordersByUse() {
        var queue = BroadcastQueue<News>(limit: 100)
        queue.insert(News(subject: 10))
        _ = queue.take(fitting: 10, sendLimit: 9)
        queue.insert(News(subject: 11))
        queue.insert(News(subject: 12))

        #expect(queue.take(fitting: 30, sendLimit: 9).map(\.subject) == [12, 11, 10])
    }

    @Test("sends urgent news first, however often it was sent")
    func prefersUrgentNews() {
        var queue = BroadcastQueue<News>(limit: 100)
        queue.insert(News(subject: 1), urgency: .urgent)
        for _ in 0..<3 { _ = queue.take(fitting: 10, sendLimit: 9) }
        queue.insert(News(subject: 2))

        #expect(queue.take(fitting: 20, sendLimit: 9).map(\.subject) == [1, 2])
        #expect(queue.take(fitting: 20, sendLimit: 9, atLeast: .urgent).map(\.subject) == [1])
    }

    @Test("fills what a large item leaves with smaller ones behind it")
    func looksPastLargeItems() {
        var queue = BroadcastQueue<News>(limit: 100)
        queue.insert(News(subject: 1))
        queue.insert(News(subject: 2, wireByteCount: 50))

        #expect(queue.take(fitting: 20, sendLimit: 9).map(\.subject) == [1])
        #expect(queue.take(fitting: 50, sendLimit: 9).map(\.subject) == [2])
    }

    @Test("leaves out what the message holds already")
    func skips() {
        var queue = BroadcastQueue<News>(limit: 100)
        for number in 0..<3 { queue.insert(News(subject: number)) }

        let taken = queue.take(fitting: 100, sendLimit: 9, skipping: [1])

        #expect(taken.map(\.subject) == [2, 0])
        #expect(queue.take(fitting: 10, sendLimit: 9).map(\.subject) == [1])
    }

    @Test("counts what others send as sent")
    func discounts() {
        var queue = BroadcastQueue<News>(limit: 100)
        queue.insert(News(subject: 1))
        queue.discount(1, by: 2, sendLimit: 4)
        #expect(queue.take(fitting: 10, sendLimit: 4).count == 1)
        queue.discount(1, by: 1, sendLimit: 4)

        #expect(queue.isEmpty)
    }

    @Test("drops an item that was sent often enough")
    func boundsSends() {
        var queue = BroadcastQueue<News>(limit: 100)
        queue.insert(News(subject: 1), urgency: .urgent)

        let sends = (0..<10).map { _ in queue.take(fitting: 100, sendLimit: 4).count }

        #expect(sends.reduce(0, +) == 4)
        #expect(queue.isEmpty)
        #expect(!queue.hasUrgent)
    }

    @Test("sends bulk fewer times, and only bulk")
    func boundsBulk() {
        var queue = BroadcastQueue<News>(limit: 100)
        queue.insert(News(subject: 1), isBulk: true)
        queue.insert(News(subject: 2))
        queue.insert(News(subject: 3), urgency: .urgent)
        var sends: [Int: Int] = [:]
        for _ in 0..<20 {
            for item in queue.take(fitting: 100, sendLimit: 8, bulkLimit: 2) {
                sends[item.subject, default: 0] += 1
            }
        }
        #expect(sends == [1: 2, 2: 8, 3: 8])

        queue.insert(News(subject: 1), isBulk: true)
        let alone = (0..<20).map { _ in queue.take(fitting: 100, sendLimit: 8).count }
        #expect(alone.reduce(0, +) == 8, "as often as anything while there is little")
    }

    @Test("holds the newest of a subject, and beside it what it does not replace")
    func replaces() {
        var queue = BroadcastQueue<News>(limit: 100)
        for variant in [1, 2, 2] { queue.insert(News(subject: 7, variant: variant)) }
        #expect(queue.items(of: 7).map(\.variant) == [1, 2])

        queue.insert(News(subject: 7))
        #expect(queue.items(of: 7).map(\.variant) == [0])

        queue.remove(7)
        #expect(queue.isEmpty)
        #expect(queue.take(fitting: 100, sendLimit: 1).isEmpty)
    }

    @Test("never grows beyond its limit: what was sent most goes, urgent news last")
    func isBounded() {
        var queue = BroadcastQueue<News>(limit: 3)
        queue.insert(News(subject: 1), urgency: .urgent)
        queue.insert(News(subject: 2))
        _ = queue.take(fitting: 20, sendLimit: 9)
        queue.insert(News(subject: 3))
        queue.insert(News(subject: 4))

        #expect(queue.count == 3)
        #expect(queue.items(of: 2).isEmpty)
        #expect(queue.overflowCount == 1)
        for number in 0..<1_000 { queue.insert(News(subject: 10 + number % 7)) }
        #expect(queue.count == 3)
        #expect(queue.items(of: 1).count == 1)
    }

    @Test("sends each of many items equally often while others come and go")
    func isFair() {
        var queue = BroadcastQueue<News>(limit: 64)
        var sends: [Int: Int] = [:]
        for number in 0..<20 { queue.insert(News(subject: number)) }
        for _ in 0..<40 {
            for item in queue.take(fitting: 50, sendLimit: 8) {
                sends[item.subject, default: 0] += 1
            }
        }

        #expect(sends.count == 20)
        #expect(Set(sends.values) == [8])
    }

    @Test("sends each item four times per decimal digit of the fleet's size")
    func limitsSends() {
        #expect(
            [0, 1, 9, 10, 99, 100, 1_000].map { SendLimit.times(4, among: $0) }
                == [4, 4, 4, 8, 8, 12, 16]
        )
    }
}

import CMeshSystem
import Glibc
import MeshHTTP
import Testing

@testable import MeshDataPlane

@Suite("The reactor's parts")
struct ReactorTests {
    @Test("a timer wheel fires each place once, not before its deadline and soon after")
    func timers() throws {
        var wheel = try #require(TimerWheel(capacity: 600, now: 5_000))
        defer { wheel.deallocate() }
        var deadlines: [Int32: Int64] = [:]
        for place in 0..<500 {
            let deadline = 5_000 + Int64((place * 7_919) % 40_000)
            wheel.set(Int32(place), deadline)
            deadlines[Int32(place)] = deadline
        }
        // Every third is pushed out, every fifth pulled in, every seventh taken away.
        for place in 0..<500 {
            let index = Int32(place)
            if place % 3 == 0 { deadlines[index, default: 0] += 12_345 }
            if place % 5 == 0 { deadlines[index] = 5_100 }
            if place % 7 == 0 { deadlines[index] = nil }
            if let deadline = deadlines[index] {
                wheel.set(index, deadline)
            } else {
                wheel.clear(index)
            }
        }

        var now: Int64 = 5_000
        while now < 70_000 {
            now += 3
            while true {
                let place = wheel.expired(now: now)
                guard place >= 0 else { break }
                let removed = deadlines.removeValue(forKey: place)
                let deadline = try #require(removed)
                #expect(deadline <= now)
                #expect(now - deadline <= 2 * TimerWheel.tick)
            }
        }

        #expect(deadlines.isEmpty)
    }

    @Test("a block queue gives back what it took, in order, and all of its blocks")
    func queues() {
        var pool = BlockPool()
        var queue = BlockQueue()
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        var taken: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 7_001) {
            bytes[start..<min(start + 7_001, bytes.count)]
                .withUnsafeBytes { queue.append($0, from: &pool) }
            let first = queue.first.prefix(2_500)
            taken += Array(first)
            queue.consume(first.count, to: &pool)
        }
        #expect(queue.count == bytes.count - taken.count)
        while !queue.isEmpty {
            let first = queue.first
            taken += Array(first)
            queue.consume(first.count, to: &pool)
        }

        #expect(taken == bytes)
        #expect(pool.taken == 0)
        pool.deallocate()
    }

    @Test("a slab reuses the place given back last and ends at its capacity")
    func slabs() throws {
        var slab = try #require(Slab<UInt64>(capacity: 3))
        defer { slab.deallocate() }
        let places = (0..<4).map { _ in slab.take() }
        slab.giveBack(1)

        #expect(places == [0, 1, 2, -1])
        #expect(slab.take() == 1)
        #expect(slab.count == 3)
    }

    @Test("a log ring keeps whole lines in order and refuses what does not fit")
    func rings() {
        let ring = LogRing()
        let line = [UInt8](repeating: 65, count: 60_000)
        let append = { line.withUnsafeBytes { bytes in ring.append { $0.write(bytes) } } }
        let taken = (0..<18).map { _ in append() }

        #expect(taken == [Bool](repeating: true, count: 17) + [false])

        // Taken one by one, the next lines run over the end of the ring and go on at its start.
        var seen = 0
        for _ in 0..<20 {
            var wanted = line.count
            ring.flush { bytes in
                #expect(bytes.allSatisfy { $0 == 65 })
                let count = min(bytes.count, wanted)
                wanted -= count
                seen += count
                return count
            }
            #expect(append())
        }
        #expect(seen == 20 * line.count)
    }

    @Test("a log ring begins again at its start whenever all was read")
    func ringsBeginAgain() {
        let ring = LogRing()
        var places: [UnsafeRawPointer?] = []
        for number in 0..<3 {
            let text = Array("line \(number)".utf8)
            _ = text.withUnsafeBytes { bytes in ring.append { $0.write(bytes) } }
            ring.flush { bytes in
                #expect(bytes.elementsEqual(text))
                places.append(bytes.baseAddress)
                return bytes.count
            }
        }
        #expect(places.count == 3)
        #expect(Set(places).count == 1)
    }

    @Test("pieces of memory keep their content as they grow, and come back for the same size")
    func pieces() throws {
        let pieces = try #require(mesh_pieces_make())
        defer { mesh_pieces_release(pieces) }
        for size in [0, 1, 63, 64, 65, 2_047, 2_048, 100_000] {
            var piece = try #require(mesh_pieces_calloc(1, size, pieces))
            let zeroed = UnsafeRawBufferPointer(start: piece, count: size)
            #expect(zeroed.allSatisfy { $0 == 0 })
            memset(piece, 7, size)
            piece = try #require(mesh_pieces_realloc(piece, size * 3 + 1, pieces))
            let grown = UnsafeRawBufferPointer(start: piece, count: size)
            #expect(grown.allSatisfy { $0 == 7 })
            mesh_pieces_free(piece, pieces)
            let isKept = size * 3 + 1 < 2_048
            let next = try #require(mesh_pieces_malloc(size * 3 + 1, pieces))
            if isKept { #expect(next == piece) }
            mesh_pieces_free(next, pieces)
        }
        #expect(mesh_pieces_malloc(Int.max - 1, pieces) == nil)
        #expect(mesh_pieces_calloc(Int.max, 4, pieces) == nil)
        mesh_pieces_free(nil, pieces)
    }
}

import MeshEntities
import Testing

@Suite("A list of entities")
struct EntityListTests {
    private static func service(_ number: UInt64, host: String = "h") -> Service {
        Service(id: EntityID(high: 0, low: number), host: host)
    }

    @Test("shares with a copy whatever neither of them changes")
    func sharing() {
        let before: EntityList = [Self.service(1), Self.service(2), Self.service(3)]
        var after = before
        after[1].host = "other"

        #expect(before[1].host == "h")
        #expect(after[1].host == "other")
        #expect(after.isSame(at: 0, as: before, at: 0))
        #expect(!after.isSame(at: 1, as: before, at: 1))
        #expect(!after.isEqual(at: 1, to: before, at: 1))
        #expect(after != before)
        after[1].host = "h"
        #expect(after == before, "what is equal is equal, read once or twice")
        #expect(!after.isSame(at: 1, as: before, at: 1))
    }

    @Test("is changed as an array is")
    func changes() {
        var list: EntityList<Service> = []
        list.append(Self.service(3))
        list += [Self.service(1)]
        list.insert(Self.service(2), at: 0)
        list.sortByKey()
        #expect(list.map(\.id.low) == [1, 2, 3])
        list.remove(at: 1)
        #expect(Array(list) == [Self.service(1), Self.service(3)])
        list.removeAll { $0.id.low == 1 }
        #expect(list == [Self.service(3)])
        #expect(EntityList([Self.service(3)]) == list)
        #expect(list != [])
    }
}

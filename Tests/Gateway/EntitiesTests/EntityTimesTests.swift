import MeshEntities
import Testing

@Suite("The times of an entity")
struct EntityTimesTests {
    private let old = DocumentValue.record([
        "name": .string("a"), "created_at": .integer(1), "updated_at": .integer(2),
    ])

    private func document(_ name: String) -> DocumentValue {
        .record(["name": .string(name), "created_at": .null, "updated_at": .null])
    }

    @Test("stay when nothing else changes")
    func unchanged() {
        #expect(
            EntityTimes.stamped(self.document("a"), .services, over: self.old, at: 9) == self.old
        )
    }

    @Test("tell of the change and keep the creation when something does")
    func changed() {
        let stamped = EntityTimes.stamped(self.document("b"), .services, over: self.old, at: 9.7)
        #expect(stamped["created_at"] == .integer(1))
        #expect(stamped["updated_at"] == .integer(9))
    }

    @Test("begin with the entity, also over one that has none")
    func fresh() {
        for old in [nil, self.document("x")] {
            let stamped = EntityTimes.stamped(self.document("b"), .targets, over: old, at: 9.25)
            #expect(stamped["created_at"] == .number(9.25))
            #expect(stamped["updated_at"] == .number(9.25))
        }
    }
}

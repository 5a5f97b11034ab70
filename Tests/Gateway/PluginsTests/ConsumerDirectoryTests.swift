import MeshEntities
import MeshPrimitives
import Testing

@testable import MeshPlugins

@Suite("A directory of consumers")
struct ConsumerDirectoryTests {
    private static func configuration(_ count: UInt64) -> GatewayConfiguration {
        var entities = GatewayConfiguration()
        entities.consumers = EntityList(
            (0..<count).map {
                Consumer(id: EntityID(high: 1, low: $0), username: "user-\($0)")
            }
        )
        entities.keyCredentials = EntityList(
            (0..<count).map {
                KeyCredential(
                    id: EntityID(high: 2, low: $0),
                    consumer: EntityID(high: 1, low: $0),
                    key: "key-\($0)"
                )
            }
        )
        return entities
    }

    @Test("finds every key, and none that is almost one")
    func keys() {
        let directory = ConsumerDirectory(Self.configuration(10_000))
        for number in stride(from: UInt64(0), to: 10_000, by: 97) {
            let found = directory.keys.credential(named: "key-\(number)")
            #expect(found?.id == EntityID(high: 2, low: number))
            #expect(directory.keys.credential(named: "key-\(number) ") == nil)
        }
        #expect(directory.keys.credential(named: "") == nil)
        #expect(directory.keys.credential(named: "key-10000") == nil)
    }

    @Test("finds one key of a million as soon as one of a thousand", arguments: [1_000, 1_000_000])
    func million(count: Int) {
        let table = KeyTable((0..<count).lazy.map { "key-\($0)" })
        for number in stride(from: 0, to: count, by: count / 100) {
            var key = "key-\(number)"
            #expect(key.withUTF8 { table.number(of: UnsafeRawBufferPointer($0)) } == number)
        }
        // What a search of a key that is not there looks at, on average: the rest of a row of slots.
        var (steps, row) = (table.slots.count, 0)
        for slot in table.slots {
            row = slot.number == 0 ? 0 : row + 1
            steps += row
        }
        #expect(steps < 4 * table.slots.count)
    }

    @Test("finds consumers by id and by user name, and their groups")
    func consumers() {
        var entities = Self.configuration(3)
        let group = EntityID(high: 3, low: 1)
        entities.consumerGroups = [ConsumerGroup(id: group, name: "gold")]
        entities.groupMembers = [
            GroupMember(
                id: EntityID(high: 4, low: 1),
                consumer: EntityID(high: 1, low: 2),
                consumerGroup: group
            )
        ]
        entities.aclGroups = [
            ACLGroup(
                id: EntityID(high: 5, low: 1),
                consumer: EntityID(high: 1, low: 2),
                group: "admins"
            )
        ]
        let directory = ConsumerDirectory(entities)
        let place = directory.place(named: "user-2") ?? .nobody
        #expect(directory.place(named: "\(EntityID(high: 1, low: 2))") == place)
        #expect(directory[place]?.groups == [group])
        #expect(directory[place]?.accessGroups == ["admins"])
        #expect(directory[.nobody] == nil)
        #expect(directory.place(named: "nobody") == nil)
    }

    @Test("takes over from the one before what did not change")
    func reuse() {
        var entities = Self.configuration(100)
        let first = ConsumerDirectory(entities)
        entities.consumers[0].username = "renamed"
        let second = ConsumerDirectory(entities, reusing: first)
        entities.keyCredentials[0].key = "changed"
        let third = ConsumerDirectory(entities, reusing: second)
        #expect(second.keys === first.keys)
        #expect(second.place(named: "renamed") != nil)
        #expect(third.keys !== first.keys)
        #expect(third.passwords === first.passwords)
        #expect(third.keys.credential(named: "key-0") == nil)
    }

    @Test("keeps passwords hashed with Argon2id, the same way on every node")
    func passwords() {
        let id = EntityID(high: 1, low: 1)
        let hash = PasswordHash.make("pass", for: id) ?? ""
        #expect(hash.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        #expect(hash == PasswordHash.make("pass", for: id))
        #expect(hash != PasswordHash.make("pass", for: EntityID(high: 1, low: 2)))
        #expect(PasswordHash.isHash(hash) && !PasswordHash.isHash("pass"))
        #expect(PasswordHash.verify(Array("pass".utf8), hash, of: id))
        #expect(!PasswordHash.verify(Array("past".utf8), hash, of: id))
        #expect(!PasswordHash.verify([], hash, of: id))
        #expect(!PasswordHash.verify(Array("$argon2id$".utf8), "$argon2id$", of: id))
        #expect(PasswordHash.imported("no digest") == nil)
    }

    @Test(
        "decodes Base64 in either alphabet (RFC 4648)",
        arguments: [
            ("", ""), ("Zg==", "f"), ("Zg", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Pz8_", "???"),
            ("Pz8/", "???"), ("Z", nil), ("Zg=x", nil), ("Z g=", nil), ("Zg===", nil),
        ] as [(String, String?)]
    )
    func base64(text: String, bytes: String?) {
        #expect(Base64.decode(text.utf8).map { String(decoding: $0, as: UTF8.self) } == bytes)
        if let bytes {
            #expect(Base64.decode(Base64.encode(Array(bytes.utf8)).utf8) == Array(bytes.utf8))
        }
    }
}

import MeshEntities
import Testing

@testable import MeshDataPlane

@Suite("acl, as Kong's (§6.5)")
struct ACLTests {
    private func gateway(
        _ config: KeyValuePairs<String, DocumentValue>,
        anonymous: DocumentValue = .null
    ) throws -> ProtectedGateway {
        try ProtectedGateway([
            .named("key-auth", ["anonymous": anonymous]), .named("acl", config),
        ])
    }

    private static let admins = DocumentValue.list([.string("admins"), .string("nobody")])

    @Test("lets consumers of a group pass and tells the target all their groups")
    func allow() throws {
        let gateway = try self.gateway(["allow": Self.admins])
        let answer = try #require(gateway.ask("apikey: ann-key\r\nX-Consumer-Groups: forged\r\n"))
        #expect(answer.status == 200)
        #expect(answer.text.contains("x-consumer-groups: admins, staff\n"))
        #expect(!answer.text.contains("forged"))
        let refused = try #require(gateway.ask(key: "bob-key"))
        #expect(refused.status == 403)
        #expect(refused.text.contains("\"message\":\"You cannot consume this service\""))
    }

    @Test("keeps consumers of a group out")
    func deny() throws {
        let gateway = try self.gateway(["deny": Self.admins])
        #expect(gateway.ask(key: "ann-key")?.status == 403)
        #expect(gateway.ask(key: "bob-key")?.text.contains("x-consumer-groups: staff\n") == true)
    }

    @Test("looks at consumer groups too when it is told to, and tells the target of them")
    func consumerGroups() throws {
        let gold = DocumentValue.list([.string("gold")])
        for includes in [false, true] {
            let config: KeyValuePairs<String, DocumentValue> = [
                "allow": gold, "include_consumer_groups": .bool(includes),
            ]
            let gateway = try ProtectedGateway([.named("key-auth"), .named("acl", config)]) {
                $0.consumerGroups = [ConsumerGroup(id: ProtectedGateway.goldID, name: "gold")]
                $0.groupMembers = [
                    GroupMember(
                        id: EntityID(high: 11, low: 1),
                        consumer: ProtectedGateway.annID,
                        consumerGroup: ProtectedGateway.goldID
                    )
                ]
            }
            let answer = try #require(gateway.ask(key: "ann-key"))
            #expect(answer.status == (includes ? 200 : 403))
            #expect(
                answer.text.contains("x-consumer-groups: admins, staff, gold\n") == includes
            )
            #expect(gateway.ask(key: "bob-key")?.status == 403)
        }
    }

    @Test("keeps the groups to itself when it is told to")
    func hidden() throws {
        let gateway = try self.gateway(["allow": Self.admins, "hide_groups_header": .bool(true)])
        let answer = try #require(gateway.ask(key: "ann-key"))
        #expect(answer.status == 200)
        #expect(!answer.text.contains("x-consumer-groups"))
    }

    @Test("refuses whom nobody has authenticated, and an anonymous consumer of no group")
    func nobody() throws {
        let open = try ProtectedGateway([.named("acl", ["allow": Self.admins])])
        let answer = try #require(open.ask(key: "ann-key"))
        #expect(answer.status == 401)
        #expect(answer.text.contains("\"message\":\"Unauthorized\""))
        let guest = try self.gateway(["allow": Self.admins], anonymous: .string("guest"))
        #expect(guest.ask()?.status == 403)
    }
}

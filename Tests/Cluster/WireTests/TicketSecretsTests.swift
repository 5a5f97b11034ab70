import MeshWire
import Testing

@Suite("The secrets of session tickets")
struct TicketSecretsTests {
    private static let first = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    private static let second = "7iqqJcGn5wEe4tFBlBfbrnuu5T3uvSwzOlyEyYQ0pnU="

    private func secrets(
        _ ring: String,
        _ period: UInt64,
        in mesh: String = "m"
    ) throws
        -> TicketSecrets
    {
        try KeyRing(parsing: ring).ticketSecrets(period: period, clusterName: mesh)
    }

    @Test("are the same on every node of a mesh, and have the sizes that TLS wants")
    func same() throws {
        let here = try self.secrets("1 \(Self.first)", 7)
        let there = try self.secrets("1 \(Self.first)", 7)

        #expect(here == there)
        #expect(here.current.name.count == 16)
        #expect(here.current.secret.count == 64)
    }

    @Test("differ by period, mesh and key, names too")
    func differ() throws {
        let all = [
            try self.secrets("1 \(Self.first)", 7), try self.secrets("1 \(Self.first)", 8),
            try self.secrets("1 \(Self.first)", 7, in: "n"),
            try self.secrets("1 \(Self.second)", 7),
        ].map(\.current)

        #expect(Set(all.map(\.name)).count == all.count)
        #expect(Set(all.map(\.secret)).count == all.count)
    }

    @Test("of the periods before and after are accepted, for clocks differ")
    func neighbours() throws {
        let now = try self.secrets("1 \(Self.first)", 7)

        #expect(now.accepted.contains(try self.secrets("1 \(Self.first)", 6).current))
        #expect(now.accepted.contains(try self.secrets("1 \(Self.first)", 8).current))
        #expect(now.accepted.count == 2)
        #expect(!now.accepted.contains(now.current))
    }

    @Test("of both keys are accepted while the ring changes from one to the other")
    func ringChange() throws {
        let before = try self.secrets("1 \(Self.first) primary\n2 \(Self.second)", 7)
        let after = try self.secrets("1 \(Self.first)\n2 \(Self.second) primary", 7)

        #expect(before.accepted.first == after.current)
        #expect(after.accepted.first == before.current)
        #expect(before.accepted.count == 5)
    }

    @Test("pins and sessions have a secret of each key, the sealing key's first, and share none")
    func cookies() throws {
        let before = try self.secrets("1 \(Self.first) primary\n2 \(Self.second)", 7)
        let after = try self.secrets("1 \(Self.first)\n2 \(Self.second) primary", 8)
        let alone = try self.secrets("2 \(Self.second)", 9)

        #expect(before.sessions.count == 2)
        #expect(before.sessions.reversed() == after.sessions)
        #expect(before.pins.reversed() == after.pins)
        #expect(alone.sessions == [after.sessions[0]])
        #expect(try self.secrets("2 \(Self.second)", 9, in: "n").sessions != alone.sessions)
        #expect(Set(before.sessions + before.pins).count == 4)
        #expect(before.sessions.allSatisfy { $0.count == 32 })
    }

    @Test("exist at the ends of time")
    func ends() throws {
        for period in [0, UInt64.max] {
            #expect(try self.secrets("1 \(Self.first)", period).accepted.count == 2)
        }
    }

    @Test("are never printed")
    func hidden() throws {
        let current = try self.secrets("1 \(Self.first)", 7).current
        var text = ""
        dump(current, to: &text)

        #expect("\(current)" == "ticket secret")
        #expect(!text.contains("secret:"))
        #expect(!text.contains("- \(current.secret[0])\n- \(current.secret[1])"))
    }
}

import MeshBalancing
import MeshEntities
import MeshPlugins
import MeshPrimitives
import Testing

@testable import MeshDataPlane

@Suite("The lineage of snapshots")
struct SnapshotLineageTests {
    private func snapshot(
        _ configuration: GatewayConfiguration,
        _ addresses: HostAddresses = HostAddresses()
    ) throws -> Snapshot {
        try Snapshot(
            configuration: configuration,
            addresses: addresses,
            localRegion: "eu",
            version: 1
        )
    }

    /// Upstreams `u0`, `u1`, …, each with a service and a route.
    private func entities(_ numbers: [Int]) -> GatewayConfiguration {
        var result = GatewayConfiguration()
        for number in numbers {
            let low = UInt64(number)
            let upstream = Upstream(id: EntityID(high: 1, low: low), name: "u\(number)")
            result.upstreams.append(upstream)
            result.targets.append(
                Target(
                    id: EntityID(high: 2, low: low),
                    target: "10.0.0.1:\(1_000 + number)",
                    upstream: upstream.id
                )
            )
            result.services.append(
                Service(id: EntityID(high: 3, low: low), name: "s\(number)", host: upstream.name)
            )
            result.routes.append(
                Route(
                    id: EntityID(high: 4, low: low),
                    name: "r\(number)",
                    service: EntityID(high: 3, low: low),
                    paths: ["/\(number)"]
                )
            )
        }
        return result
    }

    @Test("hands on what does not change, and numbers that nobody has")
    func handsOn() throws {
        var lineage = SnapshotLineage(workers: 2)
        let first = lineage.installation(
            of: try self.snapshot(self.entities([0, 1, 2])),
            TLSContexts()
        )
        var changed = self.entities([2, 3, 0])
        changed.targets[2].weight = 7
        changed.upstreams[0].tags = ["new"]
        let second = lineage.installation(of: try self.snapshot(changed), TLSContexts())

        #expect(first.numbers == [0, 1, 2])
        #expect(second.shapes.map(\.upstream.name) == ["u2", "u3", "u0"])
        #expect(Set(second.numbers).count == 3)
        #expect(second.numbers[0] == 2 && second.numbers[2] == 0)
        // Another tag changes the shape, but neither its plan nor its counters.
        #expect(second.shapes[0] !== first.shapes[2])
        #expect(second.shapes[0].balancer === first.shapes[2].balancer)
        #expect(second.shapes[0].rows[0] === first.shapes[2].rows[0])
        // Another weight changes the plan; the counters stay.
        #expect(second.shapes[2].balancer !== first.shapes[0].balancer)
        #expect(second.shapes[2].rows[0] === first.shapes[0].rows[0])
        #expect(second.routes[0] === first.routes[2])
        let third = lineage.installation(
            of: try self.snapshot(self.entities([4, 5])),
            TLSContexts()
        )
        #expect(third.numbers.allSatisfy { $0 < third.numberCount } && third.numberCount <= 5)
        #expect(Set(third.numbers).count == 2)
    }

    @Test("keeps an equal snapshot's shapes, though everything was compiled anew")
    func recognizesEqual() throws {
        var lineage = SnapshotLineage(workers: 1)
        let first = lineage.installation(
            of: try self.snapshot(self.entities([0, 1])),
            TLSContexts()
        )
        let second = lineage.installation(
            of: try self.snapshot(self.entities([0, 1])),
            TLSContexts()
        )

        #expect(zip(first.shapes, second.shapes).allSatisfy { $0 === $1 })
        #expect(first.numbers == second.numbers)
    }

    @Test("frees counters of what is gone with the last installation that had it")
    func frees() throws {
        var lineage = SnapshotLineage(workers: 8)
        weak var route: RouteRows?
        weak var target: TargetRows?
        do {
            let first = lineage.installation(
                of: try self.snapshot(self.entities([0, 1])),
                TLSContexts()
            )
            route = first.routes[0]
            target = first.shapes[0].rows[0]
            _ = lineage.installation(of: try self.snapshot(self.entities([1])), TLSContexts())
            #expect(route != nil && target != nil)
            withExtendedLifetime(first) {}
        }
        #expect(route == nil)
        #expect(target == nil)
    }

    @Test("an address that a name has twice is one target")
    func mergesDoubles() throws {
        var entities = self.entities([0])
        entities.targets[0].target = "web.example:80"
        let addresses = HostAddresses(["web.example": [.v4(1), .v4(2), .v4(1)]])

        #expect(try self.snapshot(entities, addresses).upstreams[0].targets.count == 2)
    }

    @Test("an upstream of 65,535 addresses is refused with its name, one of 65,534 is taken")
    func limitsAddresses() throws {
        var entities = self.entities([0])
        entities.targets[0].target = "web.example:80"
        let many = (1...65_535).map { IPAddress.v4(UInt32($0)) }

        let error = #expect(throws: SnapshotError.self) {
            try self.snapshot(entities, HostAddresses(["web.example": many]))
        }
        let fitting = try self.snapshot(
            entities,
            HostAddresses(["web.example": Array(many.dropLast())])
        )

        #expect(error == .tooManyTargets(upstream: "u0", count: 65_535))
        #expect(error.map { "\($0)" }?.contains("at most 65534") == true)
        var lineage = SnapshotLineage(workers: 1)
        #expect(
            lineage.installation(of: fitting, TLSContexts()).shapes[0].balancer.targets.count
                == 65_534
        )
    }

    @Test("keeps the upstreams of services that name a host, but for a host that has moved")
    func implicitUpstreams() throws {
        var configuration = GatewayConfiguration()
        for (number, host) in ["127.0.0.1", "a.test", "b.test"].enumerated() {
            let id = EntityID(high: 3, low: UInt64(number))
            configuration.services.append(Service(id: id, name: "s\(number)", host: host))
        }
        var addresses = HostAddresses()
        addresses["a.test"] = [HostAddress(.v4(1))]
        addresses["b.test"] = [HostAddress(.v4(2))]
        let first = try self.snapshot(configuration, addresses)
        addresses["b.test"] = [HostAddress(.v4(3))]
        configuration.services[0].port = 81
        let second = try Snapshot(
            configuration: configuration,
            addresses: addresses,
            localRegion: "eu",
            version: 2,
            reusing: first
        )
        let isKept = zip(first.upstreams, second.upstreams).map { $0 === $1 }
        #expect(isKept == [false, true, false])
        #expect(
            second.upstreams.map { $0.targets.map(\.target) } == [
                ["127.0.0.1:81"], ["a.test:80"], ["b.test:80"],
            ]
        )
    }

    @Test("services share connections when address, TLS identity and protocol are equal")
    func keysPools() throws {
        var entities = self.entities([0])
        entities.targets[0].target = "web.example:443"
        entities.targets[0].weight = 1
        let certificate = EntityID(high: 5, low: 1)
        let changes: [(inout Service) -> Void] = [
            { _ in },
            { $0.protocol = .https },
            {
                $0.protocol = .https; $0.tlsVerify = true
            },
            {
                $0.protocol = .https; $0.clientCertificate = certificate
            },
            {
                $0.protocol = .https; $0.readTimeout = 5
            },
            { $0.protocol = .grpc },
            { $0.protocol = .grpcs },
        ]
        entities.services = EntityList(
            changes.enumerated().map { index, change in
                var service = Service(id: EntityID(high: 3, low: UInt64(index)), host: "u0")
                change(&service)
                return service
            }
        )
        var lineage = SnapshotLineage(workers: 1)
        let shape = lineage.installation(
            of: try self.snapshot(entities, HostAddresses(["web.example": [.v4(9)]])),
            TLSContexts()
        ).shapes[0]

        // The fifth speaks as the second does.
        #expect(shape.identities.count == 6)
        #expect(Set(shape.pools).count == 6)
        #expect(shape.pools[0].tls == nil && shape.pools[0].protocol == .http1)
        #expect(shape.pools[1].tls?.serverName == "web.example")
        #expect(shape.pools[3].tls?.policy.clientCertificate == certificate)
        #expect(shape.pools[4].protocol == .http2 && shape.pools[4].tls == nil)
        #expect(shape.pools[5].protocol == .http2 && shape.pools[5].tls != nil)
        let hosts = (0..<6).map {
            String(decoding: shape.plan.targets[$0].hostHeader.bytes, as: UTF8.self)
        }
        // 443 is the default port of TLS only.
        #expect(hosts.map { $0 == "web.example" } == [false, true, true, true, false, true])
        #expect(hosts[0] == "web.example:443")
        #expect(HopIdentity.name(in: "[2001:db8::1]:443") == "[2001:db8::1]")
        #expect(HopIdentity.name(in: "[2001:db8::1]") == "[2001:db8::1]")
    }

    @Test("a route runs its own, its service's and unbound plugins, and no others")
    func bindsPlugins() throws {
        var entities = self.entities([0, 1, 2])
        let plugin = { (low: UInt64, route: EntityID?, service: EntityID?) in
            var plugin = Plugin(id: EntityID(high: 6, low: low), name: "request-termination")
            plugin.route = route
            plugin.service = service
            return plugin
        }
        entities.plugins = [
            plugin(1, EntityID(high: 4, low: 0), nil), plugin(2, nil, EntityID(high: 3, low: 1)),
        ]
        let bound = try self.snapshot(entities)
        entities.plugins.append(plugin(3, nil, nil))
        let global = try self.snapshot(entities)

        #expect(bound.chains.map(\.isEmpty) == [false, false, true])
        #expect(global.chains.map(\.isEmpty) == [false, false, false])
    }
}

@Suite("Places of pools")
struct PoolPlacesTests {
    private func key(_ port: UInt16) -> PoolKey {
        PoolKey(endpoint: Endpoint(address: .v4(1), port: port), tls: nil, protocol: .http1)
    }

    @Test("are given again when they are vacated, and never to two keys")
    func reuses() {
        var places = PoolPlaces()
        let first = (1...50).map { places.place(of: self.key($0)) }
        #expect(Set(first).count == 50)
        #expect(places.place(of: self.key(7)) == first[6])
        for place in first[..<40] { places.vacate(place) }
        places.vacate(first[0])
        let second = (101...140).map { places.place(of: self.key($0)) }

        #expect(Set(second + first[40...]).count == 50)
        #expect(places.count == 50)
        #expect(places.usedCount == 50)
    }
}

@Suite("Messages to workers")
struct WorkerMessageTests {
    @Test(
        "factors and shares for many targets are one message while they wait; the last word counts"
    )
    func join() throws {
        let mailbox = try #require(Mailbox<WorkerMessage>())
        let shares = { GroupShares(upstream: $0, shares: $1) }
        for number in 0..<1_000 {
            let id = TargetID(rawValue: UInt64(number % 100))
            mailbox.post(.factors([id: Float(number)]), join: WorkerMessage.join)
        }
        mailbox.post(.shares(["a": shares("a", [1_000])]), join: WorkerMessage.join)
        mailbox.post(
            .shares(["a": shares("a", [0, 1_000]), "b": shares("b", [500, 500])]),
            join: WorkerMessage.join
        )
        mailbox.post(.closing(true), join: WorkerMessage.join)
        mailbox.post(.factors([:]), join: WorkerMessage.join)
        let messages = mailbox.take()

        #expect(messages.count == 4)
        guard case .factors(let factors) = messages[0], case .shares(let latest) = messages[1]
        else {
            Issue.record("\(messages)")
            return
        }
        #expect(factors.count == 100)
        #expect((0..<100).allSatisfy { factors[TargetID(rawValue: $0)] == Float(900 + $0) })
        #expect(latest.mapValues(\.shares) == ["a": [0, 1_000], "b": [500, 500]])
        #expect(mailbox.take().isEmpty)
    }
}

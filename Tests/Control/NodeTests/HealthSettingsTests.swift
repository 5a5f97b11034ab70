import MeshEntities
import MeshHealth
import Testing

@testable import MeshNode

@Suite("The health settings of an upstream")
struct HealthSettingsTests {
    private func check(
        _ type: Healthchecks.CheckType,
        host: String = "a.test:8443",
        _ change: (inout Upstream) -> Void = { _ in }
    ) -> ProbeRequest.Check {
        var upstream = Upstream(id: EntityID(high: 1, low: 1), name: "u")
        upstream.healthchecks.active.type = type
        upstream.healthchecks.active.healthy.interval = 1
        upstream.healthchecks.active.httpPath = "/up"
        change(&upstream)
        return HealthSettings(upstream, host: host).active.check
    }

    @Test("ask what the type says, with the server name that the certificate must be for")
    func types() {
        let tls = ProbeTLS(serverName: "a.test", verifies: true)

        #expect(self.check(.tcp) == .tcp)
        #expect(self.check(.http) == .http(path: "/up", host: "a.test:8443", headers: []))
        #expect(
            self.check(.https) == .https(path: "/up", host: "a.test:8443", headers: [], tls: tls)
        )
        #expect(self.check(.grpc) == .grpc(host: "a.test:8443", tls: nil))
        #expect(self.check(.grpcs) == .grpc(host: "a.test:8443", tls: tls))
    }

    @Test("take https_sni, https_verify_certificate and the upstream's certificate")
    func tls() {
        let id = EntityID(high: 2, low: 1)
        let check = self.check(.https) { upstream in
            upstream.healthchecks.active.httpsSNI = "b.test"
            upstream.healthchecks.active.httpsVerifyCertificate = false
            upstream.clientCertificate = id
        }

        let tls = ProbeTLS(
            serverName: "b.test",
            verifies: false,
            clientCertificate: id.description
        )
        #expect(check == .https(path: "/up", host: "a.test:8443", headers: [], tls: tls))
    }

    @Test("name an address without its brackets")
    func addresses() {
        guard case .grpc(_, let tls) = self.check(.grpcs, host: "[2001:db8::1]:443") else {
            Issue.record("no check of gRPC")
            return
        }

        #expect(tls?.serverName == "2001:db8::1")
    }

    @Test("only connect while active checks are off")
    func off() {
        #expect(self.check(.https) { $0.healthchecks.active.healthy.interval = 0 } == .tcp)
    }
}

import Testing

@testable import MeshTLS

@Suite("A certificate")
struct TLSCertificateTests {
    @Test("says whose it is, until when, and of which kind")
    func says() throws {
        let authority = try TestAuthority.shared.get()
        let chain = try #require(TLSCertificate.chain(pem: authority.deepChain.certificate))

        #expect(chain.map(\.subject) == ["CN=deep", "CN=middle"])
        #expect(chain.map(\.issuer) == ["CN=middle", "CN=root"])
        #expect(chain.map(\.names) == [["deep.test"], ["middle"]])
        #expect(chain.map(\.isAuthority) == [false, true])
        #expect(chain.map(\.keyType) == [.ecdsa, .ecdsa])
        let rsa = TLSCertificate.chain(pem: authority.goodRSA.certificate)?.first
        #expect(rsa?.keyType == .rsa)

        let expired = try #require(
            TLSCertificate.chain(pem: authority.expired.certificate)?.first
        )
        // 2020-01-01 00:00:00 and :01 UTC.
        #expect(expired.notBefore == 1_577_836_800)
        #expect(expired.notAfter == 1_577_836_801)
        #expect(!expired.isExpired(at: 1_577_836_801))
        #expect(expired.isExpired(at: 1_577_836_802))
    }

    @Test("has the digest that openssl prints")
    func digests() throws {
        let identity = TestIdentities.make("a.test")
        let printed = try Tool.run(
            ["openssl", "x509", "-noout", "-fingerprint", "-sha256"],
            input: identity.main.certificate
        )
        let digits = printed.output.split(separator: "=").last?.filter(\.isHexDigit).lowercased()
        #expect(TestIdentities.digest(identity) == digits)
    }

    @Test("is read from damaged text as nothing")
    func readsDamaged() {
        let sound = TestIdentities.make("a.test").main.certificate
        #expect(TLSCertificate.chain(pem: "") == nil)
        #expect(TLSCertificate.chain(pem: "no certificate") == nil)
        #expect(TLSCertificate.chain(pem: sound + sound.dropLast(60)) == nil)
        #expect(TLSCertificate.chain(pem: "text before\n" + sound + "text behind")?.count == 1)
    }

    @Test("matches its own key only")
    func matches() {
        let first = TestIdentities.make("a.test").main
        let second = TestIdentities.make("a.test", .rsa).main
        func isMatch(_ certificate: String, _ key: String) -> Bool {
            TLSCertificate.isMatch(certificatePEM: certificate, keyPEM: key)
        }
        #expect(isMatch(first.certificate, first.key))
        #expect(isMatch(second.certificate, second.key))
        #expect(!isMatch(first.certificate, second.key))
        #expect(!isMatch(second.certificate, first.key))
        #expect(!isMatch("", first.key))
        #expect(!isMatch(first.certificate, ""))
    }

    @Test(
        "that vouches for itself lasts 20 years and satisfies openssl",
        arguments: [TLSCertificate.KeyType.rsa, .ecdsa]
    )
    func vouchesForItself(type: TLSCertificate.KeyType) throws {
        let made = try #require(TLSCertificate.selfSigned(keyType: type, now: TestIdentities.now))
        let read = try #require(TLSCertificate.chain(pem: made.certificate)?.first)

        #expect(read.subject == "CN=localhost")
        #expect(read.names == ["localhost"])
        #expect(read.keyType == type)
        #expect(!read.isAuthority)
        #expect(read.notBefore == TestIdentities.now)
        #expect(read.notAfter == TestIdentities.now + 20 * 365 * 86_400)
        let text = try Tool.run(
            ["openssl", "x509", "-noout", "-text", "-checkhost", "localhost"],
            input: made.certificate
        )
        #expect(text.output.contains("does match certificate"))
        #expect(text.output.contains("TLS Web Server Authentication"))
    }

    @Test("that vouches for itself takes no name that is a list in disguise")
    func refusesNames() {
        let now = TestIdentities.now
        #expect(TLSCertificate.selfSigned(commonName: "a,DNS:b", keyType: .ecdsa, now: now) == nil)
        #expect(TLSCertificate.selfSigned(commonName: "", keyType: .ecdsa, now: now) == nil)
        let long = String(repeating: "a", count: 65)
        #expect(TLSCertificate.selfSigned(commonName: long, keyType: .ecdsa, now: now) == nil)
    }
}

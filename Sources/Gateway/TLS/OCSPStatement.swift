internal import COpenSSL

/// What an OCSP response says of its first certificate, to tell whether it is worth stapling.
///
/// Its signature is not checked here; clients do. Source: RFC 6960 section 4.2.
public struct OCSPStatement: Equatable, Sendable {
    /// Whether the certificate is neither revoked nor unknown.
    public let isGood: Bool
    /// When this was known to be so, Unix seconds.
    public let thisUpdate: Int
    /// When newer word should be there, Unix seconds; nil: at any time.
    public let nextUpdate: Int?

    /// Reads a response in DER; nil when it is none, or refuses to answer.
    public init?(response: [UInt8]) {
        defer { ERR_clear_error() }
        let parsed = response.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_OCSP_RESPONSE(nil, &start, bytes.count)
        }
        guard let parsed else { return nil }
        defer { OCSP_RESPONSE_free(parsed) }
        guard let basic = OCSP_response_get1_basic(parsed) else { return nil }
        defer { OCSP_BASICRESP_free(basic) }
        guard let single = OCSP_resp_get0(basic, 0) else { return nil }
        var reason: Int32 = 0
        var revokedAt: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        var this: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        var next: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        let status = OCSP_single_get0_status(single, &reason, &revokedAt, &this, &next)
        self.isGood = status == V_OCSP_CERTSTATUS_GOOD
        self.thisUpdate = TLSCertificate.seconds(this)
        self.nextUpdate = next.map { TLSCertificate.seconds($0) }
    }

    /// Whether stapling it helps at `seconds` (Unix): good, and not due for a newer one.
    public func isUseful(at seconds: Int) -> Bool {
        self.isGood && self.thisUpdate <= seconds && seconds < self.nextUpdate ?? .max
    }
}

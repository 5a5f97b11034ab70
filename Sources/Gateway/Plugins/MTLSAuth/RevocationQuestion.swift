internal import COpenSSL

/// The question whether one certificate was revoked, and how answers to it are read.
final class RevocationQuestion: Sendable {
    /// What an answer says.
    enum Finding: Equatable, Sendable {
        case good
        case revoked
        /// Nothing that may be relied on.
        case unknown

        fileprivate init(_ number: Int32) {
            self = number == 0 ? .good : number == 1 ? .revoked : .unknown
        }
    }

    /// Most places of each kind that are asked, and most bytes of an address.
    private static let placeLimit: Int32 = 2
    private static let addressLimit: Int32 = 1_024

    /// Only read, and freed with the question.
    private nonisolated(unsafe) let certificate: OpaquePointer
    private nonisolated(unsafe) let issuer: OpaquePointer

    /// Asks for a certificate; takes `issuer` over, whose reference is the caller's until now.
    init(_ certificate: OpaquePointer, issuer: OpaquePointer) {
        X509_up_ref(certificate)
        self.certificate = certificate
        self.issuer = issuer
    }

    deinit {
        X509_free(self.certificate)
        X509_free(self.issuer)
    }

    /// Where the authority answers (RFC 5280 section 4.2.2.1).
    var responders: [String] {
        Self.addresses { mesh_responder_address(self.certificate, $0, $1, $2) }
    }

    /// Where the authority's lists are (RFC 5280 section 4.2.1.13).
    var lists: [String] {
        Self.addresses { mesh_revocation_list_address(self.certificate, $0, $1, $2) }
    }

    /// The question in the form of RFC 6960; empty when there is no memory for it.
    var text: [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = mesh_revocation_question(self.certificate, self.issuer, &bytes)
        defer { CRYPTO_free(bytes, nil, 0) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    /// What an answer of a responder says.
    func read(answer: [UInt8]) -> Finding {
        Finding(mesh_revocation_answer(self.certificate, self.issuer, answer, answer.count))
    }

    /// What a list says.
    func read(list: [UInt8]) -> Finding {
        Finding(
            mesh_revocation_list(
                self.certificate,
                self.issuer,
                list,
                Int32(clamping: list.count)
            )
        )
    }

    private static func addresses(
        _ read: (Int32, UnsafeMutablePointer<CChar>, Int32) -> Int32
    ) -> [String] {
        (0..<Self.placeLimit).compactMap { index in
            let text = withUnsafeTemporaryAllocation(
                of: CChar.self,
                capacity: Int(Self.addressLimit)
            ) { room -> String? in
                guard let start = room.baseAddress,
                    case let count = read(index, start, Self.addressLimit), count > 0
                else { return nil }
                return String(
                    decoding: UnsafeRawBufferPointer(start: start, count: Int(count)),
                    as: UTF8.self
                )
            }
            return text
        }
    }
}

import MeshEntities
internal import MeshPrimitives

/// A JSON web token in its compact form (RFC 7519, RFC 7515 section 7.1), not checked yet.
struct Token {
    /// Longest token that is looked into.
    private static let byteLimit = 65_536

    /// Why a text is no token, in Kong's words.
    enum Fault: String, Error {
        case json = "invalid JSON"
        case header = "invalid header"
        case algorithm = "invalid alg"
        case claims = "invalid claims"
        case signature = "invalid signature"
    }

    let algorithm: JWTSecret.Algorithm
    let header: DocumentValue
    let claims: DocumentValue
    /// How many bytes of the text are signed.
    let signedCount: Int
    let signature: [UInt8]

    /// Takes a text apart.
    init(_ text: [UInt8]) throws(Fault) {
        let parts = text.split(
            separator: UInt8(ascii: "."),
            maxSplits: 2,
            omittingEmptySubsequences: false
        )
        guard parts.count >= 2, text.count <= Self.byteLimit else { throw .json }
        guard let header = Self.object(parts[0]), let claims = Self.object(parts[1]) else {
            throw .json
        }
        guard header.fields != nil else { throw .header }
        guard let name = header["alg"]?.text, let algorithm = JWTSecret.Algorithm(rawValue: name)
        else { throw .algorithm }
        guard claims.fields != nil else { throw .claims }
        guard parts.count == 3, let signature = Base64.decode(parts[2]) else { throw .signature }
        self.algorithm = algorithm
        self.header = header
        self.claims = claims
        self.signedCount = parts[0].count + 1 + parts[1].count
        self.signature = signature
    }

    private static func object(_ part: ArraySlice<UInt8>) -> DocumentValue? {
        guard let bytes = Base64.decode(part) else { return nil }
        return try? JSONText.parse(bytes).value
    }
}

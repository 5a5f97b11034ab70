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
        let dot = UInt8(ascii: ".")
        guard let first = text.firstIndex(of: dot), text.count <= Self.byteLimit else {
            throw .json
        }
        let second = text[(first + 1)...].firstIndex(of: dot)
        let signedCount = second ?? text.count
        guard let header = Self.object(text[..<first]),
            let claims = Self.object(text[(first + 1)..<signedCount])
        else { throw .json }
        guard header.fields != nil else { throw .header }
        guard let name = header["alg"]?.text, let algorithm = JWTSecret.Algorithm(rawValue: name)
        else { throw .algorithm }
        guard claims.fields != nil else { throw .claims }
        guard let second, let signature = Base64.decode(text[(second + 1)...]) else {
            throw .signature
        }
        self.algorithm = algorithm
        self.header = header
        self.claims = claims
        self.signedCount = signedCount
        self.signature = signature
    }

    private static func object(_ part: ArraySlice<UInt8>) -> DocumentValue? {
        guard let bytes = Base64.decode(part) else { return nil }
        return try? JSONText.parse(bytes).value
    }
}

import MeshEntities
internal import MeshPrimitives

/// A JSON web token in its compact form (RFC 7519, RFC 7515 section 7.1), not checked yet: what of it
/// the checks look at.
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

    /// What says by which key the token is signed.
    enum KeyName: Equatable {
        /// Nothing, or null.
        case missing
        /// No text.
        case unfit
        case text(String)
    }

    let algorithm: JWTSecret.Algorithm
    /// What stands under the name of the key, among the claims or else in the header.
    let keyName: KeyName
    let times: TokenTimes
    /// How many bytes of the text are signed.
    let signedCount: Int
    let signature: [UInt8]

    /// Takes a text apart; `keyClaim` is what the key's name stands under.
    init(_ text: UnsafeRawBufferPointer, keyClaim: String) throws(Fault) {
        let dot = UInt8(ascii: ".")
        guard text.count <= Self.byteLimit, let first = text.firstIndex(of: dot) else {
            throw .json
        }
        let second = text[(first + 1)...].firstIndex(of: dot)
        let signedCount = second ?? text.count
        let members = Self.members(
            UnsafeRawBufferPointer(rebasing: text[..<first]),
            UnsafeRawBufferPointer(rebasing: text[(first + 1)..<signedCount]),
            keyClaim
        )
        (self.algorithm, self.keyName, self.times) = try members.get()
        guard let second,
            let signature = Base64.decode(UnsafeRawBufferPointer(rebasing: text[(second + 1)...]))
        else { throw .signature }
        self.signedCount = signedCount
        self.signature = signature
    }

    private typealias Members = (
        algorithm: JWTSecret.Algorithm, keyName: KeyName, times: TokenTimes
    )

    private static func members(
        _ header: UnsafeRawBufferPointer,
        _ claims: UnsafeRawBufferPointer,
        _ keyClaim: String
    ) -> Result<Members, Fault> {
        let room = Base64.room(for: header.count) + Base64.room(for: claims.count)
        return withUnsafeTemporaryAllocation(byteCount: room, alignment: 8) { room in
            guard let headerCount = Base64.decode(header, into: room) else {
                return .failure(.json)
            }
            let rest = UnsafeMutableRawBufferPointer(rebasing: room[headerCount...])
            guard let claimsCount = Base64.decode(claims, into: rest) else {
                return .failure(.json)
            }
            let header = UnsafeRawBufferPointer(rebasing: room[..<headerCount])
            let claims = UnsafeRawBufferPointer(rebasing: rest[..<claimsCount])
            return Self.flatMembers(header, claims, keyClaim).map { .success($0) }
                ?? Self.anyMembers(header, claims, keyClaim)
        }
    }

    /// What the texts say; nil when they are not as most are, or wrong.
    private static func flatMembers(
        _ header: UnsafeRawBufferPointer,
        _ claims: UnsafeRawBufferPointer,
        _ keyClaim: String
    ) -> Members? {
        guard let headerFields = FlatObject(header), let fields = FlatObject(claims),
            case .text(let name) = headerFields["alg".utf8],
            let algorithm = JWTSecret.Algorithm(
                rawValue: String(decoding: header[name], as: UTF8.self)
            )
        else { return nil }
        let keyName: KeyName
        if let value = fields[keyClaim.utf8] {
            keyName = KeyName(value, in: claims)
        } else {
            keyName = headerFields[keyClaim.utf8].map { KeyName($0, in: header) } ?? .missing
        }
        let times = TokenTimes(
            expiry: Self.seconds(fields["exp".utf8]),
            start: Self.seconds(fields["nbf".utf8])
        )
        return (algorithm, keyName, times)
    }

    private static func seconds(_ value: FlatObject.Value?) -> Double? {
        if case .integer(let number) = value { Double(number) } else { nil }
    }

    /// What any texts say, or what is wrong with them.
    private static func anyMembers(
        _ header: UnsafeRawBufferPointer,
        _ claims: UnsafeRawBufferPointer,
        _ keyClaim: String
    ) -> Result<Members, Fault> {
        guard let header = try? JSONText.parse(Array(header)).value,
            let claims = try? JSONText.parse(Array(claims)).value
        else { return .failure(.json) }
        guard header.fields != nil else { return .failure(.header) }
        guard let name = header["alg"]?.text, let algorithm = JWTSecret.Algorithm(rawValue: name)
        else { return .failure(.algorithm) }
        guard claims.fields != nil else { return .failure(.claims) }
        let keyName = KeyName(claims[keyClaim] ?? header[keyClaim])
        return .success((algorithm, keyName, TokenTimes(claims)))
    }
}

extension Token.KeyName {
    fileprivate init(_ value: FlatObject.Value, in bytes: UnsafeRawBufferPointer) {
        switch value {
        case .null: self = .missing
        case .text(let range): self = .text(String(decoding: bytes[range], as: UTF8.self))
        case .integer, .bool: self = .unfit
        }
    }

    fileprivate init(_ value: DocumentValue?) {
        guard let value, !value.isNull else {
            self = .missing
            return
        }
        self = value.text.map { .text($0) } ?? .unfit
    }
}

/// Between which times a token says that it holds, seconds since 1970; nil for what is no number.
struct TokenTimes: Equatable {
    /// `exp`.
    let expiry: Double?
    /// `nbf`.
    let start: Double?

    init(expiry: Double?, start: Double?) {
        self.expiry = expiry
        self.start = start
    }

    /// Reads claims.
    fileprivate init(_ claims: DocumentValue) {
        self.init(expiry: Self.seconds(claims["exp"]), start: Self.seconds(claims["nbf"]))
    }

    private static func seconds(_ value: DocumentValue?) -> Double? {
        switch value {
        case .integer(let number): Double(number)
        case .number(let number): number
        case .null, .bool, .string, .array, .object, nil: nil
        }
    }
}

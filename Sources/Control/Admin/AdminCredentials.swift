internal import COpenSSL

/// What somebody may do at the Admin API.
public enum AdminRole: String, Sendable {
    /// Read everything but private keys.
    case read
    /// Read and write everything.
    case write
}

/// Who may use the Admin API, by token or by client certificate.
///
/// Tokens are kept as SHA-256 digests and compared in constant time.
public struct AdminCredentials: Equatable, Sendable {
    /// Somebody who may ask.
    public struct Holder: Equatable, Sendable {
        /// His name, for the history and the log.
        public var name: String
        /// What he may do.
        public var role: AdminRole
    }

    /// Fewest characters of a token.
    private static let tokenMinimum = 16

    private var tokens: [(digest: [UInt8], holder: Holder)] = []
    private var certificates: [String: Holder] = [:]

    /// Reads lines of `ROLE NAME TOKEN`, `ROLE NAME sha256:HEX` or `ROLE NAME certificate`.
    ///
    /// `ROLE` is `read` or `write`; `certificate` stands for a client certificate whose common name
    /// is NAME; `#` begins a comment.
    ///
    /// - Throws: ``AdminCredentialsError`` for the first line that cannot be used; never with the
    ///   token.
    public init(parsing text: String) throws(AdminCredentialsError) {
        for (index, line) in text.split(
            separator: "\n",
            omittingEmptySubsequences: false
        ).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard !words.isEmpty else { continue }
            try self.add(words.map(String.init), line: index + 1)
        }
    }

    /// Compares everything; order counts.
    public static func == (left: AdminCredentials, right: AdminCredentials) -> Bool {
        left.certificates == right.certificates
            && left.tokens.map(\.digest) == right.tokens.map(\.digest)
            && left.tokens.map(\.holder) == right.tokens.map(\.holder)
    }

    /// Whether nobody may ask.
    public var isEmpty: Bool { self.tokens.isEmpty && self.certificates.isEmpty }

    /// Whether somebody is known by a client certificate.
    public var usesCertificates: Bool { !self.certificates.isEmpty }

    /// Whose token this is.
    public func holder(ofToken token: String) -> Holder? {
        let digest = Self.digest(of: token)
        var found: Holder?
        for known in self.tokens {
            var difference: UInt8 = 0
            for (left, right) in zip(known.digest, digest) { difference |= left ^ right }
            if difference == 0 { found = known.holder }
        }
        return found
    }

    /// Whose client certificate this is, by its common name.
    public func holder(ofCertificate name: String) -> Holder? { self.certificates[name] }

    private mutating func add(_ words: [String], line: Int) throws(AdminCredentialsError) {
        guard words.count == 3 else {
            throw .badLine(line, "expected ROLE NAME TOKEN")
        }
        guard let role = AdminRole(rawValue: words[0]) else {
            throw .badLine(line, "the role must be read or write")
        }
        let holder = Holder(name: words[1], role: role)
        if words[2] == "certificate" {
            guard self.certificates.updateValue(holder, forKey: words[1]) == nil else {
                throw .badLine(line, "'\(words[1])' has two certificates")
            }
            return
        }
        let digest: [UInt8]
        if words[2].hasPrefix("sha256:") {
            guard let given = Self.bytes(ofHexadecimal: words[2].dropFirst(7)) else {
                throw .badLine(line, "sha256: is followed by 64 hexadecimal digits")
            }
            digest = given
        } else {
            guard words[2].utf8.count >= Self.tokenMinimum else {
                throw .badLine(line, "a token has at least \(Self.tokenMinimum) characters")
            }
            digest = Self.digest(of: words[2])
        }
        guard !self.tokens.contains(where: { $0.digest == digest }) else {
            throw .badLine(line, "the token stands on another line too")
        }
        self.tokens.append((digest, holder))
    }

    private static func digest(of token: String) -> [UInt8] {
        let bytes = Array(token.utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        SHA256(bytes, bytes.count, &digest)
        return digest
    }

    private static func bytes(ofHexadecimal text: Substring) -> [UInt8]? {
        guard text.utf8.count == 64 else { return nil }
        var rest = text
        var bytes: [UInt8] = []
        while !rest.isEmpty {
            guard !rest.hasPrefix("+"), !rest.hasPrefix("-"),
                let byte = UInt8(rest.prefix(2), radix: 16)
            else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}

/// A line of the file of tokens that cannot be used.
public indirect enum AdminCredentialsError: Error, Equatable, Sendable {
    /// The line, counted from 1, and what is wrong with it.
    case badLine(Int, String)
}

extension AdminCredentialsError: CustomStringConvertible {
    /// One line, without any token.
    public var description: String {
        switch self {
        case .badLine(let line, let reason): "line \(line): \(reason)"
        }
    }
}

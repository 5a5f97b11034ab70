import MeshHTTP

/// What `Authorization: hmac username="…", algorithm="…", headers="…", signature="…"` says.
struct SignatureFields {
    /// Most fields that one signature covers.
    private static let nameLimit = 64

    let username: String
    let algorithm: String
    /// In lower case, in the order in which they are signed.
    let names: [String]
    let signature: String

    /// Takes a value apart; nil when it is of another scheme, or something is missing.
    init?(_ value: UnsafeRawBufferPointer) {
        guard let rest = Credentials.after("hmac", in: value) else { return nil }
        var fields: [String: String] = [:]
        var at = rest.startIndex
        while at < rest.count {
            while at < rest.count, rest[at] == UInt8(ascii: " ") || rest[at] == UInt8(ascii: ",") {
                at += 1
            }
            guard at < rest.count else { break }
            guard let mark = rest[at...].firstIndex(of: UInt8(ascii: "=")), mark + 1 < rest.count,
                rest[mark + 1] == UInt8(ascii: "\""),
                let end = rest[(mark + 2)...].firstIndex(of: UInt8(ascii: "\""))
            else { return nil }
            let name = String(decoding: rest[at..<mark], as: UTF8.self)
            guard fields[name] == nil else { return nil }
            fields[name] = String(decoding: rest[(mark + 2)..<end], as: UTF8.self)
            at = end + 1
        }
        guard let username = fields["username"], let algorithm = fields["algorithm"],
            let names = fields["headers"], let signature = fields["signature"]
        else { return nil }
        self.username = username
        self.algorithm = algorithm
        self.names = names.split(separator: " ").map { $0.lowercased() }
        self.signature = signature
        guard !self.names.isEmpty, self.names.count <= Self.nameLimit else { return nil }
    }

    /// The text that the client signed.
    func signedText(of request: PluginRequest) -> [UInt8] {
        var text: [UInt8] = []
        for (index, name) in self.names.enumerated() {
            if index > 0 { text.append(0x0A) }
            var values: [[UInt8]] = []
            request.anyValue(named: Array(name.utf8)) { value in
                values.append(Array(value))
                return false
            }
            if !values.isEmpty {
                text += Array("\(name): ".utf8) + values.joined(separator: Array(", ".utf8))
            } else if name == "request-line" {
                text += Self.method(request) + [0x20] + Self.target(request)
                text += Array(Self.version(request).utf8)
            } else if name == "@request-target" {
                let method = String(decoding: Self.method(request), as: UTF8.self).lowercased()
                text += Array("@request-target: \(method) ".utf8) + Self.target(request)
            } else {
                text += Array("\(name):".utf8)
            }
        }
        return text
    }

    private static func version(_ request: PluginRequest) -> String {
        if request.isHTTP2 { return " HTTP/2.0" }
        return request.head.version == .http10 ? " HTTP/1.0" : " HTTP/1.1"
    }

    private static func method(_ request: PluginRequest) -> [UInt8] {
        Array(request.head.methodName.bytes(of: request.bytes))
    }

    private static func target(_ request: PluginRequest) -> [UInt8] {
        Array(request.head.path.bytes(of: request.bytes))
            + Array(request.head.query.bytes(of: request.bytes))
    }
}

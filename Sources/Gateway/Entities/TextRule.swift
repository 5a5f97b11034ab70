internal import MeshPrimitives

/// Kong's rules for texts; each returns what is wrong, or `nil`.
enum TextRule {
    /// Names of services, routes and plugin instances.
    static func name(_ text: String) -> String? {
        let legal = text.utf8.allSatisfy { byte in
            byte >= 0x80 || Self.isAlphanumeric(byte) || ".-_~".utf8.contains(byte)
        }
        guard !legal else { return nil }
        return "invalid value '\(text)': "
            + "the only accepted ascii characters are alphanumerics or ., -, _, and ~"
    }

    /// Labels.
    static func tag(_ text: String) -> String? {
        let legal = text.utf8.allSatisfy { byte in
            byte >= 0x80 || (0x20...0x7E).contains(byte) && !",/".utf8.contains(byte)
        }
        guard !legal else { return nil }
        return "invalid tag '\(text)': "
            + "expected printable ascii (except `,` and `/`) or valid utf-8 sequences"
    }

    /// Host names and addresses without port.
    static func host(_ text: String) -> String? {
        guard let split = HostText(text) else { return "invalid value: \(text)" }
        return split.port == nil ? nil : "must not have a port"
    }

    /// Host names and addresses with an optional port.
    static func hostWithPort(_ text: String) -> String? {
        HostText(text) == nil ? "invalid value: \(text)" : nil
    }

    /// Names of upstreams.
    static func upstreamName(_ text: String) -> String? {
        guard let split = HostText(text) else {
            return "Invalid name ('\(text)'); must be a valid hostname"
        }
        if split.isAddress { return "Invalid name ('\(text)'); no ip addresses allowed" }
        return split.port == nil ? nil : "Invalid name ('\(text)'); no port allowed"
    }

    /// Addresses of targets.
    static func target(_ text: String) -> String? {
        if let split = HostText.unbracketed(text) {
            return "Invalid target ('\(text)'); write [\(split.host)]:\(split.port) for the port "
                + "\(split.port), or [\(text)] for an address without port"
        }
        return HostText(text) == nil
            ? "Invalid target ('\(text)'); not a valid hostname or ip address" : nil
    }

    /// Hosts of routes: one wildcard label at either end, optional port.
    static func routeHost(_ text: String) -> String? {
        let wildcards = text.utf8.count { $0 == UInt8(ascii: "*") }
        guard wildcards > 0 else { return HostText(text) == nil ? Self.badHost(text) : nil }
        guard wildcards == 1 else { return "invalid wildcard: must have at most one wildcard" }
        let host = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = host.first, name.hasPrefix("*.") || name.hasSuffix(".*") else {
            return "invalid wildcard: must be placed at leftmost or rightmost label"
        }
        return HostText(text.replacing("*", with: "x")) == nil ? Self.badHost(text) : nil
    }

    /// TLS server names: one wildcard at either end or alone, no address, no port.
    static func serverName(_ text: String) -> String? {
        let wildcards = text.utf8.count { $0 == UInt8(ascii: "*") }
        if wildcards > 0, !text.hasPrefix("*"), !text.hasSuffix("*") {
            return "wildcard must be leftmost or rightmost character"
        }
        if wildcards > 1 { return "only one wildcard must be specified" }
        guard let split = HostText(text.replacing("*", with: "wildcard")) else {
            return "invalid value: \(text)"
        }
        if split.isAddress { return "must not be an IP" }
        return split.port == nil ? nil : "must not have a port"
    }

    /// Names of headers.
    static func headerName(_ text: String) -> String? {
        let legal = text.utf8.allSatisfy { Self.isAlphanumeric($0) || "_-".utf8.contains($0) }
        guard !legal || text.isEmpty else { return nil }
        return "bad header name '\(text)', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
    }

    /// Names of cookies.
    static func cookieName(_ text: String) -> String? {
        let legal = text.utf8.allSatisfy { Self.isAlphanumeric($0) || "_-".utf8.contains($0) }
        guard !legal else { return nil }
        return "bad cookie name '\(text)', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
    }

    /// HTTP methods.
    static func method(_ text: String) -> String? {
        text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
            ? nil : "invalid value: \(text)"
    }

    /// Addresses and CIDR blocks.
    static func addressBlock(_ text: String) -> String? {
        AddressBlock(text) == nil ? "invalid ip or cidr range: '\(text)'" : nil
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    private static func badHost(_ text: String) -> String { "invalid hostname: \(text)" }
}

/// A host name or address with an optional port, split.
struct HostText {
    /// Name or address, IPv6 without brackets.
    let host: String
    /// Port, when there is one.
    let port: Int?
    /// Whether the host is an address.
    let isAddress: Bool

    /// Splits `host`, `host:port`, `v4:port`, `[v6]:port`, `[v6]` or `v6`; `nil` for all else.
    init?(_ text: String) {
        if IPAddress(text) != nil {
            (self.host, self.port, self.isAddress) = (text, nil, true)
            return
        }
        var host = text[...]
        var port: Int?
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            let digits = text[text.index(after: colon)...]
            guard (1...5).contains(digits.utf8.count),
                digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(digits), number <= 65_535
            else { return nil }
            host = text[..<colon]
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard case .v6 = IPAddress(String(host)) else { return nil }
        } else if case .v6 = IPAddress(String(host)) {
            return nil
        }
        self.isAddress = IPAddress(String(host)) != nil
        guard self.isAddress || Self.isName(host) else { return nil }
        self.host = String(host)
        self.port = port
    }

    /// Splits an IPv6 address without brackets that has, or seems to have, a port behind it.
    static func unbracketed(_ text: String) -> (host: Substring, port: Substring)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let (host, port) = (text[..<colon], text[text.index(after: colon)...])
        guard (1...5).contains(port.utf8.count),
            port.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            case .v6 = IPAddress(String(host))
        else { return nil }
        return (host, port)
    }

    private static func isName(_ text: Substring) -> Bool {
        let name = text.hasSuffix(".") ? text.dropLast() : text
        guard (1...253).contains(name.utf8.count) else { return false }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let looksLikeAddress = labels.allSatisfy {
            $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        guard !(looksLikeAddress && labels.count == 4) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy {
                    TextRule.isAlphanumeric($0) || $0 == UInt8(ascii: "-")
                        || $0 == UInt8(ascii: "_")
                }
        }
    }
}

public import MeshPrimitives

/// Where access log lines go.
public enum AccessLogSink: Equatable, Sendable {
    /// The process's standard output.
    case standardOutput
    /// A file, appended to and created when missing.
    case file(String)
    /// A syslog daemon, one datagram per line.
    case syslog(SyslogTarget)

    /// Reads `-`, a path, or `syslog:server=…` in nginx's form; `nil` for a wrong syslog target.
    public init?(_ text: String) {
        if text == "-" {
            self = .standardOutput
        } else if text.hasPrefix("syslog:") {
            guard let target = SyslogTarget(String(text.dropFirst(7))) else { return nil }
            self = .syslog(target)
        } else {
            self = .file(text)
        }
    }
}

extension AccessLogSink: CustomStringConvertible {
    /// The form it is read from.
    public var description: String {
        switch self {
        case .standardOutput: "-"
        case .file(let path): path
        case .syslog(let target): "syslog:\(target)"
        }
    }
}

/// The form of access log lines.
public enum AccessLogFormat: String, CaseIterable, Sendable {
    /// One JSON object per line with everything that is known.
    case json
    /// The Common Log Format of Apache and nginx.
    case common
    /// The Common Log Format with referrer and user agent.
    case combined
}

/// A syslog daemon and how lines are labelled; nginx's parameters and defaults.
///
///     server=192.0.2.1:514,facility=local7,severity=info,tag=meshgate
///     server=unix:/dev/log
public struct SyslogTarget: Equatable, Sendable {
    /// Where the daemon receives datagrams.
    public enum Server: Equatable, Sendable {
        /// By UDP.
        case udp(Endpoint)
        /// By a socket of the machine.
        case unix(path: String)
    }

    /// Facilities by their RFC 5424 number.
    private static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock",
        "authpriv", "ftp", "ntp", "audit", "alert", "cron", "local0", "local1", "local2",
        "local3", "local4", "local5", "local6", "local7",
    ]
    /// Severities by their RFC 5424 number.
    private static let severities = [
        "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
    ]

    /// Where the daemon is.
    public var server: Server
    /// RFC 5424 facility, 0 to 23; default 23, `local7`.
    public var facility = 23
    /// RFC 5424 severity, 0 to 7; default 6, `info`.
    public var severity = 6
    /// What lines are marked with, 1 to 32 of `A-Z a-z 0-9 _`.
    public var tag = "meshgate"

    /// Creates a target with the default labels.
    public init(server: Server) { self.server = server }

    /// Reads parameters separated by commas; `nil` when one is wrong or `server` is missing.
    public init?(_ text: String) {
        var given: [String: String] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, given[String(sides[0])] == nil else { return nil }
            given[String(sides[0])] = String(sides[1])
        }
        guard let server = given.removeValue(forKey: "server").flatMap(Self.server) else {
            return nil
        }
        self.init(server: server)
        for (name, value) in given {
            switch name {
            case "facility":
                guard let number = Self.facilities.firstIndex(of: value) else { return nil }
                self.facility = number
            case "severity":
                guard let number = Self.severities.firstIndex(of: value) else { return nil }
                self.severity = number
            case "tag":
                guard Self.isTag(value) else { return nil }
                self.tag = value
            default: return nil
            }
        }
    }

    /// The number in angle brackets that begins every line.
    public var priority: Int { self.facility * 8 + self.severity }

    private static func server(_ text: String) -> Server? {
        if text.hasPrefix("unix:") {
            // What fits into the address of such a socket.
            let path = String(text.dropFirst(5))
            return (1...107).contains(path.utf8.count) ? .unix(path: path) : nil
        }
        if let endpoint = Endpoint(text) { return .udp(endpoint) }
        return IPAddress(text).map { .udp(Endpoint(address: $0, port: 514)) }
    }

    private static func isTag(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

extension SyslogTarget: CustomStringConvertible {
    /// The form it is read from.
    public var description: String {
        let place =
            switch self.server {
            case .udp(let endpoint): "\(endpoint)"
            case .unix(let path): "unix:\(path)"
            }
        return "server=\(place),facility=\(Self.facilities[self.facility]),"
            + "severity=\(Self.severities[self.severity]),tag=\(self.tag)"
    }
}

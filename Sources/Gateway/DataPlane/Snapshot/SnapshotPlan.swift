internal import CMeshSystem
internal import MeshEntities
internal import MeshRouting

/// Text that lives as long as the snapshot that made it.
struct PlanText {
    let base: UnsafeRawPointer?
    let count: Int

    /// No text.
    static var empty: PlanText { PlanText(base: nil, count: 0) }

    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.base, count: self.count)
    }
}

/// What consistent hashing reads of a request.
struct HashPlan {
    /// Where the key is.
    enum Source: UInt8 {
        case none
        case clientAddress
        case header
        case cookie
        case path
        case queryArgument
        case consumer
        case uriCapture
        /// The cookie that names the target itself.
        case pin
    }

    let source: Source
    /// Name of the header (lower case), cookie, query argument or capture.
    let name: PlanText
    /// What stands behind the value of a cookie that the gateway sets; its line's end is not there.
    let attributes: PlanText

    init(_ source: Source, name: PlanText = .empty, attributes: PlanText = .empty) {
        self.source = source
        self.name = name
        self.attributes = attributes
    }
}

/// A route as the request path uses it: flat, trivial, everything computed beforehand.
struct RoutePlan {
    /// Index of the upstream's plan; -1 for a route without a service.
    var upstream: Int32
    /// Place of the service's way to speak among the upstream's.
    var identity: Int32
    let servicePath: PlanText
    let hasPlugins: Bool
    let stripPath: Bool
    let preserveHost: Bool
    /// Whether a request's body is taken in before a target is asked, and whether a response may
    /// wait here for a slow client.
    let buffersRequest: Bool
    let buffersResponse: Bool
    /// Tries after the first one.
    let retries: Int32
    /// What another target is tried for.
    let retryCauses: RetryCauses
    /// Milliseconds that one try, and all of them, may take until an answer begins; 0 for no limit.
    let tryTimeout: Int64
    /// Whether another target may be asked for the same before the first has failed.
    let hedges: Bool
    let totalTimeout: Int64
    /// How urgent its requests are, 0 to 7, and the header, in lower case, that says it of one.
    let urgency: UInt8
    let urgencyHeader: PlanText
    /// Milliseconds.
    let connectTimeout: Int64
    /// Milliseconds between two writes.
    let writeTimeout: Int64
    /// Milliseconds between two reads.
    let readTimeout: Int64
    /// Which protocols it takes.
    let protocols: RouteProtocolCheck
    /// Kong's debugging fields as whole lines.
    let debugLines: PlanText
    /// How the access log names it and its service.
    let logMembers: PlanText
}

/// What another target is tried for, in one word.
struct RetryCauses: OptionSet {
    let rawValue: UInt8

    static let error = RetryCauses(rawValue: 1)
    static let timeout = RetryCauses(rawValue: 2)
    private static let statuses: [UInt16] = [429, 500, 502, 503, 504]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(_ rules: RetryRules) {
        self = []
        for cause in rules.causes {
            switch cause {
            case .error: self.insert(.error)
            case .timeout: self.insert(.timeout)
            case .tooManyRequests, .internalError, .badGateway, .unavailable, .gatewayTimeout:
                self.insert(Self.answer(cause.status ?? 0))
            }
        }
    }

    /// What an answer of a status stands for; nothing for most.
    static func answer(_ status: UInt16) -> RetryCauses {
        guard let place = Self.statuses.firstIndex(of: status) else { return [] }
        return RetryCauses(rawValue: 4 << UInt8(place))
    }

    /// Whether any answer is a reason.
    @inline(__always)
    var hasAnswers: Bool { self.rawValue > 3 }
}

/// One address of an upstream.
struct TargetPlan {
    let id: UInt64
    let address: mesh_address
    /// `Host` unless the client's is preserved.
    let hostHeader: PlanText
    /// How the access log names it.
    let logMember: PlanText
}

/// An upstream as the request path uses it.
struct UpstreamPlan {
    /// By way to speak, then by target.
    let targets: UnsafePointer<TargetPlan>
    let targetCount: Int
    /// Whether a request's key decides where it goes.
    let isHashed: Bool
    let hash: HashPlan
    let fallback: HashPlan
    /// Whether what targets report of their load decides.
    let takesReports: Bool
}

/// Memory for plans: given back all at once.
struct PlanArena {
    /// Bytes of the first block of texts; each is twice the one before, up to 64 KiB.
    private static let firstBlock = 256

    private var allocations: [UnsafeMutableRawPointer] = []
    private var block = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var used = 0
    private var nextBlock = Self.firstBlock

    /// Copies text.
    mutating func text(_ value: String) -> PlanText {
        var value = value
        return value.withUTF8 { utf8 in
            guard let start = utf8.baseAddress, !utf8.isEmpty else { return .empty }
            let place = self.room(utf8.count)
            place.copyMemory(from: start, byteCount: utf8.count)
            return PlanText(base: UnsafeRawPointer(place), count: utf8.count)
        }
    }

    /// Copies an array of trivial elements.
    mutating func array<Element>(_ elements: [Element]) -> UnsafePointer<Element> {
        let copy = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
        copy.initialize(from: elements, count: elements.count)
        self.allocations.append(UnsafeMutableRawPointer(copy))
        return UnsafePointer(copy)
    }

    /// Frees everything.
    func deallocate() {
        for allocation in self.allocations { allocation.deallocate() }
    }

    private mutating func room(_ count: Int) -> UnsafeMutableRawPointer {
        if self.block.count - self.used < count {
            let size = max(count, self.nextBlock)
            self.nextBlock = min(self.nextBlock * 2, 65_536)
            self.block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
            self.used = 0
            if let base = self.block.baseAddress { self.allocations.append(base) }
        }
        guard let base = self.block.baseAddress else { preconditionFailure("a block is no memory") }
        defer { self.used += count }
        return base + self.used
    }
}

/// Writes a JSON string literal.
func jsonLiteral(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
        $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
    }
    if isPlain { return "\"\(text)\"" }
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case _ where scalar.value < 0x20:
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

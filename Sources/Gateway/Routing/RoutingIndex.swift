internal import MeshEntities

/// The compiled routes in flat memory: trivial to copy, owned by one ``RoutingLayer``.
///
///     host of the request ──> HostBucket: any, exact, `*.suffix`, `prefix.*`
///        └─ for each length of prefix that the bucket holds, longest first
///             └─ (bucket, hash of that much of the path) ──> PathList
///                  └─ candidates, best first ──> RouteEntry: all other criteria
///
/// Entries are numbered by rank, so the best match is the lowest number that fits, and a list is
/// left as soon as its next candidate ranks behind the best found.
struct RoutingIndex {
    /// Bytes inside ``texts``.
    struct Text {
        let offset: Int32
        let count: Int32
    }

    /// Some of the elements of another array.
    struct Run {
        let start: Int32
        let count: Int32

        var range: Range<Int> { Int(self.start)..<Int(self.start) + Int(self.count) }
    }

    /// One path of one route, with the criteria that no hash answers.
    struct RouteEntry {
        let routeIndex: Int32
        /// Place in ``regexes``; -1 for a prefix or no path.
        let regex: Int32
        /// First of its ``steps``; -1 for a route without expression.
        let program: Int32
        /// Bits of ``methods``; 0 for any.
        let methods: UInt64
        /// In ``headerRules``.
        let headers: Run
        /// In ``names``.
        let serverNames: Run
    }

    /// Where an entry stands among those of all layers of a table.
    struct Rank: Comparable {
        let priority: RoutePriority
        let route: EntityID

        static func < (left: Rank, right: Rank) -> Bool {
            if left.priority != right.priority { return left.priority < right.priority }
            return left.route < right.route
        }
    }

    /// A header that must be there.
    struct HeaderRule {
        let name: Text
        /// Place in ``regexes``; -1 for plain values.
        let regex: Int32
        /// In ``values``: any of them, lower-case.
        let values: Run
    }

    /// A server name of the TLS handshake.
    struct Name {
        let kind: NamePattern.Kind
        let text: Text
    }

    /// An entry as one of its hosts offers it.
    struct Candidate {
        let rank: Int32
        /// The port that the request must have come to; -1 for any.
        let port: Int32
    }

    /// All candidates of one host pattern that share the beginning of their path.
    struct PathList {
        let hash: UInt64
        let bucket: Int32
        let prefix: Text
        /// In ``candidates``, sorted by rank; an empty run marks a free place.
        let candidates: Run
    }

    /// All paths of one host pattern.
    struct HostBucket {
        let kind: NamePattern.Kind
        let text: Text
        /// In ``lengths``, longest first.
        let lengths: Run
        /// Rank of its best candidate.
        let firstRank: Int32
    }

    /// A place of the table of hosts.
    struct HostPlace {
        let hash: UInt64
        /// In ``buckets``; -1 marks a free place.
        let bucket: Int32
    }

    /// Where hashes of texts begin.
    static let hashSeed: UInt64 = 0xCBF2_9CE4_8422_2325

    let entries: UnsafeMutableBufferPointer<RouteEntry>
    /// By entry.
    let ranks: UnsafeMutableBufferPointer<Rank>
    let steps: UnsafeMutableBufferPointer<ExpressionStep>
    let headerRules: UnsafeMutableBufferPointer<HeaderRule>
    let values: UnsafeMutableBufferPointer<Text>
    let names: UnsafeMutableBufferPointer<Name>
    let candidates: UnsafeMutableBufferPointer<Candidate>
    let lists: UnsafeMutableBufferPointer<PathList>
    let lengths: UnsafeMutableBufferPointer<Int32>
    let buckets: UnsafeMutableBufferPointer<HostBucket>
    let hosts: UnsafeMutableBufferPointer<HostPlace>
    let methods: UnsafeMutableBufferPointer<Text>
    let regexes: UnsafeMutableBufferPointer<OpaquePointer>
    let texts: UnsafeMutableBufferPointer<UInt8>
    /// The bucket of routes without hosts; -1 for none.
    let anyHost: Int32
    /// Whether a host ends or begins with a wildcard anywhere.
    let hasWildcards: Bool
    /// Length of the longest prefix.
    let longestPrefix: Int

    /// Adds one byte to the hash of a text.
    @inline(__always)
    static func hash(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }

    /// The hash of a whole host, eight bytes at a time.
    @inline(__always)
    static func hash(host text: UnsafeRawBufferPointer) -> UInt64 {
        var hash = Self.hashSeed ^ UInt64(truncatingIfNeeded: text.count)
        var index = 0
        while text.count &- index >= 8 {
            let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash &>> 32
            index &+= 8
        }
        while index < text.count {
            hash = Self.hash(hash, text[index])
            index &+= 1
        }
        return hash
    }

    /// Spreads the hash of a text, for one kind or bucket, over all 64 bits.
    @inline(__always)
    static func spread(_ hash: UInt64, _ salt: Int) -> UInt64 {
        var mixed = hash ^ (UInt64(truncatingIfNeeded: salt &+ 1) &* 0x9E37_79B9_7F4A_7C15)
        mixed = (mixed ^ (mixed >> 32)) &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ (mixed >> 32)
    }

    /// The bytes of a text.
    @inline(__always)
    func bytes(_ text: Text) -> UnsafeRawBufferPointer {
        let start = self.texts.baseAddress.map { UnsafeRawPointer($0 + Int(text.offset)) }
        return UnsafeRawBufferPointer(start: start, count: Int(text.count))
    }

    /// Gives the memory back.
    func deallocate() {
        self.entries.deallocate()
        self.ranks.deallocate()
        self.steps.deallocate()
        self.headerRules.deallocate()
        self.values.deallocate()
        self.names.deallocate()
        self.candidates.deallocate()
        self.lists.deallocate()
        self.lengths.deallocate()
        self.buckets.deallocate()
        self.hosts.deallocate()
        self.methods.deallocate()
        self.regexes.deallocate()
        self.texts.deallocate()
    }
}

internal import CPCRE2
internal import MeshEntities

/// Collects routes and lays them out as a ``RoutingIndex``.
struct RoutingIndexBuilder {
    /// Most different methods that all routes may name: the bits of one word.
    static let methodLimit = 64
    /// Longest path of a route; no request line is longer.
    private static let pathLimit = 65_535

    /// One path of one route before it has a rank.
    private struct Draft {
        let priority: RoutePriority
        let route: EntityID
        let order: Int
        let entry: RoutingIndex.RouteEntry
        let hosts: [NamePattern]
        /// What the path certainly begins with.
        let prefix: [UInt8]
    }

    private struct ListKey: Hashable {
        let bucket: Int
        let prefix: [UInt8]

        func hash(into hasher: inout Hasher) {
            hasher.combine(self.bucket)
            self.prefix.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    private struct BucketKey: Hashable {
        let kind: NamePattern.Kind
        let text: [UInt8]

        func hash(into hasher: inout Hasher) {
            hasher.combine(self.kind)
            self.text.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    /// Bytes that are hashed at once: an array of bytes hashes one after the other.
    private struct TextKey: Hashable {
        let bytes: [UInt8]

        func hash(into hasher: inout Hasher) {
            self.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    /// All compiled patterns; whoever drops the builder unbuilt must free them.
    private(set) var regexes: [OpaquePointer] = []
    private var regexPlaces: [String: Int32] = [:]
    private var drafts: [Draft] = []
    private var methods: [String: Int] = [:]
    private var methodTexts: [RoutingIndex.Text] = []
    private var headerRules: [RoutingIndex.HeaderRule] = []
    private var values: [RoutingIndex.Text] = []
    private var names: [RoutingIndex.Name] = []
    /// Of all expressions.
    var steps: [ExpressionStep] = []
    /// What queries must show beyond the usual.
    var needs: QueryNeeds = []
    private var texts: [UInt8] = []
    private var textPlaces: [TextKey: Int32] = [:]

    /// How paths of one route and routes among each other are ordered; never `expressions`.
    let flavor: RouterFlavor

    init(flavor: RouterFlavor = .traditionalCompatible) {
        self.flavor = flavor == .traditional ? .traditional : .traditionalCompatible
    }

    /// Gives back what a builder holds that is dropped unbuilt.
    func free() {
        for code in self.regexes { pcre2_code_free_8(code) }
    }

    /// Adds a route, once for each of its paths.
    mutating func add(_ route: Route, at place: Int) throws(RoutingError) {
        let label = route.name ?? route.id.description
        let methods = try self.methodBits(route.methods, label)
        let headers = try self.headerRun(route.headers, label)
        let serverNames = self.nameRun(route.snis)
        let hosts = route.hosts.map { NamePattern($0) }
        for path in self.paths(of: route) {
            let (regex, prefix) = try self.compile(path, label)
            let entry = RoutingIndex.RouteEntry(
                routeIndex: Int32(place),
                regex: regex,
                program: -1,
                methods: methods,
                headers: headers,
                serverNames: serverNames
            )
            let priority =
                self.flavor == .traditional
                ? RoutePriority.traditional(of: route)
                : RoutePriority.value(of: route, path: path)
            self.add(entry, of: route, priority: priority, hosts: hosts, prefix: prefix)
        }
    }

    /// Adds one way to a route.
    mutating func add(
        _ entry: RoutingIndex.RouteEntry,
        of route: Route,
        priority: RoutePriority,
        hosts: [NamePattern],
        prefix: [UInt8]
    ) {
        self.drafts.append(
            Draft(
                priority: priority,
                route: route.id,
                order: self.drafts.count,
                entry: entry,
                hosts: hosts,
                prefix: prefix
            )
        )
    }

    /// The paths of a route, `nil` for any; where they do not compete by themselves, regexes first
    /// and then the longest.
    private func paths(of route: Route) -> [String?] {
        guard !route.paths.isEmpty else { return [nil] }
        guard self.flavor == .traditional else { return route.paths }
        let isRegex = { (path: String) in path.utf8.first == RoutePattern.regexMark }
        return route.paths.filter(isRegex)
            + route.paths.filter { !isRegex($0) }.sorted { $0.utf8.count > $1.utf8.count }
    }

    /// Ranks all entries and lays out the index.
    mutating func build() -> RoutingIndex {
        self.drafts.sort { left, right in
            if left.priority != right.priority { return left.priority > right.priority }
            if left.route != right.route { return left.route > right.route }
            return left.order < right.order
        }
        var bucketPlaces: [BucketKey?: Int] = [:]
        var bucketKeys: [BucketKey?] = []
        var lists: [ListKey: [RoutingIndex.Candidate]] = [:]
        lists.reserveCapacity(self.drafts.count)
        for (rank, draft) in self.drafts.enumerated() {
            for host in draft.hosts.isEmpty ? [nil] : draft.hosts.map(Optional.some) {
                let key = host.map { BucketKey(kind: $0.kind, text: $0.text) }
                let bucket = bucketPlaces[key] ?? bucketKeys.count
                if bucket == bucketKeys.count {
                    bucketPlaces[key] = bucket
                    bucketKeys.append(key)
                }
                let port = host?.port.map { Int32($0) } ?? -1
                lists[ListKey(bucket: bucket, prefix: draft.prefix), default: []]
                    .append(RoutingIndex.Candidate(rank: Int32(rank), port: port))
            }
        }
        return self.layOut(bucketKeys, lists, anyHost: bucketPlaces[nil])
    }

    private mutating func layOut(
        _ bucketKeys: [BucketKey?],
        _ lists: [ListKey: [RoutingIndex.Candidate]],
        anyHost: Int?
    ) -> RoutingIndex {
        var candidates: [RoutingIndex.Candidate] = []
        var lengths = Array(repeating: Set<Int32>(), count: bucketKeys.count)
        var firstRanks = Array(repeating: Int32.max, count: bucketKeys.count)
        var flatLists: [RoutingIndex.PathList] = []
        for (key, members) in lists {
            lengths[key.bucket].insert(Int32(key.prefix.count))
            firstRanks[key.bucket] = min(firstRanks[key.bucket], members[0].rank)
            let list = RoutingIndex.PathList(
                hash: RoutingIndex.spread(Self.hash(key.prefix), key.bucket),
                bucket: Int32(key.bucket),
                prefix: self.text(key.prefix),
                candidates: Self.run(from: candidates.count, count: members.count)
            )
            candidates += members
            flatLists.append(list)
        }
        var flatLengths: [Int32] = []
        var buckets: [RoutingIndex.HostBucket] = []
        for (place, key) in bucketKeys.enumerated() {
            let sorted = lengths[place].sorted(by: >)
            let bucket = RoutingIndex.HostBucket(
                kind: key?.kind ?? .exact,
                text: self.text(key?.text ?? []),
                lengths: Self.run(from: flatLengths.count, count: sorted.count),
                firstRank: firstRanks[place]
            )
            flatLengths += sorted
            buckets.append(bucket)
        }
        return RoutingIndex(
            entries: Self.flat(self.drafts.map(\.entry)),
            ranks: Self.flat(
                self.drafts.map { RoutingIndex.Rank(priority: $0.priority, route: $0.route) }
            ),
            steps: Self.flat(self.steps),
            headerRules: Self.flat(self.headerRules),
            values: Self.flat(self.values),
            names: Self.flat(self.names),
            candidates: Self.flat(candidates),
            lists: Self.table(of: flatLists),
            lengths: Self.flat(flatLengths),
            buckets: Self.flat(buckets),
            hosts: Self.table(ofHosts: bucketKeys),
            methods: Self.flat(self.methodTexts),
            regexes: Self.flat(self.regexes),
            texts: Self.flat(self.texts),
            anyHost: Int32(anyHost ?? -1),
            hasWildcards: bucketKeys.contains { ($0?.kind ?? .exact) != .exact },
            longestPrefix: Int(flatLengths.max() ?? 0)
        )
    }
}

extension RoutingIndexBuilder {
    private mutating func compile(
        _ path: String?,
        _ label: String
    ) throws(RoutingError) -> (regex: Int32, prefix: [UInt8]) {
        guard let path else { return (-1, []) }
        guard path.utf8.count <= Self.pathLimit else {
            throw .pathTooLong(route: label, path: path, limit: Self.pathLimit)
        }
        guard path.utf8.first == RoutePattern.regexMark else { return (-1, Array(path.utf8)) }
        let pattern = String(path.dropFirst())
        do {
            let place = try self.regex(pattern, for: .path)
            return (place, RoutePattern.literalPrefix(of: pattern))
        } catch {
            throw .invalidPath(route: label, path: path, message: error.message)
        }
    }

    mutating func regex(
        _ pattern: String,
        for subject: RoutePattern.Subject
    ) throws(RoutePattern.Failure) -> Int32 {
        let key = "\(subject) \(pattern)"
        if let known = self.regexPlaces[key] { return known }
        let place = Int32(self.regexes.count)
        self.regexes.append(try RoutePattern.compile(pattern, for: subject))
        self.regexPlaces[key] = place
        return place
    }

    private mutating func methodBits(
        _ methods: [String],
        _ label: String
    ) throws(RoutingError) -> UInt64 {
        var bits: UInt64 = 0
        for method in methods {
            let bit = self.methods[method] ?? self.methodTexts.count
            guard bit < Self.methodLimit else {
                throw .tooManyMethods(route: label, limit: Self.methodLimit)
            }
            if bit == self.methodTexts.count {
                self.methods[method] = bit
                self.methodTexts.append(self.text(Array(method.utf8)))
            }
            bits |= 1 << UInt64(bit)
        }
        return bits
    }

    private mutating func headerRun(
        _ headers: [HeaderValues],
        _ label: String
    ) throws(RoutingError) -> RoutingIndex.Run {
        let start = self.headerRules.count
        for header in headers {
            let first = self.values.count
            var regex: Int32 = -1
            if header.values.count == 1, header.values[0].hasPrefix("~*") {
                let value = header.values[0]
                do {
                    regex = try self.regex(String(value.dropFirst(2)), for: .headerValue)
                } catch {
                    throw .invalidHeader(
                        route: label,
                        header: header.name,
                        value: value,
                        message: error.message
                    )
                }
            } else {
                for value in header.values { self.values.append(self.text(Self.lower(value))) }
            }
            let rule = RoutingIndex.HeaderRule(
                name: self.text(Self.lower(header.name)),
                regex: regex,
                values: Self.run(from: first, count: self.values.count - first)
            )
            self.headerRules.append(rule)
        }
        return Self.run(from: start, count: headers.count)
    }

    private mutating func nameRun(_ written: [String]) -> RoutingIndex.Run {
        let start = self.names.count
        for name in written {
            let pattern = NamePattern(name)
            self.names.append(
                RoutingIndex.Name(kind: pattern.kind, text: self.text(pattern.text))
            )
        }
        return Self.run(from: start, count: written.count)
    }

    /// Stores a text once.
    mutating func text(_ bytes: [UInt8]) -> RoutingIndex.Text {
        let key = TextKey(bytes: bytes)
        let offset = self.textPlaces[key] ?? Int32(self.texts.count)
        if Int(offset) == self.texts.count {
            self.texts += bytes
            self.textPlaces[key] = offset
        }
        return RoutingIndex.Text(offset: offset, count: Int32(bytes.count))
    }

    private static func lower(_ text: String) -> [UInt8] {
        text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(RoutingIndex.hashSeed) { RoutingIndex.hash($0, $1) }
    }

    private static func hash(_ key: BucketKey) -> UInt64 {
        switch key.kind {
        case .exact: key.text.withUnsafeBytes { RoutingIndex.hash(host: $0) }
        case .prefix: Self.hash(key.text)
        // A suffix is hashed from its end, the way the host of a request is walked.
        case .suffix: Self.hash(key.text.reversed())
        }
    }

    private static func run(from start: Int, count: Int) -> RoutingIndex.Run {
        RoutingIndex.Run(start: Int32(start), count: Int32(count))
    }

    private static func flat<Element>(
        _ elements: [Element]
    ) -> UnsafeMutableBufferPointer<Element> {
        let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = memory.initialize(from: elements)
        return memory
    }

    /// An open-addressing table at most half full, its size a power of two.
    private static func table(
        of lists: [RoutingIndex.PathList]
    ) -> UnsafeMutableBufferPointer<RoutingIndex.PathList> {
        let free = RoutingIndex.PathList(
            hash: 0,
            bucket: -1,
            prefix: RoutingIndex.Text(offset: 0, count: 0),
            candidates: Self.run(from: 0, count: 0)
        )
        var table = Array(repeating: free, count: Self.tableSize(lists.count))
        for list in lists {
            var place = Int(truncatingIfNeeded: list.hash) & (table.count - 1)
            while table[place].candidates.count > 0 { place = (place + 1) & (table.count - 1) }
            table[place] = list
        }
        return Self.flat(table)
    }

    private static func table(
        ofHosts keys: [BucketKey?]
    ) -> UnsafeMutableBufferPointer<RoutingIndex.HostPlace> {
        let free = RoutingIndex.HostPlace(hash: 0, bucket: -1)
        var table = Array(repeating: free, count: Self.tableSize(keys.count))
        for (bucket, key) in keys.enumerated() {
            guard let key else { continue }
            let hash = RoutingIndex.spread(Self.hash(key), Int(key.kind.rawValue))
            var place = Int(truncatingIfNeeded: hash) & (table.count - 1)
            while table[place].bucket >= 0 { place = (place + 1) & (table.count - 1) }
            table[place] = RoutingIndex.HostPlace(hash: hash, bucket: Int32(bucket))
        }
        return Self.flat(table)
    }

    private static func tableSize(_ count: Int) -> Int {
        var size = 4
        while size < count * 2 { size *= 2 }
        return size
    }
}

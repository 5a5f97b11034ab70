/// A test of all values of one request header, as ``RoutingTable/match(_:scratch:headers:)`` takes
/// it.
typealias HeaderTest = (UnsafeRawBufferPointer, (UnsafeRawBufferPointer) -> Bool) -> Bool

extension RoutingIndex {
    /// The best match so far, and what the search needs at every step; trivial.
    struct Search {
        let prefixHashes: UnsafeMutablePointer<UInt64>
        let regexMemory: RegexMemory
        let expressionMemory: ExpressionMemory
        /// By place of a route in what the index was compiled from: its place now, negative when it is
        /// not to be found any more; `nil` when all are where they were.
        let places: UnsafePointer<Int32>?
        /// Bit of the request's method; 0 for one that no route names.
        let method: UInt64
        var rank = Int32.max
        var prefixLength = 0
    }

    /// Visits every bucket that the request's host belongs to.
    func find(_ query: RouteQuery, in search: inout Search, headers: HeaderTest) {
        let host = query.host
        if self.hasWildcards { self.findWildcards(query, in: &search, headers: headers) }
        if !host.isEmpty {
            self.visit(.exact, host, Self.hash(host: host), query, &search, headers)
        }
        if self.anyHost >= 0 { self.visit(Int(self.anyHost), query, &search, headers) }
    }

    private func findWildcards(
        _ query: RouteQuery,
        in search: inout Search,
        headers: HeaderTest
    ) {
        let host = query.host
        var forward = Self.hashSeed
        for index in 0..<host.count {
            forward = Self.hash(forward, host[index])
            guard host[index] == UInt8(ascii: ".") else { continue }
            let text = UnsafeRawBufferPointer(rebasing: host[0...index])
            self.visit(.prefix, text, forward, query, &search, headers)
        }
        var backward = Self.hashSeed
        for index in stride(from: host.count - 1, through: 0, by: -1) {
            backward = Self.hash(backward, host[index])
            guard host[index] == UInt8(ascii: ".") else { continue }
            let text = UnsafeRawBufferPointer(rebasing: host[index...])
            self.visit(.suffix, text, backward, query, &search, headers)
        }
    }

    /// The bit of a method; 0 for one that no route names.
    func bit(ofMethod method: UnsafeRawBufferPointer) -> UInt64 {
        for index in 0..<self.methods.count
        where Self.areEqual(self.bytes(self.methods[index]), method) {
            return 1 << UInt64(index)
        }
        return 0
    }

    /// Hashes every prefix of the path that is not longer than the longest in the table.
    func hashPrefixes(of path: UnsafeRawBufferPointer, into hashes: UnsafeMutablePointer<UInt64>) {
        var hash = Self.hashSeed
        hashes[0] = hash
        for index in 0..<min(path.count, self.longestPrefix) {
            hash = Self.hash(hash, path[index])
            hashes[index + 1] = hash
        }
    }

    private func visit(
        _ kind: NamePattern.Kind,
        _ text: UnsafeRawBufferPointer,
        _ textHash: UInt64,
        _ query: RouteQuery,
        _ search: inout Search,
        _ headers: HeaderTest
    ) {
        let mask = self.hosts.count - 1
        let hash = Self.spread(textHash, Int(kind.rawValue))
        var place = Int(truncatingIfNeeded: hash) & mask
        while self.hosts[place].bucket >= 0 {
            let bucket = Int(self.hosts[place].bucket)
            if self.hosts[place].hash == hash, self.buckets[bucket].kind == kind,
                Self.areEqual(self.bytes(self.buckets[bucket].text), text)
            {
                return self.visit(bucket, query, &search, headers)
            }
            place = (place + 1) & mask
        }
    }

    private func visit(
        _ bucket: Int,
        _ query: RouteQuery,
        _ search: inout Search,
        _ headers: HeaderTest
    ) {
        guard self.buckets[bucket].firstRank < search.rank else { return }
        let mask = self.lists.count - 1
        for index in self.buckets[bucket].lengths.range {
            let length = Int(self.lengths[index])
            guard length <= query.path.count else { continue }
            let hash = Self.spread(search.prefixHashes[length], bucket)
            var place = Int(truncatingIfNeeded: hash) & mask
            while self.lists[place].candidates.count > 0 {
                if self.lists[place].hash == hash, Int(self.lists[place].bucket) == bucket,
                    Int(self.lists[place].prefix.count) == length,
                    Self.begins(query.path, with: self.bytes(self.lists[place].prefix))
                {
                    self.walk(self.lists[place], query, &search, headers)
                    break
                }
                place = (place + 1) & mask
            }
        }
    }

    private func walk(
        _ list: PathList,
        _ query: RouteQuery,
        _ search: inout Search,
        _ headers: HeaderTest
    ) {
        for index in list.candidates.range {
            let candidate = self.candidates[index]
            guard candidate.rank < search.rank else { return }
            guard candidate.port < 0 || candidate.port == Int32(query.port) else { continue }
            let entry = self.entries[Int(candidate.rank)]
            if let places = search.places, places[Int(entry.routeIndex)] < 0 { continue }
            guard entry.methods == 0 || entry.methods & search.method != 0,
                entry.serverNames.count == 0 || !query.isTLS
                    || self.isServerName(query.serverName, in: entry.serverNames),
                entry.headers.count == 0
                    || self.hold(entry.headers, search.regexMemory, headers)
            else { continue }
            var matched = Int(list.prefix.count)
            if entry.program >= 0 {
                let verdict = self.run(entry.program, query, search.expressionMemory, headers)
                guard verdict.holds else { continue }
                matched = verdict.matchedLength
            }
            if entry.regex >= 0 {
                let code = self.regexes[Int(entry.regex)]
                guard let end = search.regexMemory.run(code, on: query.path) else { continue }
                matched = end
            }
            search.rank = candidate.rank
            search.prefixLength = matched
            return
        }
    }

    private func hold(_ rules: Run, _ memory: RegexMemory, _ headers: HeaderTest) -> Bool {
        for index in rules.range {
            let rule = self.headerRules[index]
            let holds = headers(self.bytes(rule.name)) { value in
                if rule.regex >= 0 {
                    return memory.run(self.regexes[Int(rule.regex)], on: value) != nil
                }
                for wanted in rule.values.range
                where Self.areEqualIgnoringCase(value, lower: self.bytes(self.values[wanted])) {
                    return true
                }
                return false
            }
            guard holds else { return false }
        }
        return true
    }

    private func isServerName(_ name: UnsafeRawBufferPointer, in run: Run) -> Bool {
        for index in run.range {
            let text = self.bytes(self.names[index].text)
            let matches =
                switch self.names[index].kind {
                case .exact: Self.areEqual(name, text)
                case .prefix: Self.begins(name, with: text)
                case .suffix:
                    name.count >= text.count
                        && Self.areEqual(
                            UnsafeRawBufferPointer(rebasing: name.suffix(text.count)),
                            text
                        )
                }
            if matches { return true }
        }
        return false
    }
}

extension RoutingIndex {
    @inline(__always)
    static func areEqual(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        left.count == right.count && Self.begins(left, with: right)
    }

    @inline(__always)
    static func begins(
        _ text: UnsafeRawBufferPointer,
        with prefix: UnsafeRawBufferPointer
    ) -> Bool {
        guard prefix.count <= text.count else { return false }
        var index = 0
        while index + 8 <= prefix.count {
            let left = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let right = prefix.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard left == right else { return false }
            index += 8
        }
        while index < prefix.count {
            guard text[index] == prefix[index] else { return false }
            index += 1
        }
        return true
    }

    private static func areEqualIgnoringCase(
        _ value: UnsafeRawBufferPointer,
        lower wanted: UnsafeRawBufferPointer
    ) -> Bool {
        guard value.count == wanted.count else { return false }
        for index in 0..<value.count {
            let byte = value[index]
            let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
            guard lower == wanted[index] else { return false }
        }
        return true
    }
}

public import MeshPrimitives

/// Something that keeps gossip from getting through between this node and one address.
public struct PathTrouble: Equatable, Sendable {
    /// Which way fails.
    public enum Path: String, CaseIterable, Sendable {
        /// The system takes no datagram for the address.
        case send
        /// No stream to the address opens, or none is answered.
        case stream
        /// Streams are answered, datagrams are not.
        case datagrams
        /// The node's own socket is closed; it is being opened again.
        case socket
        /// A member of the address holds the name that this node or another claims.
        case name
        /// Gossip comes from the address under another key ring or cluster name.
        case stranger
        /// A node of the mesh is at the address that speaks no protocol version which this one does.
        case version
        /// A node of another mesh is at the address.
        case mesh
        /// A process at the address has this node's own identity.
        case twin
    }

    /// Which way fails.
    public let path: Path
    /// Who is at the other end; the own address for a socket.
    public let endpoint: Endpoint
    /// Why, for the operator.
    public internal(set) var cause: String
    /// How often since it last worked.
    public internal(set) var count: UInt64
    /// When it first failed.
    public let since: MonotonicInstant
}

/// The troubles of a node, each told once and then ever more rarely.
///
/// Bounded: beyond ``limit`` the one that failed longest ago is forgotten.
struct PathTroubles {
    /// Troubles kept at once.
    static let limit = 256
    /// Of these, strangers: their addresses may be made up, so they must not displace the others.
    static let strangerLimit = 16
    /// Time until a trouble that goes on is told again; doubles up to ``pauseMaximum``.
    static let pause: Duration = .seconds(60)
    /// The longest time between two words about one trouble.
    static let pauseMaximum: Duration = .seconds(3_600)

    private struct Key: Hashable {
        let path: PathTrouble.Path
        let endpoint: Endpoint
    }

    private struct Entry {
        var trouble: PathTrouble
        var last: MonotonicInstant
        var nextWord: MonotonicInstant
        var pause: Duration = PathTroubles.pause
        var isOver = false
    }

    private var entries: [Key: Entry] = [:]

    /// Failures in a row before a path counts as troubled; a refused send needs no second proof.
    private static func threshold(_ path: PathTrouble.Path) -> UInt64 {
        switch path {
        case .send, .socket, .name, .twin, .mesh, .version: 1
        case .stream, .datagrams, .stranger: 3
        }
    }

    /// How long a failure counts when nothing is tried any more; streams are tried ever more rarely.
    private static func lifetime(_ path: PathTrouble.Path) -> Duration {
        switch path {
        case .send, .datagrams, .socket, .stranger: .seconds(60)
        // Whoever is refused tries again at least every 10 s.
        case .name: .seconds(20)
        // Nothing is heard of it any more once one of the two is silent.
        case .twin: .seconds(3_600)
        // Seeds are tried ever more rarely.
        case .stream, .mesh, .version: .seconds(120)
        }
    }

    /// What is wrong now, by path and address.
    func current(at now: MonotonicInstant) -> [PathTrouble] {
        let live = self.entries.values.filter { entry in
            !entry.isOver && Self.isProved(entry.trouble)
                && entry.last.duration(to: now) < Self.lifetime(entry.trouble.path)
        }
        return live.map(\.trouble).sorted {
            ($0.path.rawValue, "\($0.endpoint)") < ($1.path.rawValue, "\($1.endpoint)")
        }
    }

    /// Whether a path has failed and not worked since.
    func isOpen(_ path: PathTrouble.Path, _ endpoint: Endpoint) -> Bool {
        self.entries[Key(path: path, endpoint: endpoint)].map { !$0.isOver } ?? false
    }

    /// Counts a failure.
    ///
    /// - Returns: the trouble, when it is time to tell it.
    mutating func failed(
        _ path: PathTrouble.Path,
        _ endpoint: Endpoint,
        _ cause: String,
        at now: MonotonicInstant
    ) -> PathTrouble? {
        let key = Key(path: path, endpoint: endpoint)
        if path == .stranger, self.entries[key] == nil,
            self.entries.keys.count(where: { $0.path == .stranger }) >= Self.strangerLimit
        {
            self.forgetStranger(before: now)
            guard self.entries.keys.count(where: { $0.path == .stranger }) < Self.strangerLimit
            else { return nil }
        }
        var entry =
            self.entries[key]
            ?? Entry(
                trouble: PathTrouble(
                    path: path,
                    endpoint: endpoint,
                    cause: cause,
                    count: 0,
                    since: now
                ),
                last: now,
                nextWord: now
            )
        if entry.isOver {
            entry.trouble = PathTrouble(
                path: path,
                endpoint: endpoint,
                cause: cause,
                count: 0,
                since: now
            )
        }
        entry.isOver = false
        entry.last = now
        entry.trouble.cause = cause
        entry.trouble.count += 1
        let isDue = Self.isProved(entry.trouble) && now >= entry.nextWord
        if isDue {
            entry.nextWord = now.advanced(by: entry.pause)
            entry.pause = min(entry.pause * 2, Self.pauseMaximum)
        }
        self.entries[key] = entry
        self.forgetOldest()
        return isDue ? entry.trouble : nil
    }

    /// Notes that a path works.
    ///
    /// How often it was told before stays known, so that a flapping path is not told each time.
    mutating func worked(_ path: PathTrouble.Path, _ endpoint: Endpoint) {
        guard !self.entries.isEmpty else { return }
        self.entries[Key(path: path, endpoint: endpoint)]?.isOver = true
    }

    /// Notes that a path works wherever it leads.
    mutating func worked(_ path: PathTrouble.Path) {
        for key in self.entries.keys where key.path == path { self.entries[key]?.isOver = true }
    }

    private static func isProved(_ trouble: PathTrouble) -> Bool {
        trouble.count >= Self.threshold(trouble.path)
    }

    /// Gives up strangers that have not come for a while.
    private mutating func forgetStranger(before now: MonotonicInstant) {
        self.entries = self.entries.filter { key, entry in
            key.path != .stranger
                || entry.last.duration(to: now) < Self.lifetime(.stranger)
        }
    }

    private mutating func forgetOldest() {
        guard self.entries.count > Self.limit,
            let oldest = self.entries.min(by: { $0.value.last < $1.value.last })
        else { return }
        self.entries[oldest.key] = nil
    }
}

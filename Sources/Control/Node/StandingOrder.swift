import HashTreeCollections
import MeshBalancing
import MeshChangelog
import MeshHealth
import MeshPrimitives
import MeshTransport

/// What an operator wants of a region or of a target; kept in the changelog, beside the configuration,
/// so that every node obeys it, those included that start later.
struct StandingOrder: Equatable, Sendable {
    /// Of whom it is wanted.
    enum Subject: Hashable, Sendable {
        case region(String)
        case target(upstream: String, name: String)
    }

    /// What their keys begin with.
    static let kind = "orders"
    /// The longest time for which a region's order holds: 72 h.
    static let longest = Duration.seconds(72 * 3_600)

    let subject: Subject
    /// What is wanted, such as `drain`.
    let word: String
    /// Unix milliseconds when it was given, and when it ends; the largest number for no end.
    let since: UInt64
    let until: UInt64

    init(_ subject: Subject, _ word: String, since: UInt64, until: UInt64 = .max) {
        self.subject = subject
        self.word = word
        self.since = since
        self.until = until
    }

    /// Reads what is kept; `nil` when it makes no sense to this version.
    init?(key: String, body: [UInt8]) {
        let names = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let words = String(decoding: body, as: UTF8.self).split(separator: " ")
        guard names.first == Self.kind, words.count == 3, let since = UInt64(words[1]),
            let until = UInt64(words[2])
        else { return nil }
        switch (names.dropFirst().first, names.count) {
        case ("region", 3): self.subject = .region(names[2])
        case ("target", 4): self.subject = .target(upstream: names[2], name: names[3])
        default: return nil
        }
        self.word = String(words[0])
        self.since = since
        self.until = until
    }

    /// The key of what is wanted of somebody.
    static func key(of subject: Subject) -> String {
        switch subject {
        case .region(let name): "\(Self.kind)/region/\(name)"
        case .target(let upstream, let name): "\(Self.kind)/target/\(upstream)/\(name)"
        }
    }

    /// The changeset of this order.
    func draft(author: String) -> ChangelogDraft {
        let body = Array("\(self.word) \(self.since) \(self.until)".utf8)
        return ChangelogDraft(
            changes: [Self.key(of: self.subject): body],
            author: author,
            message: "\(Self.words(self.subject)): \(self.word)"
        )
    }

    /// The changeset that takes an order back.
    static func withdrawal(of subject: Subject, author: String) -> ChangelogDraft {
        ChangelogDraft(
            changes: [Self.key(of: subject): nil],
            author: author,
            message: "\(Self.words(subject)): orders are taken back"
        )
    }

    private static func words(_ subject: Subject) -> String {
        switch subject {
        case .region(let name): "region \(name)"
        case .target(let upstream, let name): "target \(name) of \(upstream)"
        }
    }
}

extension ClusterConfigurationState {
    /// What operators want of regions and targets.
    var standingOrders: [StandingOrder] {
        self.state.asideKeys.sorted().compactMap { key in
            self.state.entities[key].flatMap { StandingOrder(key: key, body: $0.body) }
        }
    }
}

extension [StandingOrder] {
    /// Those about regions, for the region machine.
    var regionOrders: [RegionOrder] {
        self.compactMap { order in
            guard case .region(let name) = order.subject,
                let kind = RegionOrder.Kind(rawValue: order.word)
            else { return nil }
            return RegionOrder(
                kind,
                of: name,
                since: .wall(milliseconds: order.since),
                until: .wall(milliseconds: order.until)
            )
        }
    }

    /// Those about targets, for the health machine.
    var targetDirectives: [TargetDirective] {
        self.compactMap { order in
            guard case .target(let upstream, let name) = order.subject,
                let kind = TargetDirective.Kind(rawValue: order.word)
            else { return nil }
            return TargetDirective(kind, upstream: upstream, target: name)
        }
    }
}

extension MonotonicInstant {
    /// A moment of the fleet's clock, from Unix milliseconds.
    static func wall(milliseconds: UInt64) -> MonotonicInstant {
        MonotonicInstant(
            sinceStart: .milliseconds(Int64(clamping: Swift.min(milliseconds, 1 << 53)))
        )
    }
}

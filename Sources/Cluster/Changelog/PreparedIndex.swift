internal import HashTreeCollections

/// What the structural rules keep of entities that come together where there are none, worked out ahead.
///
/// It depends on these entities alone. There is none of entities that break a rule: replaying them says
/// which one.
public struct PreparedIndex: Equatable, Sendable {
    let claims: TreeDictionary<String, String>
    let referrers: TreeDictionary<String, Int>
    let needs: TreeDictionary<String, Int>

    /// Who holds what can be held once.
    public struct Claims: Sendable {
        fileprivate let holders: TreeDictionary<String, String>

        /// Costs O(entities); `nil` when two claim the same, or something is no entity at all.
        public init?(of details: [PreparedChanges.Detail]) {
            var holders: TreeDictionary<String, String> = [:]
            for detail in details {
                guard detail.facts.fault == nil else { return nil }
                for claim in detail.facts.claims {
                    let other = holders.updateValue(detail.key, forKey: claim)
                    guard other == nil || other == detail.key else { return nil }
                }
            }
            self.holders = holders
        }
    }

    /// What entities refer to.
    public struct References: Sendable {
        fileprivate let referrers: TreeDictionary<String, Int>
        fileprivate let needs: TreeDictionary<String, Int>

        /// Costs O(entities); `nil` when one refers to what is not among them.
        ///
        /// - Parameter details: by rising key.
        public init?(of details: [PreparedChanges.Detail]) {
            var referrers: TreeDictionary<String, Int> = [:]
            var needs: TreeDictionary<String, Int> = [:]
            for detail in details {
                for reference in detail.facts.references { referrers[reference, default: 0] += 1 }
                for need in detail.facts.needs { needs[need, default: 0] += 1 }
            }
            guard referrers.keys.allSatisfy({ details.hasDetail(of: $0) }) else { return nil }
            (self.referrers, self.needs) = (referrers, needs)
        }
    }

    /// Puts both halves together; `nil` where one is missing, or a need is not met.
    public init?(_ claims: Claims?, _ references: References?) {
        guard let claims, let references,
            references.needs.keys.allSatisfy({ claims.holders[$0] != nil })
        else { return nil }
        self.claims = claims.holders
        self.referrers = references.referrers
        self.needs = references.needs
    }
}

extension [PreparedChanges.Detail] {
    /// Whether an entity is among these, which are by rising key.
    fileprivate func hasDetail(of key: String) -> Bool {
        var (low, high) = (0, self.count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low < self.count && self[low].key == key
    }
}

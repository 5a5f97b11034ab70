import MeshReports

/// What the stable codes of checks and errors and the names of events mean, for `meshctl explain`.
public enum CodeBook {
    /// One code.
    public struct Page: Encodable, Equatable, Sendable {
        /// The code, such as `MESH004`, or the name of an event, such as `target-excluded`.
        public let code: String
        /// What is checked, or what went wrong.
        public let title: String
        /// What it means and how it comes about.
        public let meaning: String
        /// What to do.
        public let remedy: String

        /// The page as text of at most 100 columns.
        public var text: String {
            ["\(self.code)  \(self.title)", "", Self.wrapped(self.meaning), "", "What to do:"]
                .joined(separator: "\n") + "\n" + Self.wrapped(self.remedy) + "\n"
        }

        private static func wrapped(_ text: String) -> String {
            var lines: [String] = [""]
            for word in text.split(separator: " ") {
                let last = lines[lines.count - 1]
                if !last.isEmpty, last.count + 1 + word.count > 100 {
                    lines.append(String(word))
                } else {
                    lines[lines.count - 1] = last.isEmpty ? String(word) : "\(last) \(word)"
                }
            }
            return lines.joined(separator: "\n")
        }
    }

    /// The page of an event, or of a code with or without `MESH` and zeros before its number.
    ///
    /// Upper and lower case are one.
    public static func page(_ code: String) -> Page? {
        if let type = EventType(rawValue: code.lowercased()) {
            return Self.events.first { $0.code == type.rawValue }
        }
        let upper = code.uppercased()
        let digits = upper.hasPrefix("MESH") ? upper.dropFirst(4) : upper[...]
        guard digits.count <= 3, let number = UInt(digits), digits.first != "+" else { return nil }
        return Self.pages.first { UInt($0.code.dropFirst(4)) == number }
    }

    /// The pages of events, in the order of ``MeshReports/EventType``.
    public static let events: [Page] = {
        let entries = EventBook.entries
        return EventType.allCases.compactMap { type in
            entries[type].map {
                Page(code: type.rawValue, title: $0.title, meaning: $0.meaning, remedy: $0.remedy)
            }
        }
    }()

    /// The pages of codes: checks below 100, errors of the Admin API from 100 on.
    public static let pages: [Page] = (Self.checks + Self.errors).map {
        Page(code: $0.0, title: $0.1, meaning: $0.2, remedy: $0.3)
    }

    private typealias Row = (String, String, String, String)

    private static let checks: [Row] = [
        (
            "MESH001", "all regions have at least 2 usable nodes",
            "A region with one usable node has none during that node's restart, and a region with "
                + "none cannot serve. Usable is a node that is alive and takes traffic.",
            "meshctl members shows who is down or drained there. Start the node, or meshctl resume it."
        ),
        (
            "MESH002", "every member answers",
            "A member missed its probes. Suspect means that it may still prove that it lives; down "
                + "means that nobody reached it in time. Traffic does not wait for it.",
            "meshctl member NODE says who misses it since when. It comes back by itself when it "
                + "answers. meshctl forget NODE takes one off the list that never will."
        ),
        (
            "MESH003", "no member is taken out",
            "An operator has drained a node and not put it back. It serves what still comes, but "
                + "balancers and peers send nothing new.",
            "meshctl resume NODE when the work on it is done."
        ),
        (
            "MESH004", "config versions agree",
            "Some nodes that are alive route by another configuration than the one asked. Just after "
                + "a change that is usual for a second; longer, a node cannot fetch or refuses it, or "
                + "a roll-out holds it back.",
            "meshctl config status shows who runs what, and meshctl config roll-out status whether a "
                + "roll-out is open. A node that was away catches up by itself."
        ),
        (
            "MESH005", "no node rejects the configuration",
            "A node holds the newest configuration but cannot route by it, and goes on with the one "
                + "before. Mostly it is an older version that lacks a plugin or field.",
            "meshctl config status tells the reason. Upgrade that node, or apply a configuration that "
                + "it accepts."
        ),
        (
            "MESH006", "all members run the same version",
            "Several versions run side by side, as in the middle of an upgrade. They understand each "
                + "other, but nobody should stay there.",
            "meshctl upgrade status shows where it stands; finish it by meshctl upgrade resume."
        ),
        (
            "MESH007", "every member has its own name",
            "Two nodes with different identities call themselves by one name. The mesh lets the "
                + "first one in and refuses the other.",
            "Give one of the two another node.name, and start it again."
        ),
        (
            "MESH008", "every seed answers",
            "A seed of gossip.seeds does not resolve or does not answer. The node is in the mesh by "
                + "others, but could not join by this one after a restart.",
            "Repair the name or the node behind it, or replace it in gossip.seeds."
        ),
        (
            "MESH009", "gossip gets through to every member",
            "Packets to a member's gossip address are lost or refused while the member lives: "
                + "mostly a firewall that lets only TCP or only one direction pass.",
            "Open the gossip port for both UDP and TCP, in both directions, between all nodes."
        ),
        (
            "MESH010", "every upstream has a target that takes traffic",
            "All targets of an upstream are excluded, drained or without an address. Its requests are "
                + "answered 503, or go to doubtful targets while it panics.",
            "meshctl health UPSTREAM shows who saw what, meshctl why UPSTREAM how it came about."
        ),
        (
            "MESH011", "every target takes traffic",
            "Some targets are excluded or get a lowered share, since requests or checks failed there.",
            "meshctl health shows which nodes have what against it. It returns by itself when checks "
                + "succeed or its time is up."
        ),
        (
            "MESH012", "every target's name resolves",
            "A target is a name that the node's resolver does not know, so it has no address to be "
                + "chosen by.",
            "Check the name, and resolv.conf on the node."
        ),
        (
            "MESH013", "no copy of this node runs elsewhere",
            "Another process runs with this node's identity, from a copy of its data directory. Each "
                + "refutes what the other says.",
            "Stop one of the two, remove the copy's data_dir, and start it again: it gets an identity "
                + "of its own."
        ),
        (
            "MESH014", "this node's own network works",
            "Most members do not answer this node, which is more likely its own network than theirs. "
                + "It accuses nobody meanwhile.",
            "Look at this machine's network, address and firewall."
        ),
        (
            "MESH015", "nobody of another mesh is among the seeds",
            "A seed, or a node at an address that was a member's, belongs to another mesh. Two meshes "
                + "that were founded apart never merge, and take nothing in from each other.",
            "Correct gossip.seeds; to move a node on purpose, set gossip.mesh to the identity that "
                + "meshctl status shows in the mesh it is to join."
        ),
        (
            "MESH016", "there is room for more members",
            "The table of members is full, so that nobody else is taken in.",
            "meshctl forget those that never come back."
        ),
        (
            "MESH017", "every node that calls speaks a protocol version that this one does",
            "A node that holds the key ring has called, or was called, and the two speak no protocol "
                + "version in common: they are more than one release apart, or the fleet was finalized "
                + "and the node is of an older release. They exchange nothing.",
            "meshctl upgrade status shows who speaks what. Upgrade the older one, by way of the release "
                + "between if need be."
        ),
        (
            "MESH020", "one gossip key in use",
            "The ring holds more than one key: a change of keys is under way and was not ended, so "
                + "that an old key still opens the mesh.",
            "meshctl keys list shows who holds which; end it by meshctl keys activate and retire."
        ),
        (
            "MESH021", "nobody sends gossip that does not open",
            "Datagrams arrive that no key of the ring opens: a node with another ring or cluster name, "
                + "or a stranger on the network. They are dropped.",
            "Give the node the right ring; close the gossip port to others."
        ),
        (
            "MESH022", "certificates are valid for 14 days or more",
            "A configured certificate, of which clients or targets may be shown, or an authority, "
                + "ends within 14 days (a warning), or within 3 or already did (a failure). The node "
                + "goes on showing it, and others will refuse it.",
            "Put the new one and its key into the configuration and apply it: meshctl config apply "
                + "FILE. Connections that are open stay. For the certificate of node settings, replace "
                + "the file and restart the node."
        ),
        (
            "MESH040", "clocks agree within half a second",
            "The clock of a member differs from that of the node asked by more than the time its answer "
                + "took. Certificates, tokens and limits per minute count differently there, and events do "
                + "not sort; membership does not depend on clocks. Of many members 64 are asked.",
            "Let a time service run on every machine. If most members are astray, it is the clock of the "
                + "node asked."
        ),
        (
            "MESH041", "file descriptors below 70 %",
            "Every client and every target connection takes a descriptor. At the limit the node lets "
                + "new connections wait.",
            "Raise LimitNOFILE to two per expected client connection."
        ),
        (
            "MESH042", "it takes traffic",
            "The node's readiness is 503: it has no configuration yet, or is drained, or stops. "
                + "Balancers pass it by.",
            "meshctl status says why. meshctl config apply FILE gives the mesh a configuration, "
                + "meshctl resume NODE puts a drained one back."
        ),
        (
            "MESH043", "its config: file is what it routes by",
            "The file named by config: is read only when the mesh has no configuration. Since then "
                + "something else was applied, so the file tells a reader the wrong thing.",
            "meshctl config diff FILE; apply it, or put what is live into it: meshctl config get."
        ),
        (
            "MESH044", "its disk takes what is written",
            "The state file was not written: no room, or no right to. The node serves from memory, "
                + "but refuses changes that would not outlive it.",
            "Make room, or make it writable; the node saves again by itself."
        ),
    ]

    private static let errors: [Row] = [
        (
            "MESH101", "the request could not be read",
            "The body or an argument of a request to /mesh/… is missing, too large or not what the "
                + "path takes. Nothing was changed.",
            "The message names the part; meshctl writes such requests correctly."
        ),
        (
            "MESH102", "the configuration is invalid",
            "The declarative file breaks rules of Kong's format or names what this version cannot do. "
                + "All findings are told at once. Nothing was changed.",
            "meshctl config validate FILE tells line and column of each."
        ),
        (
            "MESH103", "somebody else changed the configuration",
            "It is another one now than the one that was compared with, so that applying would take "
                + "somebody's change back. Nothing was changed.",
            "meshctl config diff FILE once more, then apply."
        ),
        (
            "MESH104", "nothing is called so",
            "No member, upstream, region or upgrade has this name at the node that was asked.",
            "meshctl members, meshctl health and meshctl region list name what there is."
        ),
        (
            "MESH105", "refused",
            "What was asked would break something, makes no sense now, or another operation is open. "
                + "The message says which. Nothing was changed.",
            "Do what the message says; --force exists where harm may be wanted."
        ),
        (
            "MESH106", "another configuration is being loaded",
            "A node takes one change at a time, and enough others wait already.",
            "Try again."
        ),
        (
            "MESH107", "the node is stopping",
            "It drains, or hands its store to a successor, and takes no change any more.",
            "Ask another node; a restarted one answers after a moment."
        ),
        (
            "MESH108", "loading took too long",
            "The change is written, but the node did not see it take effect in time.",
            "meshctl config status tells whether it did meanwhile."
        ),
        (
            "MESH109", "the node failed",
            "Something that should not fail did, such as the disk. Nothing was changed.",
            "The message says what; the node's log has more."
        ),
        (
            "MESH110", "no such changeset",
            "No changeset that is remembered has this name. Old ones are folded into a checkpoint.",
            "meshctl config history lists those that are remembered."
        ),
        (
            "MESH111", "the guard cannot be read",
            "A guard is written as errors<1%,p99<+20%, either part alone or both.",
            "Correct it; see meshctl config apply --help."
        ),
    ]
}

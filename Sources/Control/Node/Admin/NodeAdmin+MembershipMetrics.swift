import MeshAdmin
import MeshMembership
import MeshObservations
import MeshTransport

extension NodeAdmin {
    /// What the membership has done and seen.
    static func writeMembership(_ status: ClusterStatus, into text: inout MetricsText) {
        let counters = status.membership
        text.family(
            "meshgate_probes_total",
            .counter,
            help: "Probes of other members by this node.",
            labels: ["result"],
            samples: Self.samples([
                ("answered", counters.probesAnswered), ("failed", counters.probesFailed),
                ("begun", counters.probes),
            ])
        )
        text.family(
            "meshgate_suspicions_total",
            .counter,
            help: "Suspicions of members here, and how they ended.",
            labels: ["event"],
            samples: Self.samples([
                ("began", counters.suspicions), ("refuted", counters.suspicionsRefuted),
                ("failed", counters.failures), ("false_alarm", counters.falseAlarms),
            ])
        )
        text.family(
            "meshgate_refutations_total",
            .counter,
            help: "Times that this node refuted what others said of it.",
            samples: Self.samples([("", counters.refutations)])
        )
        text.family(
            "meshgate_withdrawals_total",
            .counter,
            help: "Times that this node withdrew, since it was hard to reach.",
            samples: Self.samples([("", counters.withdrawals)])
        )
        Self.writeTables(status, into: &text)
        Self.writeDrops(counters, into: &text)
        Self.writeLimits(status, into: &text)
    }

    /// What bounds on bytes have held back, and what was said in this node's name.
    private static func writeLimits(_ status: ClusterStatus, into text: inout MetricsText) {
        text.family(
            "meshgate_gossip_held_total",
            .counter,
            help: "Gossip that was held back or cut, since its bytes were used up.",
            labels: ["what"],
            samples: Self.samples([
                ("news", status.membership.newsHeld), ("answers", status.membership.answersCut),
                ("observations", status.observations.overBudget),
            ])
        )
        text.family(
            "meshgate_observations_refused_total",
            .counter,
            help: "Observations that were not taken in, by reason.",
            labels: ["reason"],
            samples: Self.samples([
                ("table_full", status.observations.overLimit),
                ("foreign", status.observations.foreign),
            ])
        )
        text.family(
            "meshgate_impersonations_total",
            .counter,
            help: "Times that peers had heard what this node never said; it said everything again.",
            samples: Self.samples([("", status.observations.outranked)])
        )
    }

    /// What found a table full.
    private static func writeDrops(_ counters: MembershipCounters, into text: inout MetricsText) {
        text.family(
            "meshgate_membership_dropped_total",
            .counter,
            help:
                "What was dropped or not served, since a bounded table of the membership was full.",
            labels: ["what"],
            samples: Self.samples([
                ("news", counters.newsDropped), ("looks", counters.looksDropped),
                ("relays", counters.relaysDropped), ("tombstones", counters.tombstonesDropped),
            ])
        )
    }

    /// What it holds and refuses.
    private static func writeTables(_ status: ClusterStatus, into text: inout MetricsText) {
        let counters = status.membership
        text.family(
            "meshgate_member_records_total",
            .counter,
            help: "Signatures of member records that were checked, and those that did not hold.",
            labels: ["result"],
            samples: Self.samples([
                ("checked", counters.recordsVerified), ("forged", counters.recordsForged),
            ])
        )
        text.family(
            "meshgate_newcomers_refused_total",
            .counter,
            help: "Newcomers that were not let in, by reason.",
            labels: ["reason"],
            samples: Self.samples([
                ("table_full", counters.membersRefused), ("name_taken", counters.namesRefused),
            ])
        )
        text.family(
            "meshgate_foreign_mesh_messages_total",
            .counter,
            help: "Gossip of nodes of another mesh, none of which was believed.",
            samples: Self.samples([("", counters.foreignMessages)])
        )
        text.family(
            "meshgate_membership_entries",
            .gauge,
            help: "Entries of bounded tables of the membership.",
            labels: ["table"],
            samples: Self.samples([
                ("members", UInt64(counters.members)), ("news", UInt64(counters.queuedNews)),
                ("forgotten", UInt64(counters.forgotten)),
            ])
        )
        text.family(
            "meshgate_local_health",
            .gauge,
            help: "What this node's own bad health multiplies its patience by; 1 is well.",
            samples: Self.samples([("", UInt64(counters.healthMultiplier))])
        )
        text.family(
            "meshgate_isolated",
            .gauge,
            help: "Whether most of this node's own probes fail: 1 while they do.",
            samples: Self.samples([("", status.isIsolated ? 1 : 0)])
        )
        text.family(
            "meshgate_gossip_events_dropped_total",
            .counter,
            help: "Events of the cluster that nobody fetched in time.",
            samples: Self.samples([("", status.counters.eventsDropped)])
        )
        text.family(
            "meshgate_gossip_streams_failed_total",
            .counter,
            help: "Gossip streams given up: refused, timed out, broken, over a limit.",
            samples: Self.samples([("", status.counters.streamsFailed)])
        )
        text.family(
            "meshgate_gossip_streams_rested_total",
            .counter,
            help: "Times that a gossip stream was not read for a while: too much was sent on it.",
            samples: Self.samples([("", status.counters.streamsRested)])
        )
    }

    private static func samples(_ values: [(String, UInt64)]) -> [MetricsText.Sample] {
        values.map { MetricsText.Sample($0.0.isEmpty ? [] : [$0.0], Double($0.1)) }
    }
}

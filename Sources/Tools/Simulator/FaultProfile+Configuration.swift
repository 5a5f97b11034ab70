import MeshChangelog
import MeshMembership

/// What goes wrong with configurations: disks, clocks, paths, releases, and a member that lies.
extension FaultProfile {
    /// Those of this file, and full and slow disks.
    public static let configuration: [FaultProfile] = [
        .rivals, .liar, .copied, .rolledBack, .lost, .cut, .datagramsOnly, .streamsOnly, .mixed,
        .clocks, .away,
    ]

    /// Much is written on both sides of cuts, so that changes meet.
    public static let rivals: FaultProfile = {
        var profile = FaultProfile(name: "rivals")
        profile.partitions = 4
        profile.writesPerSecond = 2
        profile.quietSeconds = 60
        return profile
    }()

    /// A member with the keys lies about changesets, about itself and about others.
    public static let liar: FaultProfile = {
        var profile = FaultProfile(name: "liar")
        profile.hasLiar = true
        profile.writesPerSecond = 1
        return profile
    }()

    /// A node starts with a copy of another one's changelog, while that one runs.
    public static let copied = Self.disaster("copied", [.copied, .copied])

    /// A node starts with the disk that it had some time before.
    public static let rolledBack = Self.disaster("rolled-back", [.rolledBack, .rolledBack])

    /// A node starts without its changelog.
    public static let lost = Self.disaster("lost", [.lost, .lost, .lost])

    /// A node starts without the newest part of its changelog.
    public static let cut = Self.disaster("cut", [.cut, .cut, .cut])

    /// Paths carry datagrams only, of which some are lost.
    public static let datagramsOnly: FaultProfile = {
        var profile = FaultProfile(name: "datagrams-only")
        profile.nodeCount = 4
        profile.datagramOnlyPairs = 6
        profile.loss = 0.1
        profile.writesPerSecond = 2
        profile.crashes = 1
        profile.restarts = true
        profile.detectionBound = .seconds(12)
        return profile
    }()

    /// Some paths carry streams only.
    public static let streamsOnly: FaultProfile = {
        var profile = FaultProfile(name: "streams-only")
        profile.streamOnlyPairs = 3
        profile.writesPerSecond = 2
        profile.crashes = 1
        profile.restarts = true
        profile.detectionBound = .seconds(12)
        return profile
    }()

    /// Every second node is of the next release.
    public static let mixed: FaultProfile = {
        var profile = FaultProfile(name: "mixed")
        profile.isMixed = true
        profile.nodeCount = 6
        profile.writesPerSecond = 3
        profile.crashes = 2
        profile.restarts = true
        profile.detectionBound = .seconds(10)
        return profile
    }()

    /// Clocks begin anywhere, run too fast or too slow, and leap.
    public static let clocks: FaultProfile = {
        var profile = FaultProfile(name: "clocks")
        profile.clockError = 0.02
        profile.leaps = 6
        profile.writesPerSecond = 1
        profile.crashes = 1
        profile.restarts = true
        profile.detectionBound = .seconds(10)
        profile.quietSeconds = 60
        return profile
    }()

    /// A node comes back after the others have forgotten it and have folded what they wrote.
    public static let away: FaultProfile = {
        var profile = FaultProfile(name: "away")
        profile.disasters = [.away, .away]
        profile.membership.tombstoneLifetime = .seconds(20)
        (profile.changelog.historyCount, profile.changelog.foldCount) = (5, 3)
        profile.writesPerSecond = 4
        profile.faultSeconds = 120
        profile.quietSeconds = 60
        return profile
    }()

    private static func disaster(_ name: String, _ disasters: [Disaster]) -> FaultProfile {
        var profile = FaultProfile(name: name)
        profile.disasters = disasters
        profile.writesPerSecond = 2
        profile.faultSeconds = 10 + 18 * Double(disasters.count)
        profile.detectionBound = .seconds(12)
        return profile
    }
}

extension FaultProfile {
    /// What has to happen in a run beside what is in the schedule.
    var happenings: Set<Happening> {
        var happenings: Set<Happening> = [.activation, .acknowledgement]
        if self.faultSeconds >= 40 { happenings.insert(.exclusion) }
        if self.loss > 0 { happenings.insert(.lostDatagram) }
        if self.duplication > 0 { happenings.insert(.doubledDatagram) }
        if self.datagramOnlyPairs > 0 { happenings.insert(.blockedStream) }
        if self.streamOnlyPairs > 0 { happenings.insert(.blockedDatagram) }
        if self.isMixed { happenings.insert(.unknownRecord) }
        return happenings
    }
}

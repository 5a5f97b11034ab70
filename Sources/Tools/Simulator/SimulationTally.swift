/// What has happened in a run, and how often.
public enum Happening: String, CaseIterable, Sendable {
    /// A node crashed.
    case crash
    /// A node started again.
    case restart
    /// A node came back with an empty disk and another identity.
    case reinstall
    /// A node said goodbye.
    case leave
    /// A node stood still.
    case pause
    /// A disk took nothing for a while.
    case fullDisk
    /// A disk was slow for a while.
    case slowDisk
    /// The network was cut.
    case split
    /// The network became whole.
    case heal
    /// A disk was copied to be put back later.
    case backUp
    /// A node came back without its changelog.
    case lostDisk
    /// A node came back without the newest part of its changelog.
    case cutDisk
    /// A node came back with the disk of an earlier time.
    case rolledBackDisk
    /// A node came back with the changelog of another one.
    case copiedDisk
    /// A clock leapt ahead.
    case leap
    /// A member said what is not so.
    case lie
    /// A node came back that the others had forgotten, and whose place they had folded.
    case late
    /// A datagram was lost.
    case lostDatagram
    /// A datagram came twice.
    case doubledDatagram
    /// A path took no datagram.
    case blockedDatagram
    /// A path took no stream.
    case blockedStream
    /// A node skipped what a newer release says.
    case unknownRecord
    /// A node could not build a configuration that others can.
    case refusedBuild
    /// A save failed although the disk has it.
    case storedAfterAll
    /// A configuration was brought into use.
    case activation
    /// A node took a target out of use.
    case exclusion
    /// A write was told to be safe.
    case acknowledgement
    /// Two changes met that had not seen each other.
    case conflict
}

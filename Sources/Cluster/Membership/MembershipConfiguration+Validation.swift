/// A membership setting that a node refuses to start with.
public indirect enum MembershipConfigurationError: Error, Equatable, Sendable {
    /// The value lies outside what the field allows.
    case outOfRange(field: String, value: String, allowed: String)
}

extension MembershipConfigurationError: CustomStringConvertible {
    /// One line for the operator: field, value found, what is allowed.
    public var description: String {
        switch self {
        case .outOfRange(let field, let value, let allowed):
            "\(field) is \(value), but must be \(allowed)"
        }
    }
}

extension MembershipConfiguration {
    /// Returns `self` if every field is in range.
    ///
    /// - Throws: ``MembershipConfigurationError`` for the first field that is not.
    public func validated() throws(MembershipConfigurationError) -> Self {
        try self.check("probeInterval", self.probeInterval, .milliseconds(100), .seconds(60))
        let half = self.probeInterval / 2
        try self.check("probeTimeout", self.probeTimeout, .milliseconds(1), half)
        try self.check("probeTimeoutMinimum", self.probeTimeoutMinimum, .milliseconds(1), half)
        try self.check("relayCount", self.relayCount, 0, 16)
        try self.check("suspicionMultiplier", self.suspicionMultiplier, 1, 100)
        try self.check("suspicionMaximumMultiplier", self.suspicionMaximumMultiplier, 1, 100)
        try self.check("suspicionConfirmations", self.suspicionConfirmations, 0, 16)
        try self.check("healthCeiling", self.healthCeiling, 1, 64)
        try self.check("gossipInterval", self.gossipInterval, .milliseconds(10), .seconds(60))
        try self.check("gossipFanout", self.gossipFanout, 1, 64)
        try self.check("gossipBurst", self.gossipBurst, 1, 64)
        try self.check("retransmitMultiplier", self.retransmitMultiplier, 1, 64)
        try self.check("syncInterval", self.syncInterval, .seconds(1), .seconds(3_600))
        try self.check("reconnectMinimum", self.reconnectMinimum, .milliseconds(100), .seconds(60))
        try self.check(
            "reconnectMaximum",
            self.reconnectMaximum,
            self.reconnectMinimum,
            .seconds(3_600)
        )
        try self.check("isolationHold", self.isolationHold, .zero, .seconds(3_600))
        try self.check("leavePropagation", self.leavePropagation, .zero, .seconds(60))
        try self.check("datagramByteLimit", self.datagramByteLimit, 1_000, 65_000)
        try self.check("datagramRate", self.datagramRate, 4_096, 1 << 30)
        try self.check("streamRate", self.streamRate, 4_096, 1 << 30)
        try self.check("memberLimit", self.memberLimit, 1, 100_000)
        return self
    }

    private func check<Value: Comparable>(
        _ field: String,
        _ value: Value,
        _ lowest: Value,
        _ highest: Value
    ) throws(MembershipConfigurationError) {
        guard value >= lowest, value <= highest else {
            throw .outOfRange(
                field: "membership.\(field)",
                value: "\(value)",
                allowed: "\(lowest) to \(highest)"
            )
        }
    }
}

/// Whether a node takes traffic; raw values are the wire form.
public enum NodeMode: UInt8, CaseIterable, Sendable {
    /// It takes traffic.
    case normal = 0
    /// It finishes what it has and takes nothing new.
    case draining = 1
    /// It is taken out on purpose and empty.
    case maintenance = 2
}

/// What is wrong with a key ring's text; never shows a key.
public indirect enum KeyRingError: Error, Equatable, Sendable {
    /// No line holds a key.
    case empty
    /// A line is not `epoch key` or `epoch key primary`.
    case fieldCount(line: Int, found: Int)
    /// The epoch is not a number from 1 to 65,535.
    case invalidEpoch(line: Int, found: String)
    /// The key is not base64, or far too long.
    case invalidKey(line: Int, epoch: UInt16)
    /// The key does not have 32 bytes.
    case keySize(line: Int, epoch: UInt16, byteCount: Int)
    /// The third word of a line is not `primary`.
    case unknownMark(line: Int, found: String)
    /// An epoch stands on two lines.
    case duplicateEpoch(line: Int, epoch: UInt16)
    /// Two lines are marked `primary`.
    case secondPrimary(line: Int, first: UInt16)
    /// More keys than ``KeyRing/maximumKeyCount``.
    case tooManyKeys(line: Int)
}

extension KeyRingError: CustomStringConvertible {
    /// One sentence for the operator: line, value found, what to do.
    public var description: String {
        switch self {
        case .empty:
            "the key ring holds no key: add a line `1 <32 bytes as base64>`"
        case .fieldCount(let line, let found):
            "line \(line): \(found) words, but a key is written `epoch base64 [primary]`"
        case .invalidEpoch(let line, let found):
            "line \(line): epoch \"\(found)\" must be a number from 1 to 65535"
        case .invalidKey(let line, let epoch):
            "line \(line): the key of epoch \(epoch) is not base64: make one of 32 random bytes"
        case .keySize(let line, let epoch, let byteCount):
            "line \(line): the key of epoch \(epoch) has \(byteCount) bytes, but must have 32"
        case .unknownMark(let line, let found):
            "line \(line): \"\(found)\" is no mark: write `primary` or nothing after the key"
        case .duplicateEpoch(let line, let epoch):
            "line \(line): epoch \(epoch) stands on a line before: give every key its own epoch"
        case .secondPrimary(let line, let first):
            "line \(line): epoch \(first) is marked primary already: mark one key only"
        case .tooManyKeys(let line):
            "line \(line): more than \(KeyRing.maximumKeyCount) keys: take out retired ones"
        }
    }
}

/// Why a local write was refused; nothing was changed, the writer is at fault.
public indirect enum ReplicationError: Error, Equatable, Sendable {
    /// The name is empty, too long or not printable ASCII.
    case invalidName(RecordKey)
    /// The body exceeds ``ReplicationConfiguration/bodyByteLimit``.
    case bodyTooLarge(RecordKey, byteCount: Int, limit: Int)
    /// Only the node that the key names may write it.
    case foreignOwner(RecordKey)
    /// The store is full; `limit` names the setting that says so.
    case full(RecordKey, limit: String)
}

extension ReplicationError: CustomStringConvertible {
    /// One line for the operator: record, what is wrong, what to do.
    public var description: String {
        switch self {
        case .invalidName(let key):
            "record name \"\(key.name)\" must be 1 to 255 printable ASCII characters"
        case .bodyTooLarge(let key, let count, let limit):
            "record \(key.name) has \(count) bytes, but must have at most \(limit)"
        case .foreignOwner(let key):
            "record \(key.name) may only be written by the node it names"
        case .full(let key, let limit):
            "record \(key.name) does not fit: the store is full (\(limit)); delete entities first"
        }
    }
}

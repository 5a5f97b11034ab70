/// Why the store on disk cannot be used; the stored state is untouched in every case.
public indirect enum StorageError: Error, Equatable, Sendable {
    /// The directory that should hold the file does not exist, or is not a directory.
    case directoryMissing(directory: String)
    /// The file cannot be created, opened or written; the operator's doing.
    case notWritable(file: String, reason: String)
    /// Another process has the file open.
    case inUse(file: String)
    /// The file was changed or cut by something other than this program.
    case damaged(file: String, reason: String)
    /// A newer version of this program wrote the file.
    case newerSchema(file: String)
    /// The file is closed, since the node hands it over to its successor.
    case closed(file: String)
    /// A write failed, for instance because the disk is full; nothing of it is stored.
    case writeFailed(file: String, reason: String)
}

extension StorageError: CustomStringConvertible {
    /// One line for the operator: file, what is wrong, what to do.
    public var description: String {
        switch self {
        case .directoryMissing(let directory):
            "data directory \(directory) does not exist: create it, or set node.data_dir"
        case .notWritable(let file, let reason):
            "state file \(file) cannot be written (\(reason)): give this user write access to it "
                + "and its directory, or set node.data_dir"
        case .inUse(let file):
            "state file \(file) is open in another process: stop that node, or set node.data_dir"
        case .damaged(let file, let reason):
            "state file \(file) is damaged (\(reason)): restore it from a backup, or move it and "
                + "\(file)-wal away and start again; the node then takes the configuration from "
                + "its peers"
        case .newerSchema(let file):
            "state file \(file) was written by a newer version: install that version, or move the "
                + "file away and start again"
        case .closed(let file):
            "state file \(file) is closed while another process takes this node over: try again"
        case .writeFailed(let file, let reason):
            "state file \(file) was not written (\(reason)): free space or repair the disk, then "
                + "try again"
        }
    }
}

/// What becomes of the listening sockets when the process that drains has ended.
public enum SocketFate: Sendable {
    /// They end with it.
    case ended
    /// Somebody keeps them for the process that comes next: what clients send waits there.
    case kept
    /// Another process reads from them already.
    case taken
}

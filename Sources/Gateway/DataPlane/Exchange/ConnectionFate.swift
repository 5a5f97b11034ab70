/// What becomes of a client's HTTP/1 connection when a response has been written.
enum ConnectionFate: Equatable {
    /// It carries the next request.
    case keep
    /// What the client still sends is thrown away for a while: closing at once would reset the
    /// connection and might take the answer with it (RFC 9112 section 9.6).
    case linger
    /// Nothing more can come.
    case close
    /// The client must not take what it got for a whole response.
    case reset

    /// What is known when the response ends.
    struct Circumstances {
        /// Whether the client wants the connection kept, and may have it.
        var keepsClient: Bool
        /// Whether its request was read to the end.
        var requestComplete: Bool
        /// Whether the node sends clients elsewhere.
        var isDraining: Bool
        /// Whether the response ended as announced.
        var isWhole: Bool
        /// Whether the end of the connection is what tells the client that the response ended.
        var endsByClose: Bool
    }

    /// Decides.
    init(_ circumstances: Circumstances) {
        if !circumstances.isWhole {
            self = circumstances.endsByClose ? .reset : .close
        } else if circumstances.keepsClient && circumstances.requestComplete
            && !circumstances.isDraining
        {
            self = .keep
        } else {
            self = circumstances.requestComplete ? .close : .linger
        }
    }
}

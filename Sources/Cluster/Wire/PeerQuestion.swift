import MeshPrimitives

/// What one node asks another, by stream: to show what an Admin path would show there, or to forget
/// cached answers.
public struct PeerQuestion: Equatable, Sendable {
    /// Most bytes of a path: 1,024.
    public static let pathByteLimit = 1_024

    /// Names the question among the asking node's.
    public let number: UInt64
    /// The path with its query, such as `/mesh/trace/9f…` or `/mesh/cache/forget`.
    public let path: String

    /// Creates a question; `nil` when the path is too long.
    public init?(number: UInt64, path: String) {
        guard path.utf8.count <= Self.pathByteLimit else { return nil }
        self.number = number
        self.path = path
    }
}

/// What a node answers another.
public struct PeerAnswer: Equatable, Sendable {
    /// Most bytes of a body: 900,000, so that a frame holds it.
    public static let bodyByteLimit = 900_000

    /// The question's number.
    public let number: UInt64
    /// The status, as of HTTP.
    public let status: UInt16
    /// The body, usually JSON.
    public let body: [UInt8]

    /// Creates an answer; one that is too long becomes a 413 without body.
    public init(number: UInt64, status: UInt16, body: [UInt8]) {
        let fits = body.count <= Self.bodyByteLimit
        self.number = number
        self.status = fits ? status : 413
        self.body = fits ? body : []
    }
}

extension ByteWriter {
    /// Writes number 8, text path.
    mutating func write(_ question: PeerQuestion) {
        self.write(question.number)
        self.write(question.path)
    }

    /// Writes number 8, status 2, byte string body.
    mutating func write(_ answer: PeerAnswer) {
        self.write(answer.number)
        self.write(answer.status)
        self.write(sized: answer.body)
    }
}

extension WireReader {
    /// Reads a question.
    mutating func readPeerQuestion() throws(WireError) -> PeerQuestion {
        let number: UInt64 = try self.read()
        guard let question = PeerQuestion(number: number, path: try self.readString()) else {
            throw .malformed
        }
        return question
    }

    /// Reads an answer.
    mutating func readPeerAnswer() throws(WireError) -> PeerAnswer {
        PeerAnswer(
            number: try self.read(),
            status: try self.read(),
            body: try self.readSized()
        )
    }
}

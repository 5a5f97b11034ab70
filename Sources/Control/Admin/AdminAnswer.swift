import Foundation
import MeshDashboard
import MeshEntities
import MeshReports

/// What one request of the Admin API is answered with.
struct AdminAnswer: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8], contentType: String)
        case events(AsyncStream<EventReport>)
        case board(AsyncStream<BoardChange>)
    }

    static let json = "application/json; charset=utf-8"

    var status: Int
    var body: Body
    var headers: [(name: String, value: String)] = []

    /// Says that a write is done, but on fewer nodes than it has to be: 202, and who has it.
    mutating func isUnconfirmed(heldBy nodes: [String]) {
        self.status = 202
        self.headers.append(("X-Meshgate-Holders", nodes.joined(separator: ", ")))
    }

    /// An answer with a document as JSON.
    static func document(_ value: DocumentValue, status: Int = 200) -> AdminAnswer {
        AdminAnswer(
            status: status,
            body: .bytes(Array(value.json.utf8), contentType: Self.json)
        )
    }

    /// An answer with one of our reports as JSON.
    static func report(_ report: some Encodable, status: Int = 200) -> AdminAnswer {
        guard let data = try? ReportJSON.encode(report) else {
            return .message("An unexpected error occurred", status: 500)
        }
        return AdminAnswer(status: status, body: .bytes([UInt8](data), contentType: Self.json))
    }

    /// An answer with text.
    static func text(_ text: String, contentType: String) -> AdminAnswer {
        AdminAnswer(status: 200, body: .bytes(Array(text.utf8), contentType: contentType))
    }

    /// Kong's shortest answer: `{"message":"…"}`.
    static func message(_ text: String, status: Int) -> AdminAnswer {
        .document(.record(["message": .string(text)]), status: status)
    }

    /// An answer without a body.
    static func empty(_ status: Int) -> AdminAnswer { AdminAnswer(status: status, body: .none) }

    static let notFound = AdminAnswer.message("Not found", status: 404)
    static let methodNotAllowed = AdminAnswer.message("Method not allowed", status: 405)
}

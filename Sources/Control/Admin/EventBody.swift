import Foundation
import Hummingbird
import MeshDashboard
import MeshReports
import NIOCore
import ServiceLifecycle

/// Server-sent events: `id`, `event` and `data` per event, and comments while nothing happens.
///
/// Source: the HTML standard, section 9.2, "Server-sent events".
struct EventBody<Event: Sendable>: Sendable {
    let events: AsyncStream<Event>
    let keepAliveInterval: Duration
    /// An event as it is written, with its empty line.
    let text: @Sendable (Event) -> String

    /// The body; ends with the events, when the client goes, or at graceful shutdown.
    var body: ResponseBody {
        ResponseBody { writer in
            try await writer.write(ByteBuffer(string: ": this stream begins\n\n"))
            let (chunks, continuation) = AsyncStream.makeStream(
                of: String.self,
                bufferingPolicy: .bufferingOldest(1_024)
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await event in self.events { continuation.yield(self.text(event)) }
                    continuation.finish()
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: self.keepAliveInterval)
                        continuation.yield(": keep-alive\n\n")
                    }
                }
                for await chunk in chunks.cancelOnGracefulShutdown() {
                    try await writer.write(ByteBuffer(string: chunk))
                }
                group.cancelAll()
            }
            try await writer.finish(nil)
        }
    }
}

extension EventBody<EventReport> {
    init(events: AsyncStream<EventReport>, keepAliveInterval: Duration) {
        self.init(events: events, keepAliveInterval: keepAliveInterval) { event in
            guard let data = try? ReportJSON.encode(event) else { return "" }
            let json = String(decoding: data, as: UTF8.self)
            return "id: \(event.id)\nevent: \(event.kind.rawValue)\ndata: \(json)\n\n"
        }
    }
}

extension EventBody<BoardChange> {
    init(changes: AsyncStream<BoardChange>, keepAliveInterval: Duration) {
        self.init(events: changes, keepAliveInterval: keepAliveInterval) { change in
            "id: \(change.mark)\ndata: \(change.json)\n\n"
        }
    }
}

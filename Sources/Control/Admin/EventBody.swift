import Foundation
import Hummingbird
import MeshReports
import NIOCore
import ServiceLifecycle

/// Server-sent events: `id`, `event` and `data` per event, and comments while nothing happens.
///
/// Source: the HTML standard, section 9.2, "Server-sent events".
struct EventBody: Sendable {
    let events: AsyncStream<EventReport>
    let keepAliveInterval: Duration

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
                    for await event in self.events { continuation.yield(Self.text(of: event)) }
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

    static func text(of event: EventReport) -> String {
        guard let data = try? ReportJSON.encode(event) else { return "" }
        let json = String(decoding: data, as: UTF8.self)
        return "id: \(event.id)\nevent: \(event.kind.rawValue)\ndata: \(json)\n\n"
    }
}

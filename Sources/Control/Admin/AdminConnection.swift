import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// One connection on its way from the listener to whoever answers it.
///
/// NIO traps when a connection that it has wrapped is let go before it was begun, as those are that a
/// listener has accepted and nobody takes any more, since it closes. Such a one is closed, begun and so
/// ended here.
final class AdminConnection: Sendable {
    private let value: AdminChannel.Value
    private let channel: any Channel
    private let way: AdminChannel
    private let logger: Logger
    private let isBegun = Atomic(false)

    init(
        _ value: AdminChannel.Value,
        _ channel: any Channel,
        through way: AdminChannel,
        _ logger: Logger
    ) {
        self.value = value
        self.channel = channel
        self.way = way
        self.logger = logger
    }

    deinit {
        guard !self.isBegun.load(ordering: .relaxed) else { return }
        let (value, way, logger) = (self.value, self.way, self.logger)
        self.channel.close(promise: nil)
        Task { await way.handle(value: value, logger: logger) }
    }

    /// Answers what it asks until it ends.
    func handle() async {
        self.isBegun.store(true, ordering: .relaxed)
        await self.way.handle(value: self.value, logger: self.logger)
    }
}

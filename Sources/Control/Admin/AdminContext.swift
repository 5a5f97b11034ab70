import Hummingbird
import HummingbirdCore
import Logging
import MeshTLS
import NIOCore

/// What is known of a request's connection.
struct AdminContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.channel = source.channel
    }

    /// The common name of the certificate that the client has shown.
    var clientName: String? {
        get async {
            try? await self.channel.eventLoop.submit {
                let layer = try self.channel.pipeline.syncOperations.handler(type: TLSLayer.self)
                return layer.clientName
            }.get()
        }
    }
}

/// The HTTP of every connection, above TLS where the listener speaks it.
struct AdminChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let security: AdminSecurity

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            guard self.security.isEncrypted else { return }
            guard let layer = self.security.tls.flatMap({ TLSLayer($0) }) else {
                throw ChannelError.operationUnsupported
            }
            try channel.pipeline.syncOperations.addHandler(layer)
        }.flatMap { self.base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async {
        await self.base.handle(value: value, logger: logger)
    }
}

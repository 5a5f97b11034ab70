import MeshAdmin
import MeshPrimitives
import ServiceLifecycle

/// One listener of the Admin side, whose failure to bind names the setting to change.
struct AdminListener: Service {
    let setting: String
    let listen: Endpoint
    let server: AdminServer

    /// Runs until the node shuts down.
    func run() async throws {
        do {
            try await self.server.run()
        } catch {
            throw Failure.cannotListen(setting, self.listen, reason: "\(error)")
        }
    }

    /// Why a listener did not run.
    indirect enum Failure: Error, CustomStringConvertible {
        /// The address could not be listened on, or the listener broke.
        case cannotListen(String, Endpoint, reason: String)

        /// One line for the operator.
        var description: String {
            switch self {
            case .cannotListen(let setting, let endpoint, let reason):
                "\(setting) \(endpoint) cannot be listened on (\(reason)): "
                    + "stop what uses it, or choose another address or port"
            }
        }
    }
}

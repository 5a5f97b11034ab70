import MeshAdmin
import ServiceLifecycle

/// One listener of the Admin side, whose failure to bind names the setting to change.
struct AdminListener: Service {
    let setting: String
    let place: AdminServerConfiguration.Place
    let server: AdminServer

    /// Runs until the node shuts down.
    func run() async throws {
        do {
            try await self.server.run()
        } catch {
            throw Failure.cannotListen(setting, self.shown, reason: "\(error)")
        }
    }

    private var shown: String {
        switch self.place {
        case .address(let endpoint): "\(endpoint)"
        case .socket(let path): path
        }
    }

    /// Why a listener did not run.
    indirect enum Failure: Error, CustomStringConvertible {
        /// The address could not be listened on, or the listener broke.
        case cannotListen(String, String, reason: String)

        /// One line for the operator.
        var description: String {
            switch self {
            case .cannotListen(let setting, let place, let reason):
                "\(setting) \(place) cannot be listened on (\(reason)): "
                    + "stop what uses it, or choose another address or port"
            }
        }
    }
}

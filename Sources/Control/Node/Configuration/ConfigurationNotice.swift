import Logging
import MeshActivation
import MeshPrimitives

/// A ``ConfigurationEvent`` in words, for the log and the events.
struct ConfigurationNotice {
    let level: Logger.Level
    /// Type of the event; `nil` when only the log tells.
    let type: String?
    let subject: String
    let message: String

    /// - Parameters:
    ///   - event: what happened.
    ///   - file: name of the `config:` file.
    init(_ event: ConfigurationEvent, file: String) {
        switch event {
        case .activated(let head):
            self.level = .info
            self.type = "config-activated"
            self.subject = head.hash.description
            self.message = "routes by configuration \(head.hash)"
        case .refused(let refusal):
            self.level = .error
            self.type = "config-rejected"
            self.subject = refusal.head.hash.description
            self.message = "keeps the last good configuration: \(refusal.reason)"
        case .addressesRefused(let reason):
            self.level = .error
            self.type = "addresses-rejected"
            self.subject = "addresses"
            self.message = "keeps the addresses before: \(reason)"
        case .fileDiffers(let head):
            self.level = .warning
            self.type = "config-file-differs"
            self.subject = file
            self.message =
                "\(file) is not what this node routes by (\(head.hash)); it is read at the first "
                + "start only. meshctl config diff \(file) shows the difference, "
                + "meshctl config apply \(file) makes it live"
        case .fileRefused(let reason):
            self.level = .error
            self.type = "config-file-refused"
            self.subject = file
            self.message = "\(file) was not applied: \(reason)"
        case .unresolved(let host, let reason):
            self.level = .warning
            self.type = "host-unresolved"
            self.subject = host
            self.message = "\(host) has no answer, the addresses before stay in use: \(reason)"
        case .resolvedAgain(let host):
            self.level = .info
            self.type = "host-resolved"
            self.subject = host
            self.message = "\(host) has an answer again"
        }
    }
}

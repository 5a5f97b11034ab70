import MeshActivation
import MeshPrimitives
import MeshReports

/// A ``ConfigurationEvent`` in words.
struct ConfigurationNotice {
    let type: EventType
    let subject: String
    let message: String

    /// - Parameters:
    ///   - event: what happened.
    ///   - file: name of the `config:` file.
    init(_ event: ConfigurationEvent, file: String) {
        switch event {
        case .activated(let head):
            self.type = .configActivated
            self.subject = head.hash.description
            self.message = "routes by configuration \(head.hash)"
        case .refused(let refusal):
            self.type = .configRejected
            self.subject = refusal.head.hash.description
            self.message = "keeps the last good configuration: \(refusal.reason)"
        case .addressesRefused(let reason):
            self.type = .addressesRejected
            self.subject = "addresses"
            self.message = "keeps the addresses before: \(reason)"
        case .fileDiffers(let head):
            self.type = .configFileDiffers
            self.subject = file
            self.message =
                "\(file) is not what this node routes by (\(head.hash)); it is read at the first "
                + "start only. meshctl config diff \(file) shows the difference, "
                + "meshctl config apply \(file) makes it live"
        case .fileRefused(let reason):
            self.type = .configFileRefused
            self.subject = file
            self.message = "\(file) was not applied: \(reason)"
        case .unresolved(let host, let reason):
            self.type = .hostUnresolved
            self.subject = host
            self.message = "\(host) has no answer, the addresses before stay in use: \(reason)"
        case .resolvedAgain(let host):
            self.type = .hostResolved
            self.subject = host
            self.message = "\(host) has an answer again"
        }
    }
}

import Logging
import MeshReports

extension Logger {
    /// Writes a line under a stable name, at the level of its severity.
    ///
    /// - Parameters:
    ///   - type: what happened; `event` of the line.
    ///   - message: one sentence for people.
    ///   - metadata: further facts by name.
    func tell(
        _ type: EventType,
        _ message: @autoclosure () -> Logger.Message,
        _ metadata: @autoclosure () -> Logger.Metadata = [:]
    ) {
        let level = Level(type.severity)
        guard level >= self.logLevel else { return }
        var facts = metadata()
        facts["event"] = "\(type.rawValue)"
        self.log(level: level, message(), metadata: facts)
    }
}

extension Logger.Level {
    /// The level of a severity.
    fileprivate init(_ severity: EventType.Severity) {
        switch severity {
        case .debug: self = .debug
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}

import MeshAdminClient
import MeshConsole
import MeshReports

/// Why a command ends without success, as one line on standard error and an exit status.
struct Failure: Error, Equatable {
    /// The exit statuses that scripts rely on.
    enum Status: Int32 {
        case failure = 1
        case unclean = 2
        case usage = 64
        case invalidInput = 65
        case unreachable = 69
        case timedOut = 75
        case notPermitted = 77
        case localSettings = 78

        /// Whether it may pass by itself: nobody answers, or not in time.
        var isPassing: Bool { self == .unreachable || self == .timedOut }
    }

    let status: Status
    /// What, why, what to do.
    let message: String

    init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }

    init(_ error: AdminClientError) {
        let status: Status =
            switch error {
            case .invalidAddress: .usage
            case .unusable: .localSettings
            case .untrusted: .notPermitted
            case .unreachable, .unexpected: .unreachable
            case .timedOut: .timedOut
            case .refused(let status, let report): Self.status(of: status, report.code)
            }
        self.init(status, error.description)
    }

    /// As one line of JSON: `{"code":"MESH104","exit":1,"message":"…"}`; the code is null where
    /// there is none.
    var json: String {
        struct Report: Encodable {
            @Nullable var code: String?
            let exit: Int32
            let message: String
        }
        let words = self.message.split(separator: " ", maxSplits: 1)
        let code = words.first.map(String.init).flatMap { CodeBook.page($0)?.code == $0 ? $0 : nil }
        let report = Report(
            code: code,
            exit: self.status.rawValue,
            message: code == nil || words.count < 2 ? self.message : String(words[1])
        )
        return (try? OutputOptions.json(report, .compact)) ?? self.message
    }

    private static func status(of status: Int, _ code: String) -> Status {
        switch (status, code) {
        case (400, _), (413, _), (415, _): .invalidInput
        case (401, _), (403, _): .notPermitted
        case (409, "MESH103"): .unclean
        case (429, _), (503, _), (504, _): .timedOut
        default: .failure
        }
    }
}

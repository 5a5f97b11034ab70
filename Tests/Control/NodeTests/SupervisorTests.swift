import Foundation
import Testing

@testable import MeshNode

@Suite("A supervisor")
struct SupervisorTests {
    private static let own = "\(ProcessInfo.processInfo.processIdentifier)"

    @Test(
        "keeps the sockets of streams if it has handed some over, or says that it stores them",
        arguments: [
            (
                [
                    "LISTEN_PID": Self.own, "LISTEN_FDS": "3",
                    "LISTEN_FDNAMES": "proxy:proxy-stream:proxy-stream",
                ], true
            ),
            (["LISTEN_PID": Self.own, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "proxy"], false),
            (["FDSTORE": "256", "NOTIFY_SOCKET": "/nowhere"], true),
            ([:], false),
            (["NOTIFY_SOCKET": "/nowhere"], false),
            (["LISTEN_PID": "1", "LISTEN_FDS": "3"], false),
            (["LISTEN_PID": Self.own, "LISTEN_FDS": "0"], false),
            (["FDSTORE": "0"], false),
        ]
    )
    func keepsSockets(_ environment: [String: String], _ isExpected: Bool) {
        #expect(Supervisor(environment: environment).keepsSockets == isExpected)
    }
}

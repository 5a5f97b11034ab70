import Foundation
import MeshReports
import Testing

@Suite("A timestamp")
struct TimestampTests {
    @Test(
        "prints the calendar day that Foundation prints",
        arguments: [
            0, 951_782_399_999, 951_782_400_000, 1_709_164_800_123, 1_795_222_278_123,
            4_107_542_400_000,
        ]
    )
    func calendar(milliseconds: UInt64) {
        let date = Date(timeIntervalSince1970: Double(milliseconds / 1_000))

        let text = Timestamp.text(milliseconds: milliseconds)

        #expect(text.prefix(19) + "Z" == date.formatted(.iso8601))
    }
}

import MeshHTTP
import Testing

@Suite("gRPC in fields")
struct GRPCTests {
    @Test(
        "has deadlines of one to eight digits and a unit",
        arguments: [
            ("1H", 3_600_000), ("2M", 120_000), ("3S", 3_000), ("4m", 4), ("0m", 0),
            ("1u", 1), ("1000u", 1), ("1001u", 2), ("1n", 1), ("99999999n", 100),
            ("99999999H", GRPC.longestTimeout), ("00000001S", 1_000),
            ("", nil), ("S", nil), ("1", nil), ("1s", nil), ("-1S", nil), ("1.5S", nil),
            ("123456789m", nil), (" 1S", nil), ("1 S", nil), ("1SS", nil),
        ] as [(String, UInt64?)]
    )
    func timeout(value: String, milliseconds: UInt64?) {
        #expect(withBytes(value) { GRPC.timeout($0) } == milliseconds)
    }
}

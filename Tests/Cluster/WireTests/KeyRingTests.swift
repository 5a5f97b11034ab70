import MeshWire
import Testing

@Suite("A key ring")
struct KeyRingTests {
    private static let first = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    private static let second = "7iqqJcGn5wEe4tFBlBfbrnuu5T3uvSwzOlyEyYQ0pnU="

    @Test("seals with its highest epoch and opens all of them")
    func highestSeals() throws {
        let ring = try KeyRing(parsing: "# old\n1 \(Self.first)\n\n  7\t\(Self.second) # new\n")

        #expect(ring.sealingEpoch == 7)
        #expect(ring.epochs == [1, 7])
    }

    @Test("seals with the line marked primary")
    func primarySeals() throws {
        let ring = try KeyRing(parsing: "1 \(Self.first) primary\r\n7 \(Self.second)\r\n")

        #expect(ring.sealingEpoch == 1)
    }

    @Test("reads back what it writes")
    func roundTrip() throws {
        let ring = try KeyRing(parsing: "1 \(Self.first) primary\n7 \(Self.second)\n")

        #expect(try KeyRing(parsing: ring.text) == ring)
        #expect(try KeyRing(parsing: "3 \(Self.first)") == Fixture.ring)
    }

    @Test("draws a new secret every time")
    func generates() throws {
        let ring = KeyRing.generated()

        #expect(ring != KeyRing.generated())
        #expect(try KeyRing(parsing: ring.text) == ring)
    }

    @Test("never prints a secret unasked")
    func hidesSecrets() throws {
        let ring = try KeyRing(parsing: "1 \(Self.first)")
        var dumped = ""
        dump(ring, to: &dumped)

        #expect("\(ring)" == "key ring of epochs 1, sealing with 1")
        #expect(!dumped.contains("31"))
    }

    @Test(
        "names the line, the value found and the remedy",
        arguments: [
            ("", KeyRingError.empty),
            ("# nothing\n\n", .empty),
            ("1", .fieldCount(line: 1, found: 1)),
            ("1 \(Self.first) primary now", .fieldCount(line: 1, found: 4)),
            ("\n0 \(Self.first)", .invalidEpoch(line: 2, found: "0")),
            ("70000 \(Self.first)", .invalidEpoch(line: 1, found: "70000")),
            ("-1 \(Self.first)", .invalidEpoch(line: 1, found: "-1")),
            ("1 not-base64", .invalidKey(line: 1, epoch: 1)),
            ("1 \(String(repeating: "A", count: 400))", .invalidKey(line: 1, epoch: 1)),
            ("1 AAEC", .keySize(line: 1, epoch: 1, byteCount: 3)),
            ("1 \(Self.first) first", .unknownMark(line: 1, found: "first")),
            ("1 \(Self.first)\n1 \(Self.second)", .duplicateEpoch(line: 2, epoch: 1)),
            (
                "1 \(Self.first) primary\n2 \(Self.second) primary",
                .secondPrimary(line: 2, first: 1)
            ),
            (
                (1...17).map { "\($0) \(Self.first)" }.joined(separator: "\n"),
                .tooManyKeys(line: 17)
            ),
        ]
    )
    func explains(text: String, error: KeyRingError) {
        #expect(throws: error) { try KeyRing(parsing: text) }
        #expect(!error.description.isEmpty)
        #expect(!error.description.contains(Self.first))
    }
}

import MeshSimulator
import Testing

@Suite("A measurement of the membership")
struct ExperimentTests {
    private static func run(
        _ experiment: Experiment,
        nodes: Int,
        seed: UInt64 = 1
    ) -> ExperimentTable {
        var options = Experiment.Options()
        options.nodes = nodes
        options.seed = seed
        return experiment.run(options)
    }

    @Test("declares half of a fleet that dies at once within eight seconds, and nobody else")
    func detection() throws {
        let table = Self.run(.detect, nodes: 40)
        let half = try #require(table.rows.first { $0[1] == "20" })

        #expect(try #require(Double(half[6])) <= 8)
        #expect(table.rows.allSatisfy { $0[7] == "0" })
    }

    @Test("lets all of 17 join at 10 % loss, where SWIM came to 12", arguments: UInt64(1)...2)
    func loss(seed: UInt64) {
        #expect(Self.run(.loss, nodes: 17, seed: seed).rows[0][1] == "17")
    }

    @Test("costs no more per node in a larger fleet, and less than a kilobyte a second")
    func idle() throws {
        let small = try #require(Double(Self.run(.idle, nodes: 50).rows[0][1]))
        let large = try #require(Double(Self.run(.idle, nodes: 150).rows[0][1]))

        #expect(large < 1_000)
        #expect(large < small * 1.1)
    }

    @Test(
        "lets exactly the members go that are hard to reach, once and for all",
        arguments: [Experiment.oneway, .lossy]
    )
    func unreliable(experiment: Experiment) {
        for row in Self.run(experiment, nodes: 40).rows {
            #expect(row[3] == row[2], "\(row[1]): all removed")
            #expect(Double(row[4]).map { $0 <= 30 } ?? false, "\(row[1]): after \(row[4]) s")
            #expect(row[5] == "0", "\(row[1]): nobody else")
            #expect(row[6] == "0.00", "\(row[1]): none came back")
        }
    }

    @Test("has a change active everywhere within a second, and within three across lossy regions")
    func configuration() throws {
        let rows = Self.run(.config, nodes: 60).rows

        for (row, limit) in zip(rows, [1.0, 3.0]) {
            #expect(try #require(Double(row[4])) <= limit, "\(row)")
            #expect(row[6] == "100.00", "all within ten seconds")
            #expect(row[9] == "0", "one hash")
        }
        #expect(rows.count == 2)
    }

    @Test("is an image whose text is its table, with nothing that an image would take for markup")
    func image() {
        var table = ExperimentTable("a < b & c", ["nodes", "seconds"])
        table.add(["10", "<1"])

        #expect(table.svg.hasPrefix("<svg xmlns"))
        #expect(table.svg.contains(">a &lt; b &amp; c<"))
        #expect(table.svg.contains("&lt;1"))
    }

    @Test("repeats itself exactly")
    func isDeterministic() {
        let tables = (1...2).map { _ in Self.run(.bootstrap, nodes: 30, seed: 3) }

        #expect(tables[0].csv == tables[1].csv)
        #expect(tables[0].rows[0][1] != "never")
    }
}

import MeshAdmin
import Testing

@Suite("A metrics text")
struct MetricsTextTests {
    @Test("escapes label values and help")
    func escapes() {
        var text = MetricsText()
        text.family(
            "m_total",
            .counter,
            help: "a \"b\" \\ \n c",
            labels: ["route", "code"],
            samples: [MetricsText.Sample(["a\"b\\c\nd", "200"], 3)]
        )
        #expect(
            text.text == #"""
                # HELP m_total a "b" \\ \n c
                # TYPE m_total counter
                m_total{route="a\"b\\c\nd",code="200"} 3

                """#
        )
    }

    @Test("writes cumulative buckets, sum and count")
    func histogram() {
        var text = MetricsText()
        text.histogram(
            "h_ms",
            help: "h",
            bounds: [1, 2.5],
            labels: ["s"],
            histograms: [MetricsText.Histogram(["x"], counts: [1, 2, 3], sum: 40.5)]
        )
        #expect(
            text.text == """
                # HELP h_ms h
                # TYPE h_ms histogram
                h_ms_bucket{s="x",le="1"} 1
                h_ms_bucket{s="x",le="2.5"} 3
                h_ms_bucket{s="x",le="+Inf"} 6
                h_ms_sum{s="x"} 40.5
                h_ms_count{s="x"} 6

                """
        )
    }

    @Test("sums what is beyond the cap into one series")
    func cap() {
        var text = MetricsText(maximumSeries: 2)
        let samples = (1...4).map { MetricsText.Sample(["r\($0)"], Double($0)) }
        text.family("c", .gauge, help: "c", labels: ["r"], samples: samples)
        #expect(text.text.hasSuffix("c{r=\"r1\"} 1\nc{r=\"other\"} 9\n"))

        var other = MetricsText(maximumSeries: 1)
        other.histogram(
            "h",
            help: "h",
            bounds: [1],
            labels: ["r"],
            histograms: [
                MetricsText.Histogram(["a"], counts: [1, 2], sum: 3),
                MetricsText.Histogram(["b"], counts: [10, 20], sum: 30),
            ]
        )
        #expect(other.text.contains("h_bucket{r=\"other\",le=\"+Inf\"} 33\nh_sum{r=\"other\"} 33"))
    }

    @Test("leaves empty families out and writes odd numbers as Prometheus reads them")
    func odd() {
        var text = MetricsText()
        text.family("none", .gauge, help: "n", samples: [])
        #expect(text.text.isEmpty)
        let values = [0.5, .infinity, -.infinity, .nan]
        for value in values {
            text.family("g", .gauge, help: "g", samples: [MetricsText.Sample([], value)])
        }
        for line in ["g 0.5", "g +Inf", "g -Inf", "g NaN"] { #expect(text.text.contains(line)) }
    }
}

"""Draws a run of `cluster/bench balance` as SVG: per scenario and system a line from the median to the
99th percentile, medians over the rounds, on one logarithmic axis; errors and slow requests as text."""
import html
import math
import statistics

LEFT, RIGHT, ROW, TOP = 170, 330, 18, 34
WIDTH = 960
COLOURS = {"meshgate": "#c2410c", "meshgate-limits": "#7c2d12", "nginx": "#15803d",
           "haproxy": "#1d4ed8", "envoy": "#7e22ce"}


def middle(lines, key):
    values = [float(line[key]) for line in lines if line.get(key) not in (None, "")]
    values = [value for value in values if not math.isnan(value)]
    return statistics.median(values) if values else None


def text(x, y, words, size=11, more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-family="sans-serif" {more}>'
            f'{html.escape(words)}</text>')


class Axis:
    """Milliseconds from 1 to the next power of ten above the greatest, on a logarithmic scale."""

    def __init__(self, greatest):
        self.decades = max(2, math.ceil(math.log10(max(greatest, 1.001))))

    def x(self, milliseconds):
        part = math.log10(max(1.0, milliseconds)) / self.decades
        return LEFT + min(1.0, part) * (WIDTH - LEFT - RIGHT)

    def lines(self, bottom):
        for decade in range(self.decades + 1):
            x = self.x(10 ** decade)
            yield f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>'
            yield text(x, TOP - 10, f"{10 ** decade} ms", 10, 'text-anchor="middle" fill="#555"')


def remark(lines):
    words = []
    for key, name in (("errors", "errors"), ("failed_gets", "failed GETs"),
                      ("over_500_ms", "over 500 ms")):
        value = middle(lines, key)
        if value is not None:
            words.append(f"{value:.0f} {name}")
    return ", ".join(words)


def draw(scenarios, lines):
    """The document for lines of a CSV; `scenarios` maps names to what happens in them."""
    axis = Axis(max([middle([line], "p99_ms") or 1 for line in lines], default=1))
    parts, y = [], TOP
    for scenario, what in scenarios.items():
        of = [line for line in lines if line["scenario"] == scenario]
        if not of:
            continue
        y += ROW
        parts.append(text(8, y, f"{scenario}: {what}", 12, 'font-weight="bold"'))
        for system in dict.fromkeys(line["system"] for line in of):
            mine = [line for line in of if line["system"] == system]
            y += ROW
            parts.append(text(20, y, system))
            p50, p99 = middle(mine, "p50_ms"), middle(mine, "p99_ms")
            if p50 is not None and p99 is not None:
                colour = COLOURS.get(system, "#444")
                parts.append(f'<line x1="{axis.x(p50):.1f}" y1="{y - 4}" x2="{axis.x(p99):.1f}" '
                             f'y2="{y - 4}" stroke="{colour}" stroke-width="7"/>')
                parts.append(text(WIDTH - RIGHT + 8, y, f"{p50:.1f} to {p99:.1f} ms; {remark(mine)}"))
            else:
                parts.append(text(WIDTH - RIGHT + 8, y, remark(mine)))
        y += ROW // 2
    height = y + ROW
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}">',
        '<rect width="100%" height="100%" fill="white"/>',
        text(8, 14, "Latency from when a request was due: median to 99th percentile", 12),
        *axis.lines(height - ROW // 2), *parts, "</svg>", ""])

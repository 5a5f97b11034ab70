"""Figures of a benchmark as medians with ranges, ratios to the peers, and tables."""
import statistics

from bench_loads import UNITS
from proxies import PROXIES


def spread(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3),
            "max": round(max(values), 3)}


def summary(samples):
    """Medians and ranges of every figure, by workload and proxy."""
    return {workload: {proxy: {key: spread(values) for key, values in row[proxy].items()}
                       for proxy in PROXIES if proxy in row} for workload, row in samples.items()}


def number(cell, key, digits=0):
    return f"{cell[key]['median']:.{digits}f}" if key in cell else "-"


def ratio(row, proxy, peer, key):
    if peer == proxy or key not in row.get(peer, {}) or key not in row[proxy]:
        return "-"
    other = row[peer][key]["median"]
    return f"{row[proxy][key]['median'] / other:.2f}" if other > 0 else "-"


def show_row(workload, row, missing):
    key = "idle_bytes" if workload.startswith("idle") else "cpu_us"
    unit = UNITS.get(workload, "request")
    label = "bytes/connection" if key == "idle_bytes" else f"CPU us/{unit}"
    peers = [proxy for proxy in row if proxy != "meshgate"]
    print(f"\n{workload}")
    print(f"  {'':10} {label:>32} " + " ".join(f"{'/' + peer:>9}" for peer in peers)
          + f" {'per s':>9} {'per CPU s':>10} {'p50 us':>8} {'p99 us':>8} {'p99.9':>8}")
    for proxy, cell in row.items():
        figure = cell.get(key)
        text = f"{figure['median']:.2f} [{figure['min']:.2f}..{figure['max']:.2f}]" if figure else "-"
        cpu_second = f"{1e6 / cell['cpu_us']['median']:.0f}" if cell.get("cpu_us") else "-"
        print(f"  {proxy:10} {text:>32} "
              + " ".join(f"{ratio(row, proxy, peer, key):>9}" for peer in peers)
              + f" {number(cell, 'per_second'):>9} {cpu_second:>10} {number(cell, 'p50_us'):>8}"
              + f" {number(cell, 'p99_us'):>8} {number(cell, 'p999_us'):>8}")
    for proxy, reason in missing.items():
        print(f"  {proxy:10} not served: {reason}")


def show(result, missing):
    for workload in list(result) + [name for name in missing if name not in result]:
        show_row(workload, result.get(workload, {}), missing.get(workload, {}))
    if "storm" in result:
        print("\nstorm of TLS handshakes, p99 of plain requests against quiet")
        for proxy, cell in result["storm"].items():
            before, during = cell["quiet_p99_us"]["median"], cell["p99_us"]["median"]
            print(f"  {proxy:10} {during / before:.2f} ({before:.0f} us, {during:.0f} us, "
                  f"{number(cell, 'handshakes_per_second')} handshakes/s)")
    if {"get-1k", "two-workers"} <= set(result):
        print("\ntwo workers on both processors against one, CPU per request")
        for proxy, cell in result["two-workers"].items():
            if "cpu_us" in result["get-1k"].get(proxy, {}):
                one = result["get-1k"][proxy]["cpu_us"]["median"]
                print(f"  {proxy:10} {cell['cpu_us']['median'] / one:.2f}")

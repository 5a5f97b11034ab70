"""Log plugins at a high rate whose endpoint is dead: one route without plugins, one whose `http-log`
goes where connections are refused, and one where they are taken and never answered, in alternating
rounds at a fixed rate. Tells the latency of each, how the node's memory grew, and what was dropped.

The node runs pinned to the first processor, the target and the load to the second.
"""
import argparse
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import meshgate
from proxies import Run, accepts, rss_bytes, status

CONNECTIONS = 32
ROUTES = ["plain", "refused", "silent"]


def configuration(ports):
    def route(name):
        plugins = [{"name": "http-log", "config": {
            "http_endpoint": f"http://127.0.0.1:{port}/", "timeout": 1000}}
            for route, port in ports.items() if route == name]
        return {"name": name, "paths": [f"/{name}"], "strip_path": True, "protocols": ["http"],
                "plugins": plugins}
    return {"_format_version": "3.0", "upstreams": meshgate.upstreams(health=True),
            "services": [{"name": "up", "host": "up", "path": "/svc3",
                          "routes": [route(name) for name in ROUTES]}]}


def dropped():
    text = urllib.request.urlopen(f"http://127.0.0.1:{meshgate.STATUS}/metrics",
                                  timeout=10).read().decode()
    return sum(float(value) for value in re.findall(
        r"^meshgate_dropped_log_lines_total(?:\{[^}]*\})? ([\d.e+]+)$", text, re.M))


def settled():
    """What was dropped, once that number stands still for a second."""
    last = dropped()
    for _ in range(60):
        time.sleep(1)
        now = dropped()
        if now == last:
            return now
        last = now
    sys.exit("the node still drops entries a minute after the load")


def load(run, name, rate, seconds):
    """Quantiles of latency, in ms, and requests per second that were reached."""
    log = run.path("latencies")
    if os.path.exists(log):
        os.remove(log)
    output = subprocess.run(
        ["h2load", "--h1", f"-c{CONNECTIONS}", f"-n{rate * seconds // CONNECTIONS * CONNECTIONS}",
         f"--rps={rate / CONNECTIONS}", f"--log-file={log}",
         f"http://127.0.0.1:{meshgate.PLAIN}/{name}/1k"],
        capture_output=True, text=True, timeout=seconds * 20 + 60).stdout
    if " 0 failed, 0 errored, 0 timeout" not in output:
        sys.exit(f"{name}: not every answer was good:\n{output}")
    with open(log) as file:
        times = sorted(int(line.split("\t")[2]) / 1000 for line in file)
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100],
            "rate": float(re.search(r"([\d.]+) req/s", output).group(1))}


def start(run, ports):
    if accepts(29001):
        sys.exit("port 29001 is in use; end what listens there, then try again")
    os.makedirs(run.path("www/svc3"))
    with open(os.path.join(run.peers, "backend-nginx.conf")) as source:
        with open(run.path("backend-nginx.conf"), "w") as target:
            target.write(source.read())
    run.start("backend", ["nginx", "-p", run.folder, "-c", "backend-nginx.conf"], "1")
    run.wait_for("backend", 29001)
    command = meshgate.command(os.path.join(run.binaries, "meshd"), run.folder, [], 1,
                               {"proxy.access_log": "off"}, health=True)
    with open(run.path("kong.json"), "w") as file:
        json.dump(configuration(ports), file)
    run.start("meshgate", command, "0")
    end = time.monotonic() + 60
    while status(meshgate.PLAIN, "/plain/1k", "a") != 200:
        if not run.alive("meshgate") or time.monotonic() > end:
            sys.exit(f"meshgate does not serve:\n{run.log('meshgate')[-2000:]}")
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench logs", description=__doc__)
    parser.add_argument("--output", help="write the figures as JSON to this file")
    parser.add_argument("--rate", type=int, default=20_000, help="requests per second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="length of one load")
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--envoy", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {1})
    run = Run(arguments.peers, arguments.binaries)
    samples = {name: [] for name in ROUTES}
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent, socket.socket() as bound:
        # Bound and not listening: whoever connects is refused, and nobody else gets the port.
        bound.bind(("127.0.0.1", 0))
        try:
            start(run, {"refused": bound.getsockname()[1], "silent": silent.getsockname()[1]})
            load(run, "plain", arguments.rate, 1)
            memory, drops = [rss_bytes(run.pid("meshgate"))], settled()
            for _ in range(arguments.rounds):
                for name in ROUTES:
                    cell = load(run, name, arguments.rate, arguments.seconds)
                    cell["dropped"] = settled() - drops
                    drops += cell["dropped"]
                    samples[name].append(cell)
                memory.append(rss_bytes(run.pid("meshgate")))
        finally:
            run.stop()
    figures = {name: {key: [cell[key] for cell in cells] for key in cells[0]}
               for name, cells in samples.items()}
    figures["memory_mb"] = [value / 1e6 for value in memory]
    for name in ROUTES:
        cell = figures[name]
        print(f"{name:8} {statistics.median(cell['rate']):7.0f} requests per second: p50 "
              f"{statistics.median(cell['p50']):.2f} ms, p99 {statistics.median(cell['p99']):.2f} ms "
              f"({min(cell['p99']):.2f} to {max(cell['p99']):.2f}), {sum(cell['dropped']):.0f} entries "
              f"dropped of {arguments.rate * arguments.seconds * arguments.rounds} requests")
    print("memory of the node before and after each round: "
          + ", ".join(f"{value:.0f}" for value in figures["memory_mb"]) + " MB")
    if arguments.output:
        with open(arguments.output, "w") as file:
            json.dump(figures, file, indent=2)


main()

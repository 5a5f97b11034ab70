"""Balancing side by side: one fault, one system at a time, the same load at the same moments.

Two regions of four backends (meshecho with eight workers, 10 ms of exponential work, first come, first
served): a region carries 3,200 requests a second. Each proxy has one core and prefers the first region.
The load is open: it does not slow down with the answers, and times each request from when it was due.
"""
import argparse
import csv
import json
import math
import os
import random
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import balance_svg

EAST = [f"127.0.1.{number}" for number in (1, 2, 3, 4)]
WEST = [f"127.0.2.{number}" for number in (1, 2, 3, 4)]
PORTS = {"nginx": 8101, "haproxy": 8102, "envoy": 8103, "meshgate": 8104,
         "meshgate-limits": 8104, "meshgate-least": 8104}
ADMIN = 8114
SETTLE, FAULT_AT = 6.0, 5.0
HERE = os.path.dirname(os.path.abspath(__file__))

# Requests a second, seconds of load after settling, the window that is judged, what happens.
SCENARIOS = {
    "base": (1900, 14, (2, 14), "nothing"),
    "a": (2600, 14, (2, 14), "e1 to e4 take 5, 5, 10 and 20 ms: east carries 4,400 requests a second"),
    "b": (1900, 15, (6, 14.5), "e1 takes 100 ms longer from 5 s on"),
    "c": (1900, 15, (6, 14.5), "e1 answers 30 % with 500 from 5 s on; /health stays well"),
    "d1": (1900, 14, (4.5, 14), "e1 is killed at 5 s"),
    "d2": (1900, 14, (4, 12), "e1 stands still from 5 to 15 s"),
    "d3": (1900, 14, (4, 12), "e1 stands still and answers no SYN from 5 s on"),
    "e": (1900, 12, (4, 12), "all of east is killed at 5 s"),
    "e2": (1900, 12, (4, 12), "all of east stands still from 5 s on"),
    "e3": (1900, 190, (13, 190), "as e; east comes back at 13 s, four times as slow until warm"),
    "f": (3840, 12, (2, 11.5), "120 % of east; west is well"),
    "f2": (3840, 12, (6, 11.5), "west is killed at 5 s: 120 % of all there is (16.7 % too much)"),
    "g": (60, 12, (5, 12), "e1 is killed at 5 s; three nodes of one fleet, 20 requests a second each"),
    "g2": (60, 12, (5, 12), "as g, with the third node in another region, and targets of no region"),
}
# Where a killed region comes back, and how many requests make each of its backends warm.
BACK_AT, WARM_AFTER = 13.0, 2000
# Milliseconds that the backends of east take in scenario a.
SPEEDS = (5, 5, 10, 20)
# Scenarios with a fleet, and its nodes; no peer shares what it sees, so that only ours runs there.
FLEETS = ("g", "g2")
NODES = 3


class Backend:
    def __init__(self, address, binaries, folder):
        self.address, self.binaries, self.folder = address, binaries, folder
        self.name = ("e" if address in EAST else "w") + address[-1]
        self.process = None

    def start(self, core):
        region = "east" if self.name[0] == "e" else "west"
        log = open(os.path.join(self.folder, self.name + ".log"), "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", core, os.path.join(self.binaries, "meshecho"), "--listen",
             self.address + ":9000", "--name", self.name, "--region", region, "--workers", "8",
             "--service-ms", "10", "--body-bytes", "100"], stdout=log, stderr=log)

    def ask(self, path, body=None):
        url = f"http://{self.address}:9000{path}"
        with urllib.request.urlopen(url, body and json.dumps(body).encode(), timeout=3) as answer:
            return json.load(answer)

    def set(self, **faults):
        self.ask("/_echo", faults)

    def wait(self):
        end = time.time() + 20
        while time.time() < end:
            try:
                return self.ask("/_echo")
            except OSError:
                time.sleep(0.05)
        sys.exit(f"backend {self.name} does not answer")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class Proxy:
    """One system under test in the foreground, on one core."""

    def __init__(self, name, scenario, options, folder, core):
        self.name, self.scenario, self.options, self.folder = name, scenario, options, folder
        os.makedirs(os.path.join(folder, "tmp"), exist_ok=True)
        log = open(os.path.join(folder, name + ".log"), "wb")
        self.log = log
        self.processes = [self.run(core, command) for command in self.commands()]

    def run(self, core, command):
        return subprocess.Popen(["taskset", "-c", core] + command, cwd=self.folder,
                                stdout=self.log, stderr=self.log)

    @property
    def ports(self):
        count = NODES if self.scenario in FLEETS else 1
        return [PORTS[self.name] + 100 * index for index in range(count)]

    def commands(self):
        peers = self.options.peers
        if self.name == "nginx":
            return [["nginx", "-p", self.folder, "-c", os.path.join(peers, "nginx.conf"), "-g",
                     "daemon off;"]]
        if self.name == "haproxy":
            return [["haproxy", "-db", "-f", os.path.join(peers, "haproxy.cfg")]]
        if self.name == "envoy":
            # Its file for overload sheds by adaptive concurrency, and is worse at everything else.
            file = "envoy-overload.yaml" if self.scenario in ("f", "f2") else "envoy.yaml"
            return [[self.options.envoy, "-c", os.path.join(peers, file), "--concurrency", "1",
                     "--log-level", "error"]]
        return self.meshgate()

    def meshgate(self):
        """Everything by default but addresses, and what the peers' files say, too: that answers 500 are
        tried again elsewhere (nobody does so by default); `-limits` adds limits found by measuring,
        `-least` chooses by requests in flight, as the peers' files do."""
        meshd = os.path.join(self.options.binaries, "meshd")
        ring = os.path.join(self.folder, "keyring")
        with open(os.open(ring, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(subprocess.check_output([meshd, "keyring"]))
        targets = [{"target": address + ":9000",
                    "tags": [] if self.scenario == "g2" else ["region:" + region]}
                   for region, side in (("east", EAST), ("west", WEST)) for address in side]
        upstream = {"name": "api", "targets": targets}
        if self.name == "meshgate-limits":
            upstream["limits"] = {"adaptive": True}
        if self.name == "meshgate-least":
            upstream["algorithm"] = "least-connections"
        document = {"_format_version": "3.0", "upstreams": [upstream], "services": [
            {"name": "api", "host": "api", "routes": [{"name": "api", "paths": ["/"]}],
             "retry": {"on": ["error", "timeout", "http_500", "http_502", "http_503", "http_504"]}}]}
        config = os.path.join(self.folder, "kong.json")
        with open(config, "w") as file:
            json.dump(document, file)
        return [self.node(meshd, index, ring, config) for index in range(len(self.ports))]

    def node(self, meshd, index, ring, config):
        values = {
            "node.name": f"bench-{index + 1}",
            "node.region": "west" if self.scenario == "g2" and index == 2 else "east",
            "node.data_dir": f"{self.folder}/data-{index + 1}",
            "proxy.listen": f"127.0.0.1:{self.ports[index]}", "proxy.tls_listen": "off",
            "proxy.workers": "1", "admin.listen": f"127.0.0.1:{ADMIN + 100 * index}",
            "status.listen": f"127.0.0.1:{8124 + 100 * index}",
            "gossip.bind": f"127.0.0.1:{8134 + 100 * index}", "gossip.keyring": ring}
        if index == 0:
            values["config"] = config
        else:
            values["gossip.seeds"] = "127.0.0.1:8134"
        if self.options.keep or self.scenario in FLEETS:
            values["proxy.access_log"] = os.path.join(self.folder, f"access-{index + 1}.log")
        return [meshd, "run"] + [part for name, value in values.items()
                                 for part in ("--set", f"{name}={value}")]

    def wait(self):
        end = time.time() + 20
        for port in self.ports:
            if not self.serves(port, end):
                break
        else:
            return
        self.refuse()

    def serves(self, port, end):
        while time.time() < end and all(one.poll() is None for one in self.processes):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/load", timeout=2) as answer:
                    if answer.status == 200:
                        return True
            except OSError:
                time.sleep(0.1)
        return False

    def refuse(self):
        with open(os.path.join(self.folder, self.name + ".log"), errors="replace") as log:
            sys.exit(f"{self.name} does not serve:\n{log.read()[-2000:]}")

    def spread(self, fault):
        """Milliseconds from the first try at the killed target, of any node, to the last one."""
        times = []
        for index in range(len(self.ports)):
            with open(os.path.join(self.folder, f"access-{index + 1}.log")) as log:
                for line in map(json.loads, log):
                    moment = line["time_ms"] / 1000
                    if line.get("tries", 1) > 1 and fault <= moment < fault + 4:
                        times.append(moment)
        return {"failed_tries": len(times),
                "spread_ms": (max(times) - min(times)) * 1000 if times else float("nan")}

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def fill_up(address):
    """Connects to a server that stands still until it takes no more: later SYNs get no answer.

    Returns the connections; they must be held.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16_384)), hard))
    held, waiting = [], 0
    end = time.time() + 3
    while waiting < 8:
        if time.time() > end:
            sys.exit(f"{address} still answers SYNs with {len(held)} connections waiting")
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex((address, 9000))
        held.append(one)
        # On loopback a SYN is answered at once, or not at all.
        poll = select.poll()
        poll.register(one, select.POLLOUT)
        waiting = 0 if poll.poll(2) else waiting + 1
    return held


def break_it(scenario, east, west, held):
    """Does at the moment of the fault what the scenario says."""
    if scenario == "b":
        east[0].set(latency_ms=100)
    elif scenario == "c":
        east[0].set(error_rate=0.3)
    elif scenario in ("d1", "g", "g2"):
        east[0].signal(signal.SIGKILL)
    elif scenario in ("d2", "d3"):
        east[0].signal(signal.SIGSTOP)
        if scenario == "d3":
            held += fill_up(east[0].address)
    elif scenario in ("e", "e2", "e3"):
        for one in east:
            one.signal(signal.SIGSTOP if scenario == "e2" else signal.SIGKILL)
    elif scenario == "f2":
        for one in west:
            one.signal(signal.SIGKILL)


def come_back_cold(backends, core, until):
    """Starts backends whose caches are cold: 40 ms, and 10 ms when they have served enough."""
    for one in backends:
        one.process.wait()
        one.start(core)
    for one in backends:
        one.wait()
        one.set(service_ms=40)
    while time.time() < until:
        for one in backends:
            try:
                served = one.ask("/_echo")["counters"]["requests"]
                one.set(service_ms=round(10 * (1 + 3 * math.exp(-served / WARM_AFTER))))
            except OSError:
                return
        time.sleep(0.5)


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def figures(scenario, lines, late):
    """What the window of a scenario shows."""
    begin, end = (moment + SETTLE for moment in SCENARIOS[scenario][2])
    inside = [line for line in lines if begin <= line[0] < end]
    good = sorted(line[1] * 1000 for line in inside if line[3] == 200)
    # The load begins a moment after the clock of faults does, and what was on its way fails, too.
    after = [line for line in lines if line[0] >= FAULT_AT + SETTLE - 1]
    by = {name: sum(1 for line in inside if line[4] == name) for name in ("e1", "w")}
    west = sum(1 for line in inside if line[4].startswith("w"))
    return {
        "p50_ms": percentile(good, 0.5), "p99_ms": percentile(good, 0.99),
        "p999_ms": percentile(good, 0.999), "max_ms": good[-1] if good else float("nan"),
        "requests": len(inside), "errors": len(inside) - len(good),
        "shed_percent": 100 * (len(inside) - len(good)) / max(1, len(inside)),
        "over_500_ms": sum(1 for value in good if value > 500),
        "e1_percent": 100 * by["e1"] / max(1, len(inside)),
        "west_percent": 100 * west / max(1, len(inside)),
        "failed_gets": sum(1 for line in after if line[3] != 200 and line[2] == "GET"),
        "failed_posts": sum(1 for line in after if line[3] != 200 and line[2] == "POST"),
        "late_ms": late * 1000,
    }


def arrivals(backend, since):
    """Requests that came to a backend from a moment on, by its own count; None when it is gone."""
    try:
        report = backend.ask("/_echo/arrivals")
    except OSError:
        return None
    return sum(slot["count"] for slot in report["arrivals"] if slot["at_ms"] >= since * 1000)


def run_one(scenario, system, seed, options):
    folder = tempfile.mkdtemp(prefix="meshgate-balance-")
    os.chmod(folder, 0o755)
    cores = [str(core) for core in sorted(os.sched_getaffinity(0))]
    proxy_core, other = cores[0], cores[-1]
    backends = [Backend(address, options.binaries, folder) for address in EAST + WEST]
    east, west = backends[:4], backends[4:]
    proxy, load, held = None, None, []
    try:
        for one in backends:
            one.start(other)
        for one in backends:
            one.wait()
        if scenario == "a":
            for one, milliseconds in zip(east, SPEEDS):
                one.set(service_ms=milliseconds)
        proxy = Proxy(system, scenario, options, folder, proxy_core)
        proxy.wait()
        rate, seconds, _, _ = SCENARIOS[scenario]
        output = os.path.join(folder, "load.csv")
        load = subprocess.Popen(
            ["taskset", "-c", other, sys.executable, os.path.join(HERE, "balance_load.py"),
             "--ports", ",".join(map(str, proxy.ports)), "--rate", str(rate), "--seconds",
             str(SETTLE + seconds), "--seed", str(seed), "--output", output])
        timer = threading.Timer(SETTLE + FAULT_AT, break_it, (scenario, east, west, held))
        timer.start()
        fault = time.time() + SETTLE + FAULT_AT
        if scenario == "e3":
            cold = threading.Timer(
                SETTLE + BACK_AT, come_back_cold, (east, other, fault - FAULT_AT + seconds))
            cold.daemon = True
            cold.start()
        load.wait(SETTLE + seconds + 30)
        timer.cancel()
        with open(output) as file:
            late = float(file.readline().split()[2])
            lines = [(float(due), float(latency), method, int(status), who)
                     for due, latency, method, status, who in csv.reader(file)]
        result = figures(scenario, lines, late)
        if scenario == "c":
            result["e1_arrivals"] = arrivals(east[0], fault)
        if scenario in FLEETS:
            result |= proxy.spread(fault)
        if scenario in ("base", "a", "b", "c", "d2", "d3", "e2"):
            # Nobody was killed: what the backends count is what was sent, or it was sent twice.
            for one in backends:
                one.signal(signal.SIGCONT)
            time.sleep(1)
            at = sum(one.ask("/_echo")["counters"]["by_method"].get("POST", 0) for one in backends)
            result["posts_twice"] = max(0, at - sum(1 for line in lines if line[2] == "POST"))
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
            kept = os.path.join(options.keep, f"{scenario}-{system}-{seed}")
            shutil.copy(output, kept + ".csv")
            for log in os.listdir(folder):
                if log.startswith("access-") or log == system + ".log":
                    shutil.copy(os.path.join(folder, log), f"{kept}.{log}")
        return result
    finally:
        if load and load.poll() is None:
            load.kill()
        if proxy:
            proxy.stop()
        for one in held:
            one.close()
        for one in backends:
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def show(scenario, rows):
    rate, _, window, what = SCENARIOS[scenario]
    print(f"\n{scenario}: {what}; {rate} requests a second, seconds {window[0]} to {window[1]}")
    keys = ["p50_ms", "p99_ms", "p999_ms", "max_ms", "errors",
            "failed_gets", "failed_posts", "shed_percent", "over_500_ms", "e1_percent", "west_percent",
            "e1_arrivals", "posts_twice", "failed_tries", "spread_ms", "late_ms"]
    keys = [key for key in keys if any(key in one for results in rows.values() for one in results)]
    print(f"  {'':16}" + "".join(f"{key:>13}" for key in keys))
    for system, results in rows.items():
        cells = []
        for key in keys:
            values = [one[key] for one in results if one.get(key) is not None]
            cells.append(f"{statistics.median(values):13.1f}" if values else f"{'-':>13}")
        print(f"  {system:16}" + "".join(cells))


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench balance")
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--envoy", default="", help="its program; without it goes without")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--systems", default=",".join(PORTS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output",
                        help="a CSV file with one line per run; a drawing goes beside it, as .svg")
    parser.add_argument("--keep", help="a folder for the times of all requests")
    options = parser.parse_args()
    scenarios, systems = options.scenarios.split(","), options.systems.split(",")
    if "envoy" in systems and not os.access(options.envoy, os.X_OK):
        systems.remove("envoy")
    for name in scenarios:
        if name not in SCENARIOS:
            sys.exit(f"no scenario is called {name}; there are {', '.join(SCENARIOS)}")
    for name in systems:
        if name not in PORTS:
            sys.exit(f"no system is called {name}; there are {', '.join(PORTS)}")
    lines = []
    for scenario in scenarios:
        usable = [one for one in systems if one == "meshgate" or scenario not in FLEETS]
        rows = {system: [] for system in usable}
        for number in range(options.rounds):
            order = usable[:]
            random.Random(number).shuffle(order)
            for system in order:
                result = run_one(scenario, system, 1000 + number, options)
                rows[system].append(result)
                lines.append({"scenario": scenario, "system": system, "round": number} | result)
                if options.output:
                    write(options.output, lines)
        show(scenario, rows)


def write(path, lines):
    keys = list(dict.fromkeys(key for line in lines for key in line))
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, keys)
        table.writeheader()
        table.writerows(lines)
    with open(os.path.splitext(path)[0] + ".svg", "w") as file:
        file.write(balance_svg.draw({name: value[3] for name, value in SCENARIOS.items()}, lines))


if __name__ == "__main__":
    main()

"""What work costs: processor time of this proxy, nginx, HAProxy and Envoy in one alternating run.

Proxies run pinned to the first processor, targets and load to the second. Processor time is the sum
of /proc/PID/task/*/schedstat over the proxy's processes, divided by the work the load completed.
Access log to a file, metrics and health checks are on in all of them.
"""
import argparse
import json
import os
import resource
import sys
import time

import bench_sockets
from bench_loads import ALL, GRPC_PATH, HEADERS, Workloads
from bench_report import show, summary
from bench_sockets import NotServed
from proxies import PROXIES, Run, accepts

HERE = os.path.dirname(os.path.abspath(__file__))


def write_files(run):
    """Bodies of requests and answers."""
    for folder in ("www/svc3", "grpc" + os.path.dirname(GRPC_PATH)):
        os.makedirs(run.path(folder))
    message = b"\x0a\x20" + b"x" * 32
    frame = b"\0" + len(message).to_bytes(4, "big") + message
    files = {"www/svc3/64k": b"x" * 65536, "post": b"x" * 10000, "grpc.frame": frame,
             "grpc" + GRPC_PATH: frame, "mime.types": b"application/grpc grpc\n",
             "post.lua": b'wrk.method = "POST"\nwrk.body = string.rep("x", 10000)\n'}
    for name, content in files.items():
        with open(run.path(name), "wb") as file:
            file.write(content)
    os.rename(run.path("grpc"), run.path("grpc-www"))
    os.rename(run.path("grpc.frame"), run.path("grpc"))


def start_targets(run):
    for number in (29001, 29002, 29003, 29004, 29005):
        if accepts(number):
            sys.exit(f"port {number} is in use; end what listens there, then try again")
    with open(os.path.join(run.peers, "backend-nginx.conf")) as source:
        with open(run.path("backend-nginx.conf"), "w") as target:
            target.write(source.read())
    run.start("backend", ["nginx", "-p", run.folder, "-c", "backend-nginx.conf"], "1")
    run.start("grpc-backend", [
        "nghttpd", "-a", "127.0.0.1", "--no-tls", "-d", run.path("grpc-www"), "-m", "1000",
        "--mime-types-file", run.path("mime.types"), "--trailer", "grpc-status: 0", "29004"], "1")
    for kind in ("ws", "tcp"):
        run.start(kind + "-backend",
                  [sys.executable, os.path.join(HERE, "bench_backend.py"), kind], "1")
    for name, number in (("backend", 29001), ("grpc-backend", 29004), ("ws-backend", 29003),
                         ("tcp-backend", 29005)):
        run.wait_for(name, number)


class Cost:
    """The rounds of one benchmark."""

    def __init__(self, run, arguments):
        self.run, self.arguments = run, arguments
        self.proxies = arguments.proxies.split(",")
        self.workloads = Workloads(run)
        self.samples, self.missing = {}, {}

    def measure(self):
        wanted = self.arguments.workloads.split(",")
        ordinary = [name for name in wanted
                    if name != "two-workers" and not name.startswith("idle-")]
        if ordinary:
            self.with_proxies(ordinary, workers=1, cores="0")
        if "two-workers" in wanted:
            self.with_proxies(["two-workers"], workers=2, cores="0,1")
        for name in wanted:
            if name.startswith("idle-"):
                self.idle(name)

    def with_proxies(self, names, workers, cores):
        for proxy in self.proxies:
            self.run.start_proxy(proxy, workers, cores)
        time.sleep(1.5)  # The first health checks.
        try:
            for round_number in range(self.arguments.rounds + 1):
                order = self.proxies if round_number % 2 == 0 else self.proxies[::-1]
                for name in names:
                    for proxy in order:
                        self.one(name, proxy, warm_up=round_number == 0)
                if round_number:
                    self.save()
                    print(f"round {round_number} of {self.arguments.rounds}", file=sys.stderr)
        finally:
            for proxy in self.proxies:
                self.run.end(proxy, 35)

    def save(self):
        """Writes what was measured so far, so that an end by force loses nothing."""
        if not self.arguments.output:
            return
        with open(self.arguments.output, "w") as file:
            json.dump({"figures": summary(self.samples), "not_served": self.missing}, file, indent=2)
            file.write("\n")

    def one(self, name, proxy, warm_up):
        if proxy in self.missing.get(name, {}):
            return
        load = "get-1k" if name == "two-workers" else name
        seconds = 1 if warm_up else self.arguments.seconds
        try:
            figures = self.workloads.load(load, proxy, seconds, warm_up)
        except (NotServed, OSError) as problem:
            self.missing.setdefault(name, {})[proxy] = str(problem) or repr(problem)
            if not self.run.alive(proxy):
                sys.exit(f"{proxy} ended in {name}:\n{self.run.log(proxy)[-2000:]}")
            return
        if not warm_up:
            cell = self.samples.setdefault(name, {}).setdefault(proxy, {})
            for key, value in figures.items():
                cell.setdefault(key, []).append(value)

    def idle(self, name):
        """Memory of idle connections, each proxy started anew so that nothing freed is used."""
        kind = name.split("-")[1]
        for proxy in self.proxies:
            self.run.start_proxy(proxy, 1, "0")
            time.sleep(1.5)
            try:
                value = bench_sockets.idle_memory(
                    proxy, self.run.pid(proxy), self.arguments.idle, kind, HEADERS)
                self.samples.setdefault(name, {})[proxy] = {"idle_bytes": [value]}
            except (NotServed, OSError) as problem:
                self.missing.setdefault(name, {})[proxy] = str(problem) or repr(problem)
            finally:
                self.run.end(proxy, 35)


def parse():
    parser = argparse.ArgumentParser(prog="cluster/bench cost", description=__doc__)
    parser.add_argument("--output", help="write the figures as JSON to this file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="length of one load")
    parser.add_argument("--idle", type=int, default=4000, help="idle connections")
    parser.add_argument("--workloads", default=",".join(ALL), help="default: %(default)s")
    parser.add_argument("--proxies", default=",".join(PROXIES))
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--envoy", default="envoy", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for given, known in ((arguments.workloads, ALL), (arguments.proxies, PROXIES)):
        for name in given.split(","):
            if name not in known:
                parser.error(f"{name} is none of {', '.join(known)}")
    return arguments


def main():
    arguments = parse()
    if os.cpu_count() < 2:
        sys.exit("the benchmark needs two processors: one for the proxy, one for the load")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {1})
    run = Run(arguments.peers, arguments.binaries, arguments.envoy)
    try:
        write_files(run)
        start_targets(run)
        cost = Cost(run, arguments)
        cost.measure()
    finally:
        run.stop()
    cost.save()
    show(summary(cost.samples), cost.missing)


main()

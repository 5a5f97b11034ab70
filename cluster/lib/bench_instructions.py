"""User instructions of one 1 KB request, counted by callgrind: a figure that neighbours do not move.

The node runs under valgrind with access log, metrics and health checks on, once with few requests
and once with many, for the same time; the difference is what the requests cost.
"""
import argparse
import os
import re
import subprocess
import sys
import time

import meshgate
from bench_loads import HEADERS, HOST
from proxies import Run, accepts

FEW, MANY, CONNECTIONS = 500, 2500, 8


def load(count):
    command = ["h2load", "--h1", f"-c{CONNECTIONS}", f"-n{count}", "--connect-to",
               f"127.0.0.1:{meshgate.PLAIN}"]
    for header in HEADERS:
        command += ["-H", header]
    output = subprocess.run(command + [f"http://{HOST}/svc3/1k"], capture_output=True, text=True,
                            timeout=120).stdout
    if f"{count} succeeded" not in output:
        sys.exit(f"not every answer was good:\n{output}")


def stripped(run):
    """The node without the debugging information that valgrind cannot read."""
    if not os.path.exists(run.path("meshd")):
        subprocess.run(["strip", "--strip-debug", "-o", run.path("meshd"),
                        os.path.join(run.binaries, "meshd")], check=True)
    return run.path("meshd")


def count_instructions(run, requests, seconds):
    """All user instructions of a node that lives `seconds` and serves `requests`."""
    counts = run.path(f"callgrind.{requests}")
    command = meshgate.command(stripped(run), run.folder, run.features, 1, {})
    run.start("meshgate", ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}"]
              + command, "0")
    run.wait_for("meshgate", meshgate.PLAIN, 120)
    end = time.monotonic() + seconds
    time.sleep(3)  # The first health checks, and the configuration.
    load(requests)
    if time.monotonic() > end:
        sys.exit(f"the load took longer than {seconds} s; give more by --seconds")
    time.sleep(end - time.monotonic())
    run.end("meshgate", 60)
    with open(counts) as file:
        return int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M).group(1))


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench instructions", description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="length of one run")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--envoy", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1})
    run = Run(arguments.peers, arguments.binaries)
    try:
        if accepts(29001) or accepts(meshgate.PLAIN):
            sys.exit("port 29001 or the proxy's is in use; end what listens there, then try again")
        with open(os.path.join(run.peers, "backend-nginx.conf")) as source:
            with open(run.path("backend-nginx.conf"), "w") as target:
                target.write(source.read())
        run.start("backend", ["nginx", "-p", run.folder, "-c", "backend-nginx.conf"], "1")
        run.wait_for("backend", 29001)
        run.start_proxy("meshgate", 1, "0")  # Finds out what is served.
        run.end("meshgate", 35)
        for _ in range(arguments.rounds):
            few, many = (count_instructions(run, count, arguments.seconds)
                         for count in (FEW, MANY))
            print(f"{(many - few) / (MANY - FEW):.0f} user instructions per 1 KB request")
    finally:
        run.stop()


main()

"""User instructions of one 1 KB request, counted by callgrind: a figure that neighbours do not move.

The node runs under valgrind with access log, metrics and health checks on. What a thread spends on few
requests is taken from what it spends on many. The worker's thread counts, and the log's: what the
others do (gossip, health, Admin API) goes by time, and on a busy machine a load takes more of that.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import time

import meshgate
from bench_loads import HEADERS, HOST
from proxies import Run, accepts, status

FEW, MANY, CONNECTIONS = 500, 2500, 8
# Mangled names of the loops of the worker and of the access log's writer.
THREADS = ["13MeshDataPlane6WorkerC4loop", "13MeshDataPlane15AccessLogWriterC5write"]
# Valgrind 3.19 writes to the mask that sigsuspend is given, which libdispatch keeps in read-only
# memory: give it a copy.
SHIM = """
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
int sigsuspend(const sigset_t *mask) {
  sigset_t copy = *mask;
  return syscall(SYS_rt_sigsuspend, &copy, 8);
}
"""


def load(count):
    command = ["h2load", "--h1", f"-c{CONNECTIONS}", f"-n{count}", "--connect-to",
               f"127.0.0.1:{meshgate.PLAIN}"]
    for header in HEADERS:
        command += ["-H", header]
    output = subprocess.run(command + [f"http://{HOST}/svc3/1k"], capture_output=True, text=True,
                            timeout=120).stdout
    if f"{count} succeeded" not in output:
        sys.exit(f"not every answer was good:\n{output}")


def shim(run):
    """The library of SHIM, compiled by the compiler that comes with Swift."""
    library = run.path("shim.so")
    if not os.path.exists(library):
        subprocess.run(["clang", "-shared", "-fPIC", "-x", "c", "-o", library, "-"],
                       input=SHIM, text=True, check=True)
    return library


def stripped(run):
    """The node without the debugging information that valgrind cannot read."""
    if not os.path.exists(run.path("meshd")):
        subprocess.run(["strip", "--strip-debug", "-o", run.path("meshd"),
                        os.path.join(run.binaries, "meshd")], check=True)
    return run.path("meshd")


def control(run, command):
    subprocess.run(["vgdb", f"--pid={run.pid('meshgate')}", command], check=True,
                   capture_output=True, timeout=60)


def spent(prefix):
    """Instructions of the threads that serve requests, from a dump's files, one for each thread."""
    total = 0
    for path in glob.glob(prefix + "*"):
        with open(path) as file:
            text = file.read()
        os.remove(path)
        if any(name in text for name in THREADS):
            total += int(re.search(r"^(?:totals|summary): (\d+)", text, re.M).group(1))
    if not total:
        sys.exit("no thread of the dump is a worker's")
    return total


def measure(run, extra):
    """Instructions of many requests less those of few, for each request between."""
    counts = run.path("callgrind")
    command = meshgate.command(stripped(run), run.folder, run.features, 1, extra)
    run.start("meshgate", ["env", "LD_PRELOAD=" + shim(run), "valgrind", "--tool=callgrind",
                           "--separate-threads=yes", f"--callgrind-out-file={counts}"] + command, "0")
    run.wait_for("meshgate", meshgate.PLAIN, 120)
    time.sleep(3)  # The first health checks, and the configuration.
    end = time.monotonic() + 30
    while status(meshgate.PLAIN, "/svc3/1k", HOST) != 200:
        if time.monotonic() > end:
            sys.exit("the node does not answer 200 under valgrind:\n" + run.log("meshgate")[-2000:])
        time.sleep(0.5)
    load(FEW)
    control(run, "zero")
    totals = []
    for number, requests in enumerate((FEW, MANY), 1):
        load(requests)
        control(run, "dump")
        totals.append(spent(f"{counts}.{number}-"))
    run.end("meshgate", 60)
    return (totals[1] - totals[0]) / (MANY - FEW)


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench instructions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="a setting of the node, such as proxy.access_log=off")
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--envoy", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    extra = dict(pair.split("=", 1) for pair in arguments.set)
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
            print(f"{measure(run, extra):.0f} user instructions per 1 KB request", flush=True)
    finally:
        run.stop()


main()

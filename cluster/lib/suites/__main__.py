"""Runs suites against a real gateway on loopback: python3 -m suites [NAME...]."""
import argparse
import importlib
import os
import resource
import signal
import sys
import time
import traceback

from .context import Context, proxies
from .report import Missing, NotServed, Report

SUITES = ["h1_refusals", "h1_answers", "h1_peers", "recording", "varnishtest", "curl", "tls",
          "tls_scans", "h2_frames", "h2_floods", "h2_peers", "grpc_peers", "websocket_peers",
          "websocket_frames", "websocket_h2", "streams", "load", "slow", "overload",
          "drain", "changes", "admin_api", "fleet_faults", "upgrade", "dashboard"]
#: Independent peers on both sides, scans, refusals and a little load, in some three minutes: what
#: cluster/test runs by the name "quick".
QUICK = ["h1_refusals", "h1_answers", "h1_peers", "recording", "curl", "tls_scans", "h2_peers",
         "grpc_peers", "websocket_peers", "load", "upgrade"]


class TooSlow(Exception):
    """The suite took longer than its limit."""


def bounded(seconds):
    def stop(*_):
        raise TooSlow(f"not done in {seconds} s")
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)


def run_suite(name, context, verbose):
    report, began, state = Report(name, verbose), time.monotonic(), None
    print(f"\n== {name}", flush=True)
    try:
        suite = importlib.import_module(f"suites.{name}")
        for tool in suite.NEEDS:
            context.tool(tool)
        bounded(suite.LIMIT)
        suite.run(context, report)
    except (Missing, ModuleNotFoundError) as missing:
        state = "SKIPPED"
        report.note(f"skipped, since a tool is missing: {missing}")
    except (NotServed, TooSlow) as problem:
        report.check(False, "the suite runs to its end", problem)
    except Exception as problem:
        report.check(False, "the suite runs to its end", repr(problem))
        traceback.print_exc(limit=-6, file=sys.stdout)
    finally:
        signal.alarm(0)
    if context.gateway in context.run.processes and not context.alive():
        report.check(False, "the gateway lives", context.run.log(context.gateway)[-1500:])
    if report.failures:
        state = "FAILED"
    elif state is None:
        state = "passed" if report.passed else "FAILED"  # A suite that checked nothing is broken.
    return state, report, time.monotonic() - began


def parse():
    parser = argparse.ArgumentParser(prog="cluster/suites", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SUITES))
    parser.add_argument("--gateway", default="meshgate", choices=proxies.PROXIES,
                        help="try the suites themselves on a peer")
    parser.add_argument("--verbose", action="store_true", help="show every check")
    parser.add_argument("--keep", action="store_true", help="keep configurations and logs")
    parser.add_argument("--strict", action="store_true", help="a skipped suite is a failure")
    for name in ("binaries", "peers", "envoy", "venv", "sslyze-venv"):
        parser.add_argument("--" + name, default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in SUITES + ["soak", "quick"]:
            parser.error(f"{name} is none of quick, {', '.join(SUITES)}")
    arguments.quick = set(arguments.names) == {"quick"}
    if "quick" in arguments.names:
        rest = [name for name in arguments.names if name not in QUICK + ["quick"]]
        arguments.names = QUICK + rest
    arguments.strict = arguments.strict or bool(os.environ.get("CI"))
    return arguments


def main():
    arguments = parse()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context, rows = Context(arguments), []
    try:
        for name in arguments.names or SUITES:
            rows.append((name, *run_suite(name, context, arguments.verbose)))
    finally:
        context.stop()
        if arguments.keep:
            print(f"kept {context.run.folder}")
    print(f"\n{'suite':18} {'result':8} {'passed':>7} {'failed':>7} {'s':>6}")
    for name, state, report, seconds in rows:
        print(f"{name:18} {state:8} {report.passed:7} {len(report.failures):7} {seconds:6.1f}")
    skipped = [name for name, state, _, _ in rows if state == "SKIPPED"]
    if skipped:
        print(f"\nSKIPPED, not passed: {', '.join(skipped)}")
    failed = sum(state == "FAILED" for _, state, _, _ in rows)
    good = sum(state == "passed" for _, state, _, _ in rows)
    print(f"\nsuites: {good} passed, {failed} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    sys.stdout.flush()
    is_bad = failed or (skipped and arguments.strict)
    os._exit(1 if is_bad else 0 if good else 77)  # Threads of targets may remain.


main()

"""Runs the proofs of deploy/: python3 -m tests [NAME...], as deploy/test does."""
import argparse
import importlib
import os
import signal
import sys
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "cluster", "lib"))

from suites.report import Missing, Report  # noqa: E402

from . import verdict  # noqa: E402
from .place import Place  # noqa: E402

PROOFS = ["systemd", "debian", "observability", "balancers", "kubernetes", "container", "ansible", "readme"]


class TooSlow(Exception):
    """The proof took longer than its limit."""


def stop(*_):
    raise TooSlow("not done within its limit")


def prove(name, place, verbose):
    """The outcome of one proof, its report and seconds."""
    print(f"\n== {name}", flush=True)
    report, began, skipped = Report(name, verbose), time.monotonic(), None
    try:
        proof = importlib.import_module(f"tests.{name}")
        signal.signal(signal.SIGALRM, stop)
        signal.alarm(proof.LIMIT)
        proof.run(place, report)
    except Missing as missing:
        skipped = str(missing)
        report.note(f"SKIPPED: {skipped}")
    except Exception as problem:
        report.check(False, "the proof runs to its end", repr(problem))
        traceback.print_exc(limit=-3, file=sys.stdout)
    finally:
        signal.alarm(0)
        place.end_all()
    if report.failures or not (report.passed or skipped):
        return "FAILED", report, time.monotonic() - began
    return "SKIPPED" if skipped else "passed", report, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(prog="deploy/test", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROOFS))
    parser.add_argument("--verbose", action="store_true", help="show every check")
    parser.add_argument("--strict", action="store_true", help="a skip that README.md does not name is a failure")
    for name in ("top", "work", "binaries"):
        parser.add_argument("--" + name, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in PROOFS:
            parser.error(f"{name} is none of {', '.join(PROOFS)}")
    place = Place(arguments.top, arguments.work, arguments.binaries)
    rows = [(name, *prove(name, place, arguments.verbose)) for name in arguments.names or PROOFS]
    print(f"\n{'proof':16} {'result':8} {'passed':>7} {'failed':>7} {'s':>6}")
    for name, state, report, seconds in rows:
        print(f"{name:16} {state:8} {report.passed:7} {len(report.failures):7} {seconds:6.1f}")
    for name, _, report, _ in rows:
        for text in report.notes:
            print(f"note: {name}: {text}")
    failed = sum(state == "FAILED" for _, state, _, _ in rows)
    good = sum(state == "passed" for _, state, _, _ in rows)
    print(f"\ndeploy: {good} passed, {failed} failed, {len(rows) - good - failed} skipped")
    readme, is_strict = place.read("README.md"), arguments.strict or bool(os.environ.get("CI"))
    if is_strict and (skips := verdict.skips(rows, readme)):
        print(f"SKIPPED, which deploy/README.md does not name: {', '.join(skips)}")
    sys.stdout.flush()
    os._exit(verdict.status(rows, readme, is_strict))


main()

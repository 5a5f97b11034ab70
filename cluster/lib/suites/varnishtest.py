"""Scenarios of HTTP/1 in varnishtest's language: vtc/*.vtc, with the target of /ws/ as their server."""
import glob
import os

LIMIT = 200
NEEDS = ["varnishtest"]


def run(context, report):
    context.start()
    for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "vtc", "*.vtc"))):
        status, text = context.command("varnishtest", "-t", "20", "-D", f"port={context.port()}", path)
        name = os.path.basename(path)
        if status == 77:
            report.check(False, f"{name}: it can be run", text[-300:])
        wrong = [line for line in text.split("\n") if "----" in line or "rror" in line]
        report.check(status == 0, name, " | ".join(wrong)[:400])

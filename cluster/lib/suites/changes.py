"""Full load while certificates, routes and upstreams change every second: nothing fails."""
import os
import subprocess
import threading
import time

from .context import HOST, meshgate, proxies, read_all
from .report import NotServed

LIMIT = 200
NEEDS = ["h2load"]
QUIET = 8
SECONDS = int(os.environ.get("MESHGATE_CHANGES_SECONDS", "60"))


def load(context, kind, options, seconds, log):
    scheme = "https" if kind == "tls" else "http"
    open(log, "w").close()
    return subprocess.Popen(
        ["h2load", f"-D{seconds}", "-c16", *options, f"--log-file={log}", "--connect-to",
         f"127.0.0.1:{context.port(kind)}", f"{scheme}://{HOST}/svc3/size?size=1000"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(tool, log):
    """Requests, those that were not 200, and p99 in ms. A request cut by the end does not count."""
    text = tool.communicate(timeout=SECONDS + 60)[0]
    with open(log) as file:
        rows = [line.split("\t") for line in file]
    times = sorted(int(row[2]) for row in rows)
    bad = sum(row[1].strip() != "200" for row in rows)
    p99 = times[int(len(times) * 0.99)] / 1000 if times else 0.0
    errored = "errored" in text and int(text.split(" errored")[0].split()[-1])
    return len(rows), bad + errored, p99


def variant(context, number, certificates):
    """A configuration that differs from the last in routes, targets and certificates."""
    document = meshgate.configuration(context.run.folder, context.run.features, health=False)
    document["services"][0]["routes"] += [
        {"name": f"extra-{number}-{n}", "hosts": ["extra.example.com"], "paths": [f"/extra/{number}/{n}/"]}
        for n in range(number % 5 * 20)]
    if number % 2:
        document["upstreams"][0]["targets"].pop(number // 2 % 2)
    if "certificates" in document:
        cert, key = certificates[number % len(certificates)]
        document["certificates"] = [{"cert": cert, "key": key,
                                     "snis": [{"name": "*.example.com"}, {"name": "*"}]}]
    return document


class Handshakes(threading.Thread):
    """New TLS connections all the time, each with one request."""

    def __init__(self, context):
        super().__init__(daemon=True)
        self.context, self.stop, self.good, self.bad = context, False, 0, []

    def run(self):
        import ssl
        settings = ssl.create_default_context()
        settings.check_hostname, settings.verify_mode = False, ssl.CERT_NONE
        while not self.stop:
            try:
                plain = self.context.connect("tls")
                with settings.wrap_socket(plain, server_hostname=HOST) as connection:
                    connection.sendall(f"GET /svc3/x HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                    answer = read_all(connection)
                if answer.startswith(b"HTTP/1.1 200"):
                    self.good += 1
                else:
                    self.bad.append(answer[:60])
            except OSError as error:
                self.bad.append(repr(error))
            time.sleep(0.01)


def run(context, report):
    if not context.is_ours:
        raise NotServed("only this gateway changes its configuration by POST /config")
    context.restart(workers=2)
    kinds = [("plain", ["--h1"])]
    kinds += [("h2c", ["-m5"])]
    if report.check(context.serves("tls"), "TLS is served"):
        kinds += [("tls", ["--h1"]), ("tls", ["-m5"])]
    certificates = [context.certificate(["*.example.com", "any.test"]) for _ in range(10)]
    handshakes = Handshakes(context)
    if context.serves("tls"):
        handshakes.start()
    logs = [context.run.path(f"changes-{n}.log") for n in range(len(kinds))]

    def load_all(seconds):
        return [load(context, kind, options, seconds, log) for (kind, options), log in zip(kinds, logs)]

    quiet = [finished(tool, log)[2] for tool, log in zip(load_all(QUIET), logs)]
    tools = load_all(SECONDS)
    before, statuses, end, number = proxies.rss_bytes(context.pid), [], time.monotonic() + SECONDS, 0
    while time.monotonic() < end - 1:
        began = time.monotonic()
        statuses.append(context.apply(variant(context, number, certificates)))
        number += 1
        time.sleep(max(0, 1 - (time.monotonic() - began)))
    report.check(all(status in (200, 201) for status in statuses), f"{number} changes are taken", statuses)
    for (kind, options), tool, path, before_ms in zip(kinds, tools, logs, quiet):
        count, bad, p99 = finished(tool, path)
        name = f"{kind} {'HTTP/1.1' if options == ['--h1'] else 'HTTP/2'}"
        report.check(count > 0 and bad == 0, f"{name}: no request of {count} failed", f"{bad} failed")
        report.note(f"{name}: p99 {p99:.1f} ms, {before_ms:.1f} ms without changes")
    handshakes.stop = True
    if handshakes.is_alive():
        handshakes.join(10)
        report.check(handshakes.good > 0 and not handshakes.bad,
                     f"TLS: no new connection of {handshakes.good} failed", handshakes.bad[:3])
    report.note(f"memory grew by {(proxies.rss_bytes(context.pid) - before) / (1 << 20):.1f} MiB")
    context.apply(meshgate.configuration(context.run.folder, context.run.features, health=False))

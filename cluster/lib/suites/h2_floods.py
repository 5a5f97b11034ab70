"""Floods of HTTP/2: the connection is ended or bounded, and others are served meanwhile."""
import struct
import threading
import time

from .context import proxies
from .frames import (ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING,
                     PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, Connection, block, frame,
                     request, setting)
from .h2_frames import hang
from .report import NotServed

LIMIT = 150
NEEDS = []
BOTH = END_STREAM | END_HEADERS


def rapid_reset(n):
    stream = 1 + 2 * n
    return frame(HEADERS, BOTH, stream, block(request("/svc3/hang"))) \
        + frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))


def made_you_reset(n):
    """The gateway is made to reset (CVE-2025-8671): its own resets must count."""
    stream = 1 + 2 * n
    return frame(HEADERS, BOTH, stream, block(request("/svc3/hang"))) \
        + frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0))


# Name, what is sent first, what is sent again and again, whether the connection must end.
FLOODS = [
    ("rapid reset", b"", rapid_reset, True),
    ("resets that the gateway is made to send", b"", made_you_reset, True),
    ("PING", b"", lambda n: frame(PING, payload=b"12345678"), True),
    ("SETTINGS", b"", lambda n: frame(SETTINGS, payload=setting(3, 100)), True),
    ("empty SETTINGS", b"", lambda n: frame(SETTINGS), True),
    ("acknowledgements of SETTINGS", b"", lambda n: frame(SETTINGS, ACK), False),
    ("empty DATA", frame(HEADERS, END_HEADERS, 1, block(request("/svc3/hang", "POST"))),
     lambda n: frame(DATA, 0, 1), True),
    ("CONTINUATION", frame(HEADERS, END_STREAM, 1, block(request())),
     lambda n: frame(CONTINUATION, 0, 1, block([("x-%d" % n, "x" * 100)])), True),
    ("empty CONTINUATION", frame(HEADERS, END_STREAM, 1, block(request())),
     lambda n: frame(CONTINUATION, 0, 1), True),
    ("PRIORITY", b"", lambda n: frame(PRIORITY, 0, 1 + 2 * n, struct.pack(">IB", 0, 1)), False),
    ("WINDOW_UPDATE of 1", b"", lambda n: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)), False),
]


def flood(c, unit, seconds=6, most=60_000):
    """Sends until the connection ends; returns how many frames it took, or None."""
    end, sent = time.monotonic() + seconds, 0
    reader = threading.Thread(target=lambda: c.wait(lambda _: c.closed, seconds), daemon=True)
    reader.start()
    while not c.closed and time.monotonic() < end and sent < most:
        try:
            c.socket.settimeout(2)
            c.socket.sendall(b"".join(unit(n) for n in range(sent, sent + 50)))
        except OSError:
            break
        sent += 50
    reader.join(3)
    return sent if c.closed else None


def patience(context, report):
    """What ordinary clients do is no flood: 20 cancelled requests and 20 PINGs among 100 answers."""
    c = Connection(context.connect("h2c"))
    for n in range(100):
        stream = 1 + 2 * n
        c.headers(stream, request("/svc3/fine"))
        if n % 5 == 0:
            c.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
            c.ping(b"%8d" % n)
        else:
            c.wait(lambda _, of=stream: c.status(of) == 200)
    answered = sum(c.status(1 + 2 * n) == 200 for n in range(100) if n % 5)
    report.check(answered == 80 and not c.closed, "ordinary cancelling and PINGs are no flood",
                 f"{answered} of 80, {'closed' if c.closed else 'open'}")
    c.close()


def run(context, report):
    context.start()
    context.need("h2c")
    context.recorder.takers["/svc3/hang"] = hang
    probe = Connection(context.connect("h2c"))
    if not probe.ping():
        raise NotServed("no HTTP/2 by prior knowledge")
    probe.close()
    patience(context, report)
    for name, first, unit, must_end in FLOODS:
        before = proxies.rss_bytes(context.pid)
        c = Connection(context.connect("h2c"))
        c.send(first)
        sent = flood(c, unit)
        if must_end:
            report.check(sent is not None, f"a flood of {name} ends the connection", "it stays open")
            report.note(f"{name}: {sent} sent")
        served = context.get("/svc3/after", timeout=3).startswith(b"HTTP/1.1 200")
        report.check(served, f"a flood of {name} leaves others served")
        c.close()
        grown = (proxies.rss_bytes(context.pid) - before) >> 20
        report.check(grown < 64, f"a flood of {name} costs less than 64 MiB", f"{grown} MiB")

"""WebSocket over HTTP/2 (RFC 8441) towards a target that speaks HTTP/1."""
import struct

from .context import HOST
from .frames import (CANCEL, DATA, END_HEADERS, END_STREAM, RST_STREAM, WINDOW_UPDATE, Connection,
                     frame)
from .report import NotServed
from .websocket_frames import PING, TEXT, close
from .websocket_frames import frame as message
from .websocket_target import Target

LIMIT = 60
NEEDS = []
ENABLE_CONNECT = 8


def connect_fields(path="/ws/echo", more=()):
    return [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path),
            (":authority", HOST), ("sec-websocket-version", "13"), *more]


def received(c, stream):
    return b"".join(payload for kind, _, of, payload in c.received if kind == DATA and of == stream)


def try_one(context, report, kind):
    connection = context.connect("h2c") if kind == "h2c" else context.connect_tls(("h2",))
    c = Connection(connection)
    if not c.ping():
        raise NotServed(f"no HTTP/2 on the {kind} port")
    if not report.equal(c.server_settings.get(ENABLE_CONNECT), 1,
                        f"{kind}: SETTINGS_ENABLE_CONNECT_PROTOCOL is 1 (3)"):
        return
    for stream in (1, 3):
        c.headers(stream, connect_fields(), END_HEADERS)
    c.wait(lambda _: c.status(1) is not None and c.status(3) is not None)
    report.equal((c.status(1), c.status(3)), (200, 200), f"{kind}: two streams are opened by 200 (4, 5)")
    for stream in (1, 3):
        c.send(frame(DATA, 0, stream, message(TEXT, b"stream %d" % stream)))
    good = c.wait(lambda _: all(received(c, s) == b"\x81\x08stream %d" % s for s in (1, 3)))
    report.check(good, f"{kind}: messages come back, each on its stream", [received(c, s) for s in (1, 3)])
    c.send(frame(DATA, 0, 1, message(PING, b"p")))
    report.check(c.wait(lambda _: received(c, 1).endswith(b"\x8a\x01p")), f"{kind}: a PING is answered")
    big = message(TEXT, b"x" * 30_000)
    c.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 100_000))
           + frame(DATA, 0, 3, big[:16_000]) + frame(DATA, 0, 3, big[16_000:]))
    report.check(c.wait(lambda _: len(received(c, 3)) == 10 + 4 + 30_000), f"{kind}: 30,000 bytes come back",
                 len(received(c, 3)))
    c.send(frame(DATA, 0, 1, close()))
    ended = c.wait(lambda got: any(flags & END_STREAM and of == 1 for _, flags, of, _ in got))
    report.check(ended and received(c, 1).endswith(b"\x88\x02\x03\xe8"), f"{kind}: a close ends the stream")
    c.send(frame(RST_STREAM, 0, 3, struct.pack(">I", CANCEL)))
    report.check(c.ping(), f"{kind}: the connection lives when a stream was reset")
    c.headers(5, connect_fields("/svc3/plain"), END_HEADERS)
    c.wait(lambda _: c.status(5) is not None)
    report.check(c.status(5) not in (None, 101), f"{kind}: a target that refuses is told as its status", c.status(5))
    unknown = [(":protocol", "nothing") if name == ":protocol" else (name, value)
               for name, value in connect_fields()]
    c.headers(7, unknown, END_HEADERS)
    c.wait(lambda _: c.status(7) is not None or c.find(RST_STREAM, 7))
    report.check(c.find(RST_STREAM, 7) or (c.status(7) or 0) >= 400, f"{kind}: an unknown :protocol is refused",
                 c.status(7))
    c.close()


def run(context, report):
    context.start()
    context.need("h2c")
    with Target():
        try_one(context, report, "h2c")
        context.need("tls")
        try_one(context, report, "tls")

"""Runs the cases of h2_cases with prior knowledge and over TLS, each on its own connection."""
import time

from .frames import CONTINUATION, END_STREAM, GOAWAY, HEADERS, DATA, RST_STREAM, Connection
from .h2_cases import CASES, Alive, Broken, Good, Malformed, Reset
from .report import NotServed

LIMIT = 420
NEEDS = []


def goaway_codes(c):
    return [int.from_bytes(payload[4:8], "big") for _, _, _, payload in c.find(GOAWAY)]


def reset_codes(c, stream):
    return [int.from_bytes(payload, "big")
            for _, _, _, payload in c.find(RST_STREAM, None if stream == -1 else stream)]


def ended(c, stream):
    return any(flags & END_STREAM and of == stream and kind in (DATA, HEADERS, CONTINUATION)
               for kind, flags, of, _ in c.received)


def broken(c, codes):
    """Whether the connection ended as an error of one of these kinds; a close alone is allowed."""
    c.wait(lambda _: c.closed, 2)
    seen = [code for code in goaway_codes(c) if code != 0]
    return c.closed and all(code in codes for code in seen)


def failed_goaway(c):
    return any(code != 0 for code in goaway_codes(c))


def judge(c, expected):
    """An explanation of what was wrong, or None."""
    problem = getattr(c, "problem", None)
    if isinstance(expected, Broken):
        return None if broken(c, expected.codes) else tell(c)
    if isinstance(expected, (Reset, Malformed)):
        codes = expected.codes if isinstance(expected, Reset) else (1, 3, 5, 11)
        stream = expected.stream
        refusal = isinstance(expected, Malformed) or stream == 1
        c.wait(lambda _: c.closed or failed_goaway(c) or reset_codes(c, stream)
               or (refusal and isinstance(c.status(1), int) and c.status(1) >= 400))
        if any(code in codes for code in reset_codes(c, stream)):
            return problem
        status = c.status(stream) if stream > 0 else None
        if refusal and isinstance(status, int) and 400 <= status < 500 \
                and (isinstance(expected, Malformed) or status in (413, 431)):
            return problem
        return problem if (failed_goaway(c) or c.closed) and broken(c, codes) else tell(c)
    if isinstance(expected, Good):
        c.wait(lambda _: ended(c, expected.stream) or c.closed or failed_goaway(c))
        good = c.status(expected.stream) == expected.status and not failed_goaway(c) \
            and ended(c, expected.stream)
        return problem if good else tell(c)
    if c.ping():
        return problem
    allowed = expected.answered if isinstance(expected, Alive) else ()
    return None if allowed and broken(c, allowed) else (problem or tell(c))


def tell(c):
    statuses = [(stream, c.status(stream)) for stream in sorted({of for _, _, of, _ in c.received})
                if stream and c.find(HEADERS, stream)]
    return f"GOAWAY {goaway_codes(c)}, RST_STREAM {reset_codes(c, -1)[:3]}, answers " \
        f"{statuses[:3]}, {'closed' if c.closed else 'open'}"


def hang(connection, _):
    """A target that reads and never answers, until the other side goes."""
    connection.settimeout(10)
    try:
        with connection:
            while connection.recv(65536):
                pass
    except OSError:
        pass


def stall(connection, _):
    """A target that does not even read."""
    with connection:
        time.sleep(5)


def run(context, report):
    context.start()
    context.need("h2c")
    context.recorder.takers |= {"/svc3/hang": hang, "/svc3/stall": stall}
    probe = Connection(context.connect("h2c"))
    if not probe.ping():
        raise NotServed("no HTTP/2 by prior knowledge")
    probe.close()
    try_all(context, report, "h2c", lambda: context.connect("h2c"))
    context.need("tls")
    try_all(context, report, "TLS", lambda: context.connect_tls(("h2",)))


def try_all(context, report, way, connect):
    for name, act, expected, greet in CASES:
        context.recorder.forget()
        c = Connection(connect(), greet)
        try:
            act(c)
            problem = judge(c, expected)
        finally:
            c.close()
        report.check(problem is None, f"{way} {name}", problem)
        report.check(not context.recorder.seen(b"GET /svc3/hidden"), f"{way} {name}: nothing smuggled")
        if not context.alive():
            report.check(False, f"{way} {name}: the gateway lives", context.run.log(context.gateway)[-500:])
            context.restart()
            context.recorder.takers |= {"/svc3/hang": hang, "/svc3/stall": stall}
    report.note(f"{len(CASES)} cases by {way}")

"""What targets answer, good and bad (RFC 9112): the client gets one whole answer, or a 502."""
from .context import HOST, read_all
from .h1_refusals import status as status_of

LIMIT = 120
NEEDS = []
OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b"Connection: close\r\n"

# Name, the target's bytes, the statuses that are right; None: the answer must be cut, not completed.
BAD = [
    ("nothing", CLOSE[:0] + b"", {502}),
    ("no HTTP at all", b"hello\r\n\r\n", {502}),
    ("another protocol's name", b"HTTQ/1.1 200 OK\r\n\r\n", {502}),
    ("a version that is none", b"HTTP/x 200 OK\r\n\r\n", {502}),
    ("HTTP/2.0 in text", b"HTTP/2.0 200 OK\r\n\r\n", {502}),
    ("a status of two digits", b"HTTP/1.1 20 OK\r\n\r\n", {502}),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n", {502}),
    ("a status that is no number", b"HTTP/1.1 abc OK\r\n\r\n", {502}),
    ("a status below 100", b"HTTP/1.1 099 OK\r\n\r\n", {502}),
    ("a negative status", b"HTTP/1.1 -20 OK\r\n\r\n", {502}),
    ("a head that is cut", OK + b"Content-Length: 5\r\n", {502}),
    ("two lengths that differ", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", {502}),
    ("a negative length", OK + b"Content-Length: -5\r\n\r\nhello", {502}),
    ("a length that is none", OK + b"Content-Length: 5x\r\n\r\nhello", {502}),
    ("a length beyond 64 bits", OK + b"Content-Length: 99999999999999999999\r\n\r\nhello", {502}),
    ("a length and chunks", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {502, 200}),
    ("an unknown transfer coding", OK + b"Transfer-Encoding: magic\r\n\r\nhello", {502}),
    ("chunked twice", OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {502}),
    ("a field without a colon", OK + b"X-A\r\nContent-Length: 0\r\n\r\n", {502}),
    ("a space before a colon", OK + b"X-A : 1\r\nContent-Length: 0\r\n\r\n", {502, 200}),
    ("NUL in a value", OK + b"X-A: \0\r\nContent-Length: 0\r\n\r\n", {502}),
    ("bare CR in a value", OK + b"X-A: 1\r2\r\nContent-Length: 0\r\n\r\n", {502}),
    ("a folded field", OK + b"X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n", {502, 200}),
    ("a head of 200,000 bytes", OK + b"X-A: " + b"x" * 200_000 + b"\r\n\r\n", {502}),
    ("10,000 fields", OK + b"X-A: 1\r\n" * 10_000 + b"\r\n", {502}),
    ("interim answers without end", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5000, {502, 103}),
    ("101 that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", {502}),
    ("a body that is cut", OK + b"Content-Length: 50\r\n\r\nhello", None),
    ("chunks that are cut", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", None),
    ("a chunk size that is none", OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", None),
    ("a negative chunk size", OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", None),
    ("a chunk size of 2^64", OK + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nhello\r\n0\r\n\r\n", None),
]
GOOD = [
    ("a length", OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    ("chunks", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
    ("chunks with extensions", OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
    ("until the end", OK + CLOSE + b"\r\nhello", b"hello"),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
    ("no reason", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    ("an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    ("an early hint first", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
]


def dechunked(data):
    text = b""
    while b"\r\n" in data:
        size, _, data = data.partition(b"\r\n")
        count = int(size.split(b";")[0], 16)
        if count == 0:
            break
        text, data = text + data[:count], data[count + 2:]
    return text


def run(context, report):
    context.start()

    def answer_with(data):
        def taker(connection, _):
            with connection:
                connection.sendall(data)
        return taker

    def get(name, method="GET"):
        with context.connect(timeout=8) as connection:
            connection.sendall(f"{method} /svc3/answer HTTP/1.1\r\nHost: {HOST}\r\n"
                               "Connection: close\r\n\r\n".encode())
            return read_all(connection)

    for name, data, right in BAD:
        context.recorder.takers["/svc3/answer"] = answer_with(data)
        found = get(name, "POST")  # Not idempotent: it is not tried again elsewhere.
        status = status_of(found)
        if right:
            report.check(status in right, f"{name}: {right}", found[:80])
        else:
            whole = found.endswith(b"0\r\n\r\n") or b"\r\n\r\n" in found and status == 200 \
                and b"ontent-" not in found and b"hunked" not in found
            report.check(status in (200, 502) and not (status == 200 and whole),
                         f"{name}: cut, not completed", found[-80:])
        report.check(b"HTTP/1.1 " not in found[9:] or b" 103 " in found[:20], f"{name}: one answer", found[:200])
    for name, data, body in GOOD:
        context.recorder.takers["/svc3/answer"] = answer_with(data)
        found = get(name)
        plain = found.split(b"\r\n\r\n")[-1]
        if b"hunked" in found:
            plain = dechunked(found[found.index(b"\r\n\r\n") + 4:])
        report.check(body in plain and b" 502 " not in found[:20], f"good: {name}", found[-120:])
    report.check(context.get("/svc3/after").startswith(b"HTTP/1.1 200"), "it still serves")

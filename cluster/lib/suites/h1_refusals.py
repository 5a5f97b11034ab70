"""HTTP/1 messages that a proxy must refuse (RFC 9112): each with its status, none forwarded."""
import time

from .context import HOST

LIMIT = 60
NEEDS = []


def get(*fields, target=None, line=None, host=True, body=b""):
    head = line or b"GET " + (target or b"/svc3/@") + b" HTTP/1.1"
    lines = [head] + ([b"Host: " + HOST.encode()] if host else []) + list(fields)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def post(*fields, body=b"", end=b"\r\n\r\n"):
    lines = [b"POST /svc3/@ HTTP/1.1", b"Host: " + HOST.encode(), *fields]
    return b"\r\n".join(lines) + end + body


HIDDEN = b"GET /svc3/hidden HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"

# Name, bytes, statuses that are right. Status 0: closed without an answer.
REFUSED = [
    # RFC 9112 2.2, 3: the request line.
    ("bare LF ends the request line", b"GET /svc3/@ HTTP/1.1\nHost: api3.example.com\r\n\r\n", {400}),
    ("bare LF ends every line", b"GET /svc3/@ HTTP/1.1\nHost: api3.example.com\n\n", {400}),
    ("bare CR in the request line", get(line=b"GET /svc3/@\rx HTTP/1.1"), {400}),
    ("no version", get(line=b"GET /svc3/@"), {400}),
    ("two spaces before the version", get(line=b"GET /svc3/@  HTTP/1.1"), {400}),
    ("two spaces after the method", get(line=b"GET  /svc3/@ HTTP/1.1"), {400}),
    ("a tab after the method", get(line=b"GET\t/svc3/@ HTTP/1.1"), {400}),
    ("a space in the target", get(target=b"/svc3/@ x"), {400}),
    ("a space before the method", get(line=b" GET /svc3/@ HTTP/1.1"), {400}),
    ("an empty method", get(line=b" /svc3/@ HTTP/1.1"), {400}),
    ("a method with a delimiter", get(line=b"GE(T /svc3/@ HTTP/1.1"), {400, 405, 501}),
    ("a method with NUL", get(line=b"GE\0T /svc3/@ HTTP/1.1"), {400}),
    ("version 1.1 in lower case", get(line=b"GET /svc3/@ http/1.1"), {400, 505}),
    ("version 2.0 in text", get(line=b"GET /svc3/@ HTTP/2.0"), {400, 505}),
    ("version 3.0 in text", get(line=b"GET /svc3/@ HTTP/3.0"), {400, 505}),
    ("version with two digits", get(line=b"GET /svc3/@ HTTP/1.10"), {400, 505}),
    ("version 0.9 with fields", get(line=b"GET /svc3/@ HTTP/0.9"), {400, 505}),
    ("version without a minor", get(line=b"GET /svc3/@ HTTP/1"), {400, 505}),
    ("a request line too long", get(target=b"/svc3/@?" + b"x" * 70_000), {400, 414, 431}),
    # RFC 9112 3.2, RFC 9110 7.2, 9.3: targets and Host.
    ("a fragment in the target", get(target=b"/svc3/@#x"), {400}),
    ("a target without a slash", get(target=b"svc3/@"), {400}),
    ("NUL in the target", get(target=b"/svc3/@\0x"), {400}),
    ("%00 in the target", get(target=b"/svc3/@%00x"), {400}),
    ("a broken escape in the target", get(target=b"/svc3/@%zz"), {400}),
    ("a cut escape at the target's end", get(target=b"/svc3/@%4"), {400}),
    ("DEL in the target", get(target=b"/svc3/@\x7fx"), {400}),
    ("* with GET", get(target=b"*"), {400, 404, 405}),
    ("CONNECT", b"CONNECT api3.example.com:443 HTTP/1.1\r\nHost: api3.example.com:443\r\n\r\n",
     {400, 404, 405, 501}),
    ("TRACE", b"TRACE /svc3/@ HTTP/1.1\r\nHost: api3.example.com\r\n\r\n", {405, 501}),
    ("no Host in HTTP/1.1", get(host=False), {400}),
    ("two Hosts", get(b"Host: other.example.com"), {400}),
    ("two equal Hosts", get(b"Host: api3.example.com"), {400}),
    ("a Host with a space", get(b"Host: api3 example.com", host=False), {400}),
    ("a Host with a slash", get(b"Host: api3.example.com/x", host=False), {400}),
    ("a Host with user information", get(b"Host: me@api3.example.com", host=False), {400}),
    ("a Host with a comma", get(b"Host: api3.example.com, b", host=False), {400}),
    ("a Host with a port that is none", get(b"Host: api3.example.com:x", host=False), {400}),
    # RFC 9112 5: fields.
    ("a space before the colon", get(b"X-A : 1"), {400}),
    ("a tab before the colon", get(b"X-A\t: 1"), {400}),
    ("a field without a colon", get(b"X-A"), {400}),
    ("an empty field name", get(b": 1"), {400}),
    ("a folded field", get(b"X-A: 1\r\n 2"), {400}),
    ("a field folded by a tab", get(b"X-A: 1\r\n\t2"), {400}),
    ("a space before the first field", b"GET /svc3/@ HTTP/1.1\r\n Host: api3.example.com\r\n\r\n", {400}),
    ("NUL in a value", get(b"X-A: 1\0 2"), {400}),
    ("bare CR in a value", get(b"X-A: 1\r2"), {400}),
    ("bare LF in a field", get(b"X-A: 1\nX-B: 2"), {400}),
    ("a control byte in a value", get(b"X-A: 1\x01"), {400}),
    ("DEL in a value", get(b"X-A: 1\x7f"), {400}),
    ("NUL in a name", get(b"X-\0A: 1"), {400}),
    ("a name with a delimiter", get(b"X(A): 1"), {400}),
    ("a name outside ASCII", get(b"X-\xc3\xa4: 1"), {400}),
    ("a field too long", get(b"X-A: " + b"x" * 70_000), {400, 413, 431}),
    ("fields too long together", get(*[b"X-%d: " % n + b"x" * 4000 for n in range(30)]), {400, 413, 431}),
    ("too many fields", get(*[b"X-%d: 1" % n for n in range(2000)]), {400, 413, 431}),
    # RFC 9112 6: what frames the body.
    ("Content-Length and Transfer-Encoding", post(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\nX" + HIDDEN), {400}),
    ("Transfer-Encoding and Content-Length", post(CHUNKED, b"Content-Length: 6", body=b"0\r\n\r\nX" + HIDDEN), {400}),
    ("two Content-Lengths that differ", post(b"Content-Length: 5", b"Content-Length: 0", body=b"12345" + HIDDEN), {400}),
    ("two Content-Lengths that are equal", post(b"Content-Length: 1", b"Content-Length: 1", body=b"1"), {400}),
    ("a list in Content-Length", post(b"Content-Length: 1, 1", body=b"1"), {400}),
    ("a list that differs in Content-Length", post(b"Content-Length: 1, 2", body=b"12"), {400}),
    ("a sign before Content-Length", post(b"Content-Length: +1", body=b"1"), {400}),
    ("a negative Content-Length", post(b"Content-Length: -1", body=b"1"), {400}),
    ("a hexadecimal Content-Length", post(b"Content-Length: 0x1", body=b"1"), {400}),
    ("an underscore in Content-Length", post(b"Content-Length: 1_0", body=b"1234567890"), {400}),
    ("a fraction in Content-Length", post(b"Content-Length: 1.0", body=b"1"), {400}),
    ("a space in Content-Length", post(b"Content-Length: 1 0", body=b"1234567890"), {400}),
    ("an empty Content-Length", post(b"Content-Length:", body=b""), {400}),
    ("a Content-Length beyond 64 bits", post(b"Content-Length: 99999999999999999999", body=b"1"), {400, 413}),
    ("a Content-Length of 2^64", post(b"Content-Length: 18446744073709551616", body=b"1"), {400, 413}),
    ("a space before the colon of Content-Length", post(b"Content-Length : 1", body=b"1" + HIDDEN), {400}),
    ("a space before the colon of Transfer-Encoding", post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN), {400}),
    ("a folded Transfer-Encoding", post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n" + HIDDEN), {400}),
    ("Transfer-Encoding: identity", post(b"Transfer-Encoding: identity", body=b""), {400, 501}),
    ("Transfer-Encoding: xchunked", post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN), {400, 501}),
    ("Transfer-Encoding: chunked, identity", post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + HIDDEN), {400, 501}),
    ("Transfer-Encoding: chunked, chunked", post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n" + HIDDEN), {400, 501}),
    ("two Transfer-Encodings", post(CHUNKED, b"Transfer-Encoding: identity", body=b"0\r\n\r\n" + HIDDEN), {400, 501}),
    ("Transfer-Encoding: gzip", post(b"Transfer-Encoding: gzip", body=b"x"), {400, 501}),
    ("Transfer-Encoding: gzip, chunked", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), {400, 501}),
    ("a vertical tab before chunked", post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + HIDDEN), {400, 501}),
    ("quotes around chunked", post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n" + HIDDEN), {400, 501}),
    ("an empty Transfer-Encoding", post(b"Transfer-Encoding:", body=b""), {400, 501}),
    ("a Transfer-Encoding in HTTP/1.0", b"POST /svc3/@ HTTP/1.0\r\nHost: api3.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 505}),
    # RFC 9112 7.1: chunks. The head may have been forwarded before the chunk was seen.
    ("a chunk size with a sign", post(CHUNKED, body=b"+1\r\nx\r\n0\r\n\r\n"), {400}),
    ("a negative chunk size", post(CHUNKED, body=b"-1\r\nx\r\n0\r\n\r\n"), {400}),
    ("a chunk size with 0x", post(CHUNKED, body=b"0x1\r\nx\r\n0\r\n\r\n"), {400}),
    ("a chunk size that is no number", post(CHUNKED, body=b"g\r\nx\r\n0\r\n\r\n"), {400}),
    ("an empty chunk size", post(CHUNKED, body=b"\r\nx\r\n0\r\n\r\n"), {400}),
    ("a chunk size beyond 64 bits", post(CHUNKED, body=b"fffffffffffffffff\r\nx\r\n0\r\n\r\n"), {400, 413}),
    ("a chunk size of 2^64 + 1", post(CHUNKED, body=b"10000000000000001\r\nx\r\n0\r\n\r\n"), {400, 413}),
    ("a space before the chunk size", post(CHUNKED, body=b" 1\r\nx\r\n0\r\n\r\n"), {400}),
    ("a space after the chunk size", post(CHUNKED, body=b"1 \r\nx\r\n0\r\n\r\n"), {400, 200}),
    ("bare LF after the chunk size", post(CHUNKED, body=b"1\nx\r\n0\r\n\r\n"), {400}),
    ("bare LF in a chunk extension", post(CHUNKED, body=b"1;a\nb\r\nx\r\n0\r\n\r\n"), {400}),
    ("bare CR in a chunk extension", post(CHUNKED, body=b"1;a\rb\r\nx\r\n0\r\n\r\n"), {400}),
    ("NUL in a chunk extension", post(CHUNKED, body=b"1;a\0\r\nx\r\n0\r\n\r\n"), {400}),
    ("a chunk longer than its size", post(CHUNKED, body=b"1\r\nxy\r\n0\r\n\r\n"), {400}),
    ("no CR after a chunk", post(CHUNKED, body=b"1\r\nx\n0\r\n\r\n"), {400}),
    ("no line end after a chunk", post(CHUNKED, body=b"1\r\nx0\r\n\r\n"), {400}),
    ("bare LF ends the body", post(CHUNKED, body=b"1\r\nx\r\n0\n\n"), {400}),
    ("a trailer with a space before its colon", post(CHUNKED, body=b"0\r\nX-A : 1\r\n\r\n"), {400}),
    ("a folded trailer", post(CHUNKED, body=b"0\r\nX-A: 1\r\n 2\r\n\r\n"), {400}),
    ("NUL in a trailer", post(CHUNKED, body=b"0\r\nX-A: \0\r\n\r\n"), {400}),
    ("a trailer too long", post(CHUNKED, body=b"0\r\nX-A: " + b"x" * 70_000 + b"\r\n\r\n"), {400, 413, 431}),
    ("chunk extensions without end", post(CHUNKED, body=b"1;" + b"x" * 200_000), {400, 413, 431}),
    # Not HTTP.
    ("a TLS hello on the plain port", bytes.fromhex("160301007c0100007803") + b"\0" * 120, {400, 0}),
    ("random bytes", bytes(range(128, 256)) + b"\r\n\r\n", {400, 0}),
    ("NULs", b"\0" * 100 + b"\r\n\r\n", {400, 0}),
]

# What must not be refused, however odd it looks.
ACCEPTED = [
    ("an empty line before the request", b"\r\n" + get(b"Connection: close"), {200}),
    ("absolute form", get(b"Connection: close", target=b"http://api3.example.com/svc3/@"), {200}),
    ("no space after the colon", get(b"Connection:close"), {200}),
    ("spaces and tabs around a value", get(b"X-A: \t 1 \t ", b"Connection: close"), {200}),
    ("an empty value", get(b"X-A:", b"Connection: close"), {200}),
    ("bytes outside ASCII in a value", get(b"X-A: \xc3\xa4", b"Connection: close"), {200}),
    ("a chunk extension", post(CHUNKED, b"Connection: close", body=b"1;a=b\r\nx\r\n0\r\n\r\n"), {200}),
    ("a quoted chunk extension", post(CHUNKED, b"Connection: close", body=b'1;a="b;c"\r\nx\r\n0\r\n\r\n'), {200}),
    ("chunk sizes with zeros before them", post(CHUNKED, b"Connection: close", body=b"0001\r\nx\r\n00\r\n\r\n"), {200}),
    ("Chunked in mixed case", post(b"Transfer-Encoding: Chunked", b"Connection: close", body=b"1\r\nx\r\n0\r\n\r\n"), {200}),
    ("Content-Length with zeros before it", post(b"Content-Length: 0001", b"Connection: close", body=b"x"), {200}),
    ("a body with DELETE", post(b"Content-Length: 1", b"Connection: close", body=b"x").replace(b"POST", b"DELETE"), {200}),
    ("a method nobody knows", get(b"Connection: close", line=b"BREW /svc3/@ HTTP/1.1"), {200}),
    ("OPTIONS", get(b"Connection: close", line=b"OPTIONS /svc3/@ HTTP/1.1"), {200}),
    ("HTTP/1.0 without Host's absence mattering", b"GET /svc3/@ HTTP/1.0\r\nHost: api3.example.com\r\n\r\n", {200}),
]


def answer(context, data):
    """The status of the first answer, or 0, and all bytes that came."""
    with context.connect(timeout=3) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass
        received = b""
        end = time.monotonic() + 3
        try:
            while time.monotonic() < end:
                part = connection.recv(65536)
                if not part:
                    break
                received += part
        except TimeoutError:
            return (status(received) or "no answer in 3 s and no end"), received
        except OSError:
            pass
        return status(received), received


def status(received):
    words = received.split(b" ", 2)
    good = len(words) > 2 and words[0].startswith(b"HTTP/1.") and words[1].isdigit()
    return int(words[1]) if good else 0


def run(context, report):
    context.start()
    for number, (name, data, right) in enumerate(REFUSED + ACCEPTED):
        marker = b"n%03d" % number
        context.recorder.forget()
        found, received = answer(context, data.replace(b"@", marker, 1))
        wanted = " or ".join(map(str, sorted(right)))
        if report.check(found in right, f"{name}: {wanted}", found) and 200 not in right:
            # Chunks are seen after the head may have gone; a whole request must not have.
            whole = [request for request in context.recorder.seen(marker)]
            report.check(not whole, f"{name}: nothing forwarded", whole)
        report.check(not context.recorder.seen(b"/svc3/hidden"), f"{name}: nothing smuggled")
        report.check(received.count(b"HTTP/1.1 ") <= 1, f"{name}: one answer", received)
        if not context.alive():
            report.check(False, f"{name}: the gateway lives", context.run.log(context.gateway)[-500:])
            context.restart()
    report.check(context.get("/svc3/after").startswith(b"HTTP/1.1 200"), "it still serves")

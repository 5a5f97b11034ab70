"""What goes to the target, compared byte by byte with what should."""
import re

from .context import HOST, read_all

LIMIT = 60
NEEDS = []


def sent(context, data):
    context.recorder.forget()
    with context.connect() as connection:
        connection.sendall(data)
        read_all(connection)
    requests = context.recorder.seen(b"/svc3/")
    return requests[0] if requests else b""


def lines(request):
    head, _, body = request.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


def run(context, report):
    context.start()
    host = f"Host: {HOST}\r\n".encode()
    close = b"Connection: close\r\n\r\n"
    found, _ = lines(sent(context, b"GET /svc3/a?b=c&d HTTP/1.1\r\n" + host
                          + b"X-Mixed-Case: Value\r\nx-mixed-case: second\r\n" + close))
    report.equal(found[0], b"GET /svc3/a?b=c&d HTTP/1.1", "the request line")
    report.check(b"X-Mixed-Case: Value" in found and b"x-mixed-case: second" in found,
                 "fields keep their case and order", found)
    report.equal([line for line in found if line.lower().startswith(b"host:")].__len__(), 1, "one Host")
    if context.is_ours:
        names = {line.split(b":")[0].lower() for line in found[1:]}
        for name in (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host",
                     b"x-forwarded-port", b"x-forwarded-path", b"x-real-ip"):
            report.check(name in names, f"{name.decode()} is set", names)
    hop = sent(context, b"GET /svc3/hop HTTP/1.1\r\n" + host + b"Keep-Alive: 5\r\nTE: trailers\r\n"
               b"Proxy-Connection: x\r\nX-Named: secret\r\nConnection: close, X-Named\r\n\r\n")
    for name in (b"Keep-Alive:", b"Proxy-Connection:", b"X-Named:"):
        report.check(name.lower() not in hop.lower(), f"{name.decode()} ends at the hop (RFC 9110 7.6.1)", hop)
    for method in (b"POST", b"PUT", b"PATCH", b"DELETE"):
        request = sent(context, method + b" /svc3/zero HTTP/1.1\r\n" + host + b"Content-Length: 0\r\n" + close)
        report.check(b"content-length: 0\r\n" in request.lower(),
                     f"{method.decode()} keeps Content-Length: 0 (RFC 9110 8.6)", request)
    body = bytes(range(256)) * 40
    request = sent(context, b"POST /svc3/body HTTP/1.1\r\n" + host + b"Content-Length: %d\r\n" % len(body) + close + body)
    report.check(lines(request)[1] == body and b"content-length: 10240" in request.lower(),
                 "a body with a length goes as it is", request[:200])
    request = sent(context, b"POST /svc3/chunks HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n" + close
                   + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n")
    plain = lines(request)[1]
    joined = b"".join(re.findall(rb"[0-9a-f]+\r\n([^\r]*)\r\n", plain, re.I)) \
        if b"chunked" in request.lower() else plain
    report.equal(joined, b"hello world", "a chunked body arrives whole")
    report.check(not (b"content-length" in request.lower() and b"chunked" in request.lower()),
                 "never both framings", request)
    for path in (b"/svc3/a%20b", b"/svc3/%41%2fb", b"/svc3/a//b", b"/svc3/%C3%A4", b"/svc3/a;b=c", b"/svc3/a+b,c:d@e"):
        request = sent(context, b"GET " + path + b" HTTP/1.1\r\n" + host + close)
        report.check(request.startswith(b"GET /svc3/"), f"{path.decode()} is forwarded", request[:80])
        report.check(b" " not in request.split(b"\r\n")[0][4:-9], f"{path.decode()}: no raw space upstream")
    for path in (b"/svc3/../svc3/x", b"/svc3/./x", b"/svc3/%2e%2e/svc3/x"):
        request = sent(context, b"GET " + path + b" HTTP/1.1\r\n" + host + close)
        report.check(not request or b".." not in request.split(b"\r\n")[0],
                     f"{path.decode()}: no dots go upstream", request[:80])
    forged = sent(context, b"GET /svc3/forged HTTP/1.1\r\n" + host + b"X-Forwarded-For: 9.9.9.9\r\n"
                  b"X-Real-IP: 9.9.9.9\r\n" + close)
    report.check(b"x-real-ip: 127.0.0.1" in forged.lower(), "X-Real-IP is not the client's to choose", forged)
    absolute = sent(context, b"GET http://api3.example.com/svc3/abs HTTP/1.1\r\nHost: api3.example.com\r\n" + close)
    report.check(absolute.startswith(b"GET /svc3/abs HTTP/1.1\r\n"), "absolute form goes as origin form", absolute[:80])
    expect = sent(context, b"POST /svc3/expect HTTP/1.1\r\n" + host + b"Expect: 100-continue\r\nContent-Length: 2\r\n" + close + b"ok")
    report.check(expect.endswith(b"ok"), "a body after Expect: 100-continue", expect)

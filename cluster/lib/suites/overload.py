"""More requests than a worker may have: new ones are shed early, and whoever operates the node notices nothing."""
import http.client
import time

from .context import HOST, meshgate

LIMIT = 60
NEEDS = []
MOST = 20


def ask(port, path):
    """Status and body of an answer of the control side, and how long it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, time.monotonic() - began


def unfinished(context):
    """A request that is in progress as long as its body is."""
    connection = context.connect()
    connection.sendall(f"POST /svc3/echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhalf".encode())
    return connection


def run(context, report):
    if not context.is_ours:
        return report.note("only for the gateway itself")
    context.restart(extra={"proxy.max_requests": str(MOST), "proxy.body_progress_timeout": "30"})
    held = [unfinished(context) for _ in range(MOST)]
    time.sleep(0.3)
    shed = [context.get("/svc3/ready") for _ in range(5)]
    report.check(all(answer.startswith(b"HTTP/1.1 503") for answer in shed),
                 "a worker with all requests it may have answers 503", shed[0][:60])
    report.check(all(b"\r\nretry-after: 1\r\n" in answer.lower() for answer in shed),
                 "and says when to come again")
    for name, port, path in (("readiness", meshgate.STATUS, "/status/ready"), ("metrics", meshgate.STATUS, "/metrics"),
                             ("the Admin API", meshgate.ADMIN, "/services")):
        status, body, took = ask(port, path)
        report.check(status == 200 and took < 2, f"{name} answers meanwhile", f"{status} after {took:.3f} s")
        if path == "/metrics":
            report.check(b'cause="overloaded"} 5' in body, "what was shed is counted")
    for connection in held[:2]:
        connection.sendall(b"whole!")
        connection.settimeout(5)
        report.check(connection.recv(20).startswith(b"HTTP/1.1 200"), "what has begun is served to its end")
        connection.close()
    report.check(context.get("/svc3/ready").startswith(b"HTTP/1.1 200"), "new requests are served as soon as others end")
    for connection in held[2:]:
        connection.close()
    context.restart()

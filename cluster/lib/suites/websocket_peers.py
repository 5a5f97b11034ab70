"""The `websockets` library as client and server, through http and https."""
import os
import ssl
import threading
import time

import websockets
from websockets.sync.client import connect

from .context import HOST
from .websocket_target import Target

LIMIT = 90
NEEDS = []


def opened(context, kind, **options):
    secure = {}
    if kind == "tls":
        # A thread of the library reads while another one writes, which Python's TLS does not stand while
        # it takes in the tickets that come with 1.3: now and then it loses the request, at any server.
        secure = {"ssl": context.tls_context(None), "server_hostname": HOST}
        secure["ssl"].maximum_version = ssl.TLSVersion.TLSv1_2
    scheme = "wss" if kind == "tls" else "ws"
    return connect(f"{scheme}://{HOST}/ws/echo", sock=context.connect(kind), compression=None,
                   max_size=1 << 24, open_timeout=30, close_timeout=30, **secure, **options)


def try_one(context, report, kind):
    with opened(context, kind) as connection:
        for size in (0, 1, 125, 126, 65_535, 65_536, 1_000_000, 5_000_000):
            for message in ("ä" * (size // 2), os.urandom(size)):
                connection.send(message)
                report.check(connection.recv(timeout=10) == message,
                             f"{kind}: {type(message).__name__} of {size} bytes comes back")
        connection.send(["frag", "mented ", "", "message"])
        report.equal(connection.recv(timeout=5), "fragmented message", f"{kind}: a message in parts")
        report.check(connection.ping(b"hello").wait(5), f"{kind}: a PING is answered")
        sent = [f"message {n}" for n in range(2000)]
        threading.Thread(target=lambda: [connection.send(text) for text in sent]).start()
        report.check([connection.recv(timeout=10) for _ in sent] == sent,
                     f"{kind}: 2,000 messages without waiting, in order")
        time.sleep(1.5)
        connection.send("after a pause")
        report.equal(connection.recv(timeout=5), "after a pause", f"{kind}: after a pause")
        connection.close(4001, "enough")
    report.equal((connection.close_code, connection.close_reason), (4001, "enough"),
                 f"{kind}: closing with a code of our own")
    with opened(context, kind, subprotocols=["superchat"]) as connection:
        report.equal(connection.subprotocol, "superchat", f"{kind}: a subprotocol is agreed")
    many = [opened(context, kind) for _ in range(100)]
    for number, connection in enumerate(many):
        connection.send(str(number))
    report.check([connection.recv(timeout=5) for connection in many] == [str(n) for n in range(100)],
                 f"{kind}: 100 connections at once")
    for connection in many:
        connection.close()
    report.check(all(connection.close_code == 1000 for connection in many),
                 f"{kind}: they close with 1000")


def run(context, report):
    context.start()
    with Target():
        try_one(context, report, "plain")
        with context.connect() as connection:  # RFC 6455 4.2.1: bytes sent with the request.
            connection.sendall(
                f"GET /ws/echo HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\n"
                "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
                + b"\x81\x81\0\0\0\0a")
            connection.settimeout(3)
            received = b""
            try:
                while b"\x81\x01a" not in received:
                    part = connection.recv(4096)
                    if not part:
                        break
                    received += part
            except TimeoutError:
                pass
            report.check(received.endswith(b"\x81\x01a"),
                         "a message sent together with the request is not lost", received[-40:])
        try:
            connect(f"ws://{HOST}/svc3/none", sock=context.connect(), open_timeout=30)
            report.check(False, "a target that refuses the upgrade", "it was accepted")
        except websockets.InvalidStatus as refusal:
            report.equal(refusal.response.status_code, 200, "a target that refuses the upgrade")
        context.need("tls")
        try_one(context, report, "tls")

"""Raw TCP, TLS-terminated TCP, TLS by server name, UDP and the PROXY protocol."""
import os
import select
import socket
import ssl
import struct
import threading
import time

from .context import HOST, meshgate, read_all

LIMIT = 120
NEEDS = []


class StreamTarget:
    """Sends a greeting of no byte, echoes until the client's end, then says how much it saw."""

    def __init__(self, port, context=None):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.context, self.first = context, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # Wakes the thread that accepts.
        self.listener.close()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                total = 0
                while part := connection.recv(1 << 16):
                    if not total:
                        self.first.append(part)
                    total += len(part)
                    connection.sendall(part)
                connection.sendall(b"[end after %d]" % total)
        except OSError:
            pass


def upload(connection, body):
    """Sends in a thread, half-closes, and returns all that came back."""
    def send():
        try:
            connection.sendall(body)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # What came back tells.
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    connection.settimeout(20)
    received = read_all(connection)
    thread.join(5)
    return received


def send_and_receive(connection, body):
    """Sends and receives by turns over TLS: one object of it is not for two threads at a time."""
    connection.setblocking(False)
    rest, received, end = memoryview(body), bytearray(), time.monotonic() + 20
    while len(received) < len(body) and time.monotonic() < end:
        moved = False
        try:
            if rest:
                rest = rest[connection.send(rest[:1 << 16]):]
                moved = True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        try:
            part = connection.recv(1 << 16)
            if not part:
                break
            received += part
            moved = True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        if not moved:
            select.select([connection], [connection] if rest else [], [], 1)
    return bytes(received)


def same(found, body):
    return found == body + b"[end after %d]" % len(body)


def try_tcp(context, report):
    for size in (1, 1000, 65_536, 20_000_000):
        body = os.urandom(size)
        with context.connect("tcp") as connection:
            found = upload(connection, body)
        report.check(same(found, body), f"tcp: {size} bytes and half-close, both ways", len(found))
    opened = [context.connect("tcp") for _ in range(300)]
    for number, connection in enumerate(opened):
        connection.sendall(b"%4d" % number)
    report.check([connection.recv(4) for connection in opened] == [b"%4d" % n for n in range(300)],
                 "tcp: 300 connections at once")
    for connection in opened:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    with context.connect("tcp") as connection:
        connection.sendall(b"still there?")
        report.equal(connection.recv(100), b"still there?", "tcp: after 300 resets")


def try_tls(context, report, target):
    name = "tcp.example.com"
    body = os.urandom(3_000_000)
    with context.connect_tls(None, "tls_stream", name) as connection:
        received = send_and_receive(connection, body)
        report.check(received == body, "tls: 3,000,000 bytes through a terminated stream", len(received))
        report.check(not any(first.startswith(b"\x16\x03") for first in target.first),
                     "tls: the target gets plain bytes")


def try_passthrough(context, report):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(context.run.path("cert.pem"), context.run.path("key.pem"))
    target = StreamTarget(29007, server)
    try:
        plain = socket.create_connection(("127.0.0.1", meshgate.TLS_PASSTHROUGH), 5)
        with context.tls_context(None).wrap_socket(plain, server_hostname="pass.example.com") as c:
            c.sendall(b"hello")
            report.equal(c.recv(100), b"hello", "tls_passthrough: the target ends TLS itself")
        plain = socket.create_connection(("127.0.0.1", meshgate.TLS_PASSTHROUGH), 5)
        try:
            with context.tls_context(None).wrap_socket(plain, server_hostname="nobody.example.com") as c:
                c.sendall(b"hello")
                report.check(c.recv(100) == b"", "tls_passthrough: an unknown name is closed")
        except OSError:
            report.check(True, "tls_passthrough: an unknown name is closed")
        hello = client_hello("pass.example.com", context)
        with socket.create_connection(("127.0.0.1", meshgate.TLS_PASSTHROUGH), 5) as c:
            for byte in hello:
                c.sendall(bytes([byte]))
            c.settimeout(5)
            report.check(c.recv(5)[:2] == b"\x16\x03", "tls_passthrough: a hello in sends of one byte")
    finally:
        target.close()


def client_hello(name, context):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.tls_context(None).wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def datagram_target():
    """Sends every datagram back until it is closed."""
    target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target.bind(("127.0.0.1", 29006))

    def echo():
        while True:
            try:
                data, sender = target.recvfrom(70_000)
                target.sendto(data, sender)
            except OSError:
                return
    threading.Thread(target=echo, daemon=True).start()
    return target


def try_udp(context, report):
    target = datagram_target()
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
    try:
        for number, client in enumerate(clients):
            client.settimeout(3)
            client.sendto(b"client %d" % number, ("127.0.0.1", context.port("udp")))
        found = []
        for client in clients:
            try:
                found.append(client.recv(100))
            except OSError:
                found.append(None)
                client.settimeout(0.05)
                if len(found) > 2 and not any(found):
                    break
        report.equal(found, [b"client %d" % n for n in range(50)],
                     "udp: 50 clients, each with its own answer")
        for size in (0, 1, 1472, 9000, 60_000):
            clients[0].sendto(b"x" * size, ("127.0.0.1", context.port("udp")))
            try:
                report.equal(len(clients[0].recv(70_000)), size, f"udp: a datagram of {size} bytes")
            except OSError:
                report.check(False, f"udp: a datagram of {size} bytes", "no answer")
    finally:
        target.close()


V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(source, destination, command=0x21):
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0]) \
        + struct.pack(">HH", source[1], destination[1])
    return V2 + bytes([command, 0x11]) + struct.pack(">H", len(addresses)) + addresses


# What the listener with the PROXY protocol must refuse: it closes without an answer.
BAD_HEADERS = [
    ("none", b""),
    ("a cut line", b"PROXY TCP4 1.2.3.4\r\n"),
    ("a port that is none", b"PROXY TCP4 1.2.3.4 5.6.7.8 x 2\r\n"),
    ("a port too large", b"PROXY TCP4 1.2.3.4 5.6.7.8 70000 2\r\n"),
    ("an address that is none", b"PROXY TCP4 1.2.3.400 5.6.7.8 1 2\r\n"),
    ("a line of 200 bytes", b"PROXY TCP4 " + b"1" * 190 + b"\r\n"),
    ("a line without CR", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"),
    ("a version 2 of version 3", V2 + b"\x31\x11\0\x0c" + b"\0" * 12),
    ("a version 2 with an unknown command", V2 + b"\x2f\x11\0\x0c" + b"\0" * 12),
    ("a version 2 too short for its family", V2 + b"\x21\x11\0\x04" + b"\0" * 4),
]


def try_proxy_protocol(context, report):
    request = f"GET /svc3/pp HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()

    def ask(header, step=0):
        context.recorder.forget()
        with socket.create_connection(("127.0.0.1", meshgate.PROXY_PROTOCOL), 5) as c:
            data = header + request
            for at in range(0, len(data), step or len(data)):
                c.sendall(data[at:at + (step or len(data))])
            c.settimeout(3)
            return read_all(c)

    good = [("version 1", b"PROXY TCP4 203.0.113.7 198.51.100.1 1234 80\r\n", b"203.0.113.7"),
            ("version 1, IPv6", b"PROXY TCP6 2001:db8::7 2001:db8::1 1234 80\r\n", b"2001:db8::7"),
            ("version 1, UNKNOWN", b"PROXY UNKNOWN\r\n", b"127.0.0.1"),
            ("version 2", v2(("203.0.113.8", 1), ("198.51.100.1", 80)), b"203.0.113.8"),
            ("version 2, LOCAL", V2 + b"\x20\0\0\0", b"127.0.0.1")]
    for name, header, address in good:
        for step in (0, 1):
            answer = ask(header, step)
            report.check(answer.startswith(b"HTTP/1.1 200"), f"PROXY {name}, sends of {step or 'all'}",
                         answer[:60])
            report.check(bool(context.recorder.seen(address)),
                         f"PROXY {name}: the target is told {address.decode()}",
                         context.recorder.seen(b"/svc3/pp"))
    for name, header in BAD_HEADERS:
        answer = ask(header)
        report.check(b" 200 " not in answer[:20] and not context.recorder.seen(b"/svc3/pp"),
                     f"PROXY {name}: refused", answer[:60])


def run(context, report):
    # As Kong: the address in the PROXY header counts when its sender is trusted.
    trusted = {"proxy.trusted_ips": "127.0.0.1/32", "proxy.real_ip_header": "proxy_protocol"}
    context.restart(extra=trusted if context.is_ours else {})
    for kind, function in (("tcp", try_tcp), ("tls_stream", try_tls), ("udp", try_udp)):
        refused = context.run.refused.get(kind) if context.is_ours else None
        if kind != "udp" and not refused and not context.serves(kind):
            refused = "nothing listens"
        if not report.check(refused is None, f"{kind} is served", refused):
            continue
        target = StreamTarget(29005) if kind != "udp" else None
        try:
            function(context, report, *([target] if kind == "tls_stream" else []))
        except OSError as problem:
            report.check(False, f"{kind} runs to its end", problem)
        finally:
            if target:
                target.close()
    if context.is_ours:
        for feature, function in (("tls_passthrough", try_passthrough),
                                  ("proxy_protocol", try_proxy_protocol)):
            refused = context.run.refused.get(feature)
            if report.check(refused is None, f"{feature} is served", refused):
                try:
                    function(context, report)
                except OSError as problem:
                    report.check(False, f"{feature} runs to its end", problem)

"""Loads that no Debian tool makes: TLS handshakes, WebSocket messages, TCP bytes, idle connections.

They run in the benchmark's own process; their speed does not matter, since what is measured is the
proxy's processor time for each unit of work.
"""
import os
import selectors
import socket
import ssl
import time

import bench_backend
from proxies import port, rss_bytes

HOST = "api3.example.com"


class NotServed(Exception):
    """The proxy refuses this workload, or answers it wrongly."""


def connect(port_number):
    connection = socket.create_connection(("127.0.0.1", port_number), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def read_head(connection):
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            raise NotServed("closed before an answer")
        received += part
    return received


def get_request(path, headers, close=False):
    return ("GET " + path + " HTTP/1.1\r\nHost: " + HOST + "\r\n" + "\r\n".join(headers)
            + ("\r\nConnection: close" if close else "") + "\r\n\r\n").encode()


def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def handshakes(proxy, seconds, meter, headers, resumed):
    """One connection after the other, each with one request; counts whole connections."""
    context = client_context()
    request = get_request("/svc3/1k", headers, close=True)
    session, count, reused = None, 0, 0

    def once():
        nonlocal session
        with connect(port(proxy, "tls")) as plain:
            plain.settimeout(5)
            with context.wrap_socket(plain, server_hostname=HOST, session=session,
                                     suppress_ragged_eofs=True) as connection:
                connection.sendall(request)
                if not read_all(connection).startswith(b"HTTP/1.1 200"):
                    raise NotServed("no 200 over TLS")
                if resumed:
                    session = connection.session
                return connection.session_reused

    once()
    with meter:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            reused += once()
            count += 1
    if resumed and reused < count * 0.95:
        raise NotServed(f"resumed {reused} of {count}")
    return {"count": count}


def upgrade(connection):
    connection.sendall(
        f"GET /ws/echo HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    head = read_head(connection)
    if not head.startswith(b"HTTP/1.1 101"):
        raise NotServed(head.split(b"\r\n")[0].decode(errors="replace"))


def message():
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(bench_backend.PAYLOAD))
    return bytes([0x81, 0x80 | len(masked)]) + mask + masked


def read_exactly(connection, count):
    rest = count
    while rest:
        part = connection.recv(rest)
        if not part:
            raise NotServed("closed in the middle of an answer")
        rest -= len(part)


def echo(connections):
    text = message()
    for connection in connections:
        connection.sendall(text)
    for connection in connections:
        read_exactly(connection, len(bench_backend.ANSWER))


def websocket_echo(proxy, seconds, meter, connections=64):
    """Text messages of 64 bytes, one under way on each connection."""
    opened = []
    try:
        for _ in range(connections):
            opened.append(connect(port(proxy)))
            upgrade(opened[-1])
        echo(opened)
        count = 0
        with meter:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                echo(opened)
                count += len(opened)
        return {"count": count}
    finally:
        for connection in opened:
            connection.close()


def tcp_relay(proxy, seconds, meter):
    """Two connections that download and two that upload; counts GiB that passed."""
    selector = selectors.DefaultSelector()
    block, space, total = bytes(1 << 20), bytearray(1 << 20), 0
    opened = []
    try:
        for kind in (b"d", b"u", b"d", b"u"):
            connection = connect(port(proxy, "tcp"))
            opened.append(connection)
            connection.sendall(kind)
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ if kind == b"d"
                              else selectors.EVENT_WRITE)
        with meter:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for key, events in selector.select(1):
                    count = key.fileobj.recv_into(space) if events & selectors.EVENT_READ \
                        else key.fileobj.send(block)
                    if count == 0:
                        raise NotServed("closed")
                    total += count
        if total == 0:
            raise NotServed("no byte came through")
        return {"count": total / (1 << 30)}
    finally:
        for connection in opened:
            connection.close()


def idle_memory(proxy, pid, count, kind, headers):
    """Bytes of resident memory for each connection that did one thing and stays open."""
    context = client_context()
    context.set_alpn_protocols(["http/1.1"])
    request = get_request("/svc3/1k", headers)

    def open_one():
        connection = connect(port(proxy, "tls" if kind == "tls" else "plain"))
        connection.settimeout(5)
        if kind == "tls":
            connection = context.wrap_socket(connection, server_hostname=HOST)
        if kind == "ws":
            upgrade(connection)
            echo([connection])
        else:
            connection.sendall(request)
            if not read_head(connection).startswith(b"HTTP/1.1 200"):
                raise NotServed("no 200")
        return connection

    opened = []
    try:
        for _ in range(64):  # What the first requests allocate is not the connections'.
            opened.append(open_one())
        time.sleep(0.5)
        before = rss_bytes(pid)
        for _ in range(count):
            opened.append(open_one())
        time.sleep(1)
        return (rss_bytes(pid) - before) / count
    finally:
        for connection in opened:
            connection.close()

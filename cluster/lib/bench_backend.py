"""Targets of the socket workloads: WebSocket echo on 29003, TCP source, sink and echo on 29005.

Run as a process of its own: bench_backend.py ws|tcp
"""
import base64
import hashlib
import selectors
import socket
import sys
import threading

PAYLOAD = b"x" * 64
ANSWER = bytes([0x81, len(PAYLOAD)]) + PAYLOAD
MESSAGE_SIZE = 2 + 4 + len(PAYLOAD)
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def listen(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def accept_key(head):
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"sec-websocket-key:"):
            key = line.split(b":", 1)[1].strip()
            return base64.b64encode(hashlib.sha1(key + GUID).digest())
    return None


def serve_websockets():
    """One answer for every message of 64 bytes; one loop, so that it costs little."""
    listener = listen(29003)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    pending = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection = listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pending[connection] = None
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj
            try:
                received = connection.recv(65536)
                if not received:
                    raise ConnectionError
                if pending[connection] is None:
                    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" \
                        b"Connection: Upgrade\r\nSec-WebSocket-Accept: " \
                        + accept_key(received) + b"\r\n\r\n"
                    connection.sendall(answer)
                    pending[connection] = 0
                    continue
                whole, pending[connection] = divmod(pending[connection] + len(received),
                                                    MESSAGE_SIZE)
                if whole:
                    connection.sendall(ANSWER * whole)
            except (ConnectionError, TypeError):
                selector.unregister(connection)
                del pending[connection]
                connection.close()


def serve_stream(connection):
    """The first byte chooses: d sends without end, u reads without end, e echoes."""
    try:
        with connection:
            kind = connection.recv(1)
            block = bytes(1 << 20)
            if kind == b"d":
                while True:
                    connection.sendall(block)
            space = bytearray(1 << 20)
            while count := connection.recv_into(space):
                if kind == b"e":
                    connection.sendall(memoryview(space)[:count])
    except ConnectionError:
        pass


def serve_tcp():
    listener = listen(29005)
    while True:
        connection = listener.accept()[0]
        threading.Thread(target=serve_stream, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    {"ws": serve_websockets, "tcp": serve_tcp}[sys.argv[1]]()

"""TERM under load: every request that was taken is answered, whole, on every protocol."""
import signal
import socket
import threading
import time

from . import frames
from .context import HOST, read_all
from .report import NotServed

LIMIT = 120
NEEDS = []


class KeepAlive(threading.Thread):
    """Requests one after the other on a connection that lives until it is told to close."""

    def __init__(self, connect):
        super().__init__(daemon=True)
        self.connect, self.lost, self.answered, self.stop = connect, [], 0, False

    def run(self):
        request = f"GET /svc3/size?size=3000 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        while not self.stop:
            try:
                connection = self.connect()
            except (OSError, NotServed):
                return  # New connections are refused while it drains: not lost.
            with connection:
                connection.settimeout(10)
                self.serve(connection, request)

    def serve(self, connection, request):
        is_new = True
        while not self.stop:
            try:
                connection.sendall(request)
                answer = b""
                while b"\r\n\r\n" not in answer or len(answer.split(b"\r\n\r\n", 1)[1]) < 3000:
                    part = connection.recv(65536)
                    if not part:
                        self.lost.append(answer[:60] or b"closed without an answer")
                        return
                    answer += part
            except OSError as error:
                # The kernel took it after the last accept: it was never the node's, and the client knows.
                if not (is_new and isinstance(error, ConnectionResetError)):
                    self.lost.append(repr(error))
                return
            is_new, self.answered = False, self.answered + 1
            if b"connection: close" in answer.split(b"\r\n\r\n")[0].lower():
                return


def slow_reader(context, results):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.connect(("127.0.0.1", context.port()))
    with connection:
        connection.settimeout(15)
        connection.sendall(f"GET /svc3/size?size=8000000 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        total = 0
        try:
            while total < 8_000_000 and (part := connection.recv(40_000)):
                total += len(part)
                time.sleep(0.01)
        except OSError:
            pass
        results.append(total >= 8_000_000)


class Streams:
    """Twenty requests on one HTTP/2 connection; by frames, since the library `h2` takes the first GOAWAY
    for the connection's end."""

    def __init__(self, context):
        self.link, self.asked = frames.Connection(context.connect("h2c")), set(range(1, 40, 2))
        for stream in sorted(self.asked):
            self.link.headers(stream, frames.request("/svc3/later"))

    def wait(self, seconds):
        """How many were answered whole."""
        self.link.wait(lambda got: self.ended(got) >= self.asked, seconds)
        return sum(stream in self.ended(self.link.received) and self.body(stream) == b"late"
                   for stream in self.asked)

    def body(self, stream):
        return b"".join(payload for _, _, _, payload in self.link.find(frames.DATA, stream))

    @staticmethod
    def ended(received):
        return {stream for kind, flags, stream, _ in received
                if kind in (frames.HEADERS, frames.DATA) and flags & frames.END_STREAM}


def later(connection, _):
    """A target that answers after 1.5 s."""
    with connection:
        time.sleep(1.5)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")


def run(context, report):
    context.restart(extra={"proxy.drain_announce": "2", "proxy.drain_deadline": "20"})
    context.recorder.takers["/svc3/later"] = later
    loads = [KeepAlive(context.connect) for _ in range(16)]
    if context.serves("tls"):
        loads += [KeepAlive(context.connect_tls) for _ in range(8)]
    for load in loads:
        load.start()
    readers, read = [], []
    for _ in range(4):
        readers.append(threading.Thread(target=slow_reader, args=(context, read), daemon=True))
        readers[-1].start()
    late = [context.connect() for _ in range(5)]
    for connection in late:
        connection.sendall(f"GET /svc3/later HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    client = None
    try:
        client = Streams(context)
    except (OSError, NotServed):
        pass
    time.sleep(1)
    context.run.processes[context.gateway].send_signal(signal.SIGTERM)
    if client:
        report.equal(client.wait(15), 20, "HTTP/2: every stream is answered")
        report.check(client.link.find(frames.GOAWAY), "HTTP/2: the client is told to go elsewhere")
    else:
        report.check(False, "HTTP/2 is served", "no connection")
    for connection in late:
        connection.settimeout(10)
        report.check(b"late" in read_all(connection), "a slow target's answer still comes")
    for reader in readers:
        reader.join(20)
    report.equal(read, [True] * 4, "slow readers get all of their answer")
    began = time.monotonic()
    try:
        status = context.run.processes[context.gateway].wait(35)
    except Exception:
        status = "still running"
    report.equal(status, 0, f"it ends by itself with status 0 ({time.monotonic() - began:.1f} s)")
    for load in loads:
        load.stop = True
        load.join(10)
    lost = [what for load in loads for what in load.lost]
    report.check(not lost, f"no answer is lost of {sum(load.answered for load in loads)}",
                 f"{len(lost)}: {lost[:3]}")
    context.run.processes.pop(context.gateway, None)

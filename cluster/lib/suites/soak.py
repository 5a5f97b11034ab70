"""All protocols at once with aborts and resets: descriptors and memory come back to where they began."""
import os
import random
import socket
import struct
import threading
import time

import grpc

from . import grpc_peers, streams, websocket_frames
from .context import HOST, proxies, read_all
from .frames import Connection, frame, request
from .websocket_target import Target

SECONDS = int(float(os.environ.get("MESHGATE_SOAK_MINUTES", "20")) * 60)
LIMIT = SECONDS + 180
NEEDS = []


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Mix:
    """One random thing after the other, each on a connection of its own."""

    def __init__(self, context, seed):
        self.context, self.random = context, random.Random(seed)
        self.counts, self.wrong, self.stop = {}, {}, False
        self.acts = [self.get, self.get, self.post, self.cut_request, self.cut_answer, self.websocket]
        if context.serves("tls"):
            self.acts += [self.tls, self.tls_cut]
        if context.serves("tcp"):
            self.acts += [self.tcp]
        if context.serves("tls_stream"):
            self.acts += [self.tls_stream]
        if context.is_ours and "udp" in context.run.features:
            self.acts += [self.udp]
        if Connection(context.connect("h2c")).ping():
            self.acts += [self.h2, self.h2_cut, self.grpc, self.grpc_cut]

    def run(self):
        while not self.stop:
            act = self.random.choice(self.acts)
            name = act.__name__
            try:
                good = act()
            except OSError as error:
                good = repr(error)
            self.counts[name] = self.counts.get(name, 0) + 1
            if good is not True:
                self.wrong.setdefault(name, []).append(good)

    def ask(self, connection, more="", path="/svc3/size?size=3000"):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{more}\r\n".encode())

    def get(self):
        size = self.random.choice([0, 100, 10_000, 1_000_000])
        with self.context.connect() as connection:
            self.ask(connection, path=f"/svc3/size?size={size}")
            found = read_all(connection)
        return found.startswith(b"HTTP/1.1 200") and len(found) >= size or found[:60]

    def post(self):
        body = b"x" * self.random.choice([0, 10, 100_000])
        with self.context.connect() as connection:
            connection.sendall(f"POST /svc3/echo HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
                               f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            found = read_all(connection)
        return found.startswith(b"HTTP/1.1 200") and found.endswith(body) or found[:60]

    def cut_request(self):
        connection = self.context.connect()
        connection.sendall(f"POST /svc3/echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\nhalf".encode())
        time.sleep(self.random.random() * 0.05)
        reset(connection) if self.random.random() < 0.5 else connection.close()
        return True

    def cut_answer(self):
        connection = self.context.connect()
        self.ask(connection, path="/svc3/size?size=5000000")
        connection.recv(1000)
        reset(connection) if self.random.random() < 0.5 else connection.close()
        return True

    def websocket(self):
        data = websocket_frames.frame(1, b"x" * self.random.choice([1, 1000, 100_000]))
        if self.random.random() < 0.3:
            connection = self.context.connect()
            self.ask(connection, "Upgrade: websocket\r\n", "/ws/echo")
            reset(connection)
            return True
        found, end = websocket_frames.talk(self.context.connect(), data, 0, b"?" * (len(data) - 4))
        return found[:1] == data[:1] and end == b"\x88\x02\x03\xe8" or found[:60]

    def tls(self):
        with self.context.connect_tls() as connection:
            self.ask(connection)
            return read_all(connection).startswith(b"HTTP/1.1 200")

    def tls_cut(self):
        connection = self.context.connect("tls")
        connection.sendall(streams.client_hello(HOST, self.context)[:self.random.randrange(1, 400)])
        reset(connection)
        return True

    def tcp(self):
        body = os.urandom(self.random.choice([1, 1000, 300_000]))
        connection = self.context.connect("tcp")
        if self.random.random() < 0.3:
            connection.sendall(body)
            reset(connection)
            return True
        with connection:
            return streams.same(streams.upload(connection, body), body)

    def tls_stream(self):
        body = os.urandom(self.random.choice([1, 1000, 300_000]))
        connection = self.context.connect_tls((), "tls_stream", "tcp.example.com")
        if self.random.random() < 0.3:
            connection.sendall(body)
            reset(connection)
            return True
        with connection:
            return streams.send_and_receive(connection, body) == body

    def udp(self):
        data = os.urandom(self.random.choice([1, 1000, 9000]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(data, ("127.0.0.1", self.context.port("udp")))
            return self.random.random() < 0.3 or client.recv(70_000) == data

    def calls(self):
        # Otherwise all channels to one address share a connection.
        options = [("grpc.default_authority", HOST), ("grpc.use_local_subchannel_pool", 1)]
        return grpc.insecure_channel(f"127.0.0.1:{self.context.port('h2c')}", options=options)

    def grpc(self):
        with self.calls() as channel:
            calls = grpc_peers.Calls(channel)
            try:
                return calls.unary("Unary")(b"x" * 5000, timeout=10) == b"x" * 5000 \
                    and len(list(calls.down()(b"20", timeout=10))) == 20
            except grpc.RpcError as error:
                return f"{error.code()} {error.details()}"

    def grpc_cut(self):
        with self.calls() as channel:
            call = grpc_peers.Calls(channel).down("Endless")(b"", timeout=10)
            next(call)
            if self.random.random() < 0.5:
                call.cancel()
        return True

    def h2(self):
        c = Connection(self.context.connect("h2c"))
        for stream in range(1, 21, 2):
            c.headers(stream, request("/svc3/size?size=100"))
        good = c.wait(lambda _: all(c.status(stream) == 200 for stream in range(1, 21, 2)), 5)
        c.close()
        return good

    def h2_cut(self):
        c = Connection(self.context.connect("h2c"))
        for stream in range(1, 11, 2):
            c.headers(stream, request("/svc3/size?size=500000"))
            if self.random.random() < 0.5:
                c.send(frame(3, 0, stream, struct.pack(">I", 8)))
        reset(c.socket)
        return True


def settled(context):
    """Descriptors and memory after what was under way has ended."""
    time.sleep(8)
    return proxies.descriptors(context.pid), proxies.rss_bytes(context.pid)


def phase(context, seconds, seed, sample=None):
    mixes = [Mix(context, seed + n) for n in range(8)]
    threads = [threading.Thread(target=mix.run, daemon=True) for mix in mixes]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(5, max(0.1, end - time.monotonic())))
        if sample:
            sample()
    for mix in mixes:
        mix.stop = True
    for thread in threads:
        thread.join(30)
    return mixes


def run(context, report):
    # Sessions of datagrams end while the rest settles.
    context.restart(workers=2, extra={"proxy.udp_idle_timeout": "2"} if context.is_ours else {})
    tcp, udp = streams.StreamTarget(29005), streams.datagram_target()
    calls, _ = grpc_peers.start_target()
    with Target():
        phase(context, min(30, SECONDS / 4), 1)  # What the first use allocates is no leak.
        first = settled(context)
        began, samples = time.monotonic(), []

        def sample():
            samples.append((proxies.descriptors(context.pid), proxies.rss_bytes(context.pid)))
            if len(samples) % 12 == 0:
                print(f"  {time.monotonic() - began:6.0f} s  {samples[-1][0]} descriptors, "
                      f"{samples[-1][1] >> 10} KiB", flush=True)
        mixes = phase(context, SECONDS, 100, sample)
        last = settled(context)
    tcp.close()
    udp.close()
    calls.stop(0).wait()
    totals = {}
    for mix in mixes:
        for name, count in mix.counts.items():
            totals[name] = totals.get(name, 0) + count
    report.note(", ".join(f"{count} {name}" for name, count in sorted(totals.items())))
    for name in totals:
        wrong = [what for mix in mixes for what in mix.wrong.get(name, [])]
        report.check(not wrong, f"{name}: all as expected", f"{len(wrong)} not: {wrong[:3]}")
    report.check(last[0] <= first[0] * 1.05 + 2, "descriptors come back within 5 %", (first[0], last[0]))
    report.check(last[1] <= first[1] * 1.05 + (1 << 20), "memory comes back within 5 %",
                 f"{first[1] >> 10} KiB, then {last[1] >> 10} KiB")

"""Clients of a fleet, of every kind, behind a balancer that asks for readiness: nothing fails, nobody is doubted."""
import http.client
import os
import re
import socket
import ssl
import threading
import time

import fleet

from . import frames


class Balancer:
    """Which nodes take traffic, as a balancer in front of them finds out by their readiness."""

    def __init__(self, nodes):
        self.nodes, self.ready, self.stop, self.turn = nodes, list(nodes), False, 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop:
            self.ready = [node for node in self.nodes if self.is_ready(node)]
            time.sleep(0.1)

    @staticmethod
    def is_ready(node):
        asked = http.client.HTTPConnection(node.address, fleet.STATUS, timeout=1)
        try:
            asked.request("GET", "/status/ready")
            return asked.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asked.close()

    def address(self):
        """That of some node that is ready."""
        self.turn += 1
        nodes = self.ready or self.nodes
        return nodes[self.turn % len(nodes)].address

    def connect(self, port):
        """A connection to some node that is ready; a refused one is tried at the next node."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                return socket.create_connection((self.address(), port), 5)
            except OSError:
                time.sleep(0.01)
        raise OSError("no node takes a connection")


class Load(threading.Thread):
    """One client that asks again and again, and notes what went wrong."""

    port = fleet.PLAIN

    def __init__(self, balancer):
        super().__init__(daemon=True)
        self.balancer, self.stop, self.count, self.lost = balancer, False, 0, []

    def run(self):
        while not self.stop:
            try:
                self.session(self.balancer.connect(self.port))
            except Exception as problem:  # Whatever it is, a client would call it a failure.
                self.lost.append(f"{type(self).__name__}: {problem!r}")

    def wrong(self, what):
        self.lost.append(f"{type(self).__name__}: {what}")


class KeepAlive(Load):
    method, body = "GET", None

    def session(self, connection):
        client = http.client.HTTPConnection("gateway")
        client.sock = connection
        connection.settimeout(10)
        try:
            while not self.stop:
                client.request(self.method, "/first/0/", self.body)
                answer = client.getresponse()
                answer.read()
                self.count += 1
                if answer.status != 200:
                    self.wrong(answer.status)
                if answer.will_close:
                    return
                time.sleep(0.002)
        finally:
            client.close()


class Fresh(KeepAlive):
    """A connection for every request."""

    def session(self, connection):
        with connection:
            connection.settimeout(10)
            connection.sendall(b"GET /first/0/ HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            found = b""
            while part := connection.recv(65536):
                found += part
        self.count += 1
        if not found.startswith(b"HTTP/1.1 200"):
            self.wrong(found[:40])
        time.sleep(0.005)


class Secure(Fresh):
    """The same over TLS."""

    port = fleet.TLS

    def session(self, connection):
        # The nodes' certificates are their own.
        super().session(ssl._create_unverified_context().wrap_socket(connection))


class Post(KeepAlive):
    method, body = "POST", b"x" * 50_000


class Streams(Load):
    """HTTP/2: five streams at a time, until the node says that it goes away."""

    def session(self, connection):
        with connection:
            link, number = frames.Connection(connection), 1
            for _ in range(20):
                asked = range(number, number + 10, 2)
                for stream in asked:
                    link.headers(stream, frames.request("/first/0/"))
                number += 10
                link.wait(lambda got: self.refused(got) | self.answered(got) >= set(asked), 10)
                # What the GOAWAY calls not taken may be asked again (RFC 9113 section 6.8).
                for stream in set(asked) - self.refused(link.received):
                    heads = link.find(frames.HEADERS, stream)
                    good = heads and heads[0][3][:1] == b"\x88"
                    if not good or stream not in self.answered(link.received):
                        self.wrong((stream, link.closed, link.received[-3:]))
                    self.count += 1
                if self.stop or link.find(frames.GOAWAY):
                    return
                time.sleep(0.01)

    @staticmethod
    def answered(received):
        return {stream for kind, flags, stream, _ in received
                if kind in (frames.HEADERS, frames.DATA) and flags & frames.END_STREAM}

    @staticmethod
    def refused(received):
        last = [int.from_bytes(payload[:4], "big") for kind, _, _, payload in received
                if kind == frames.GOAWAY]
        return set(range(min(last) + 1, 400)) if last else set()


class WebSockets(Load):
    """Messages that come back, until the node closes the connection as one that goes away."""

    def session(self, connection):
        from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
        from websockets.sync.client import connect
        with connect("ws://gateway/first/0/", sock=connection, compression=None) as client:
            try:
                while not self.stop:
                    text = f"message {self.count}"
                    client.send(text)
                    if client.recv(timeout=10) != text:
                        self.wrong("another message came back")
                    self.count += 1
                    time.sleep(0.02)
            except (ConnectionClosedOK, ConnectionClosedError) as closed:
                if closed.rcvd is None or closed.rcvd.code != 1001:
                    self.wrong(repr(closed))


class Datagrams(Load):
    """UDP: a new client for every datagram."""

    length = 1

    def run(self):
        while not self.stop:
            address = self.balancer.address()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect((address, fleet.DATAGRAMS))
                client.settimeout(2)
                for number in range(self.length):
                    self.ask(client, f"{type(self).__name__} {number} at {address}")
            time.sleep(0.005)

    def ask(self, client, text):
        try:
            client.send(text.encode())
            if client.recv(2048) != text.encode():
                self.wrong(f"another answer to {text}")
            self.count += 1
        except OSError as problem:
            self.wrong(f"{text}: {problem!r}")
        time.sleep(0.05 if self.length > 1 else 0)


class Talks(Datagrams):
    """Clients that go on with their node for a second, which is how long a balancer's news may take."""

    length = 20


class DatagramTarget(threading.Thread):
    """Sends every datagram back."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((fleet.TARGET_ADDRESS, fleet.DATAGRAMS))
        self.start()

    def run(self):
        while True:
            text, sender = self.socket.recvfrom(2048)
            self.socket.sendto(text, sender)


class Loads:
    """All kinds of clients for the time of a part; what they lost is a failure."""

    def __init__(self, mesh, report, what):
        self.mesh, self.report, self.what = mesh, report, what

    def __enter__(self):
        self.balancer = Balancer(self.mesh.nodes)
        self.loads = [kind(self.balancer) for kind in
                      (KeepAlive, KeepAlive, Fresh, Secure, Post, Streams, WebSockets, Datagrams, Talks)]
        self.doubts = doubts(self.mesh)
        for load in self.loads:
            load.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        time.sleep(0.5)
        for load in self.loads:
            load.stop = True
        for load in self.loads:
            load.join(20)
        self.balancer.stop = True
        counts = ", ".join(f"{type(load).__name__} {load.count}" for load in self.loads)
        lost = [what for load in self.loads for what in load.lost]
        self.report.check(not lost, f"{self.what}: no request fails", f"{len(lost)}: {lost[:4]}")
        self.report.check(all(load.count > 10 for load in self.loads), f"{self.what}: all asked",
                          counts)
        new = doubts(self.mesh)[len(self.doubts):]
        self.report.check(not new, f"{self.what}: nobody is doubted", new[:4])
        self.report.check(self.mesh.sees_all(), f"{self.what}: all see all")
        self.report.check(self.mesh.agreed(), f"{self.what}: one configuration everywhere")
        self.report.note(f"{self.what}: {counts}")


def doubts(mesh):
    """What all nodes have ever logged of members that they doubted."""
    found = []
    for node in mesh.nodes:
        with open(os.path.join(node.folder, "log")) as file:
            for line in file:
                if re.search(r'"event":"(suspect|failed)"', line):
                    found.append(f"{node.name}: {line.strip()}")
    return found

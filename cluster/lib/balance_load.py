"""An open-loop load: requests come at a fixed rate whatever the answers take (a Poisson process), and
each is timed from when it was due. Writes one line per request: due, latency (s), method, status, who.

Usage: balance_load.py --ports LIST --rate N --seconds N --seed N --posts SHARE --output FILE
"""
import argparse
import random
import selectors
import socket
import time

LIMIT = 5.0       # Seconds after which a request has failed.
POOL = 3000       # Most connections.
GET = b"GET /load HTTP/1.1\r\nHost: balance\r\n\r\n"
POST = b"POST /load HTTP/1.1\r\nHost: balance\r\nContent-Length: 2\r\n\r\nhi"


class Connection:
    """One keep-alive connection and the request that is under way on it."""

    def __init__(self, port):
        # On loopback, where nobody waits for a connection unless the backlog is full.
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.port, self.received, self.due, self.method = port, b"", 0.0, "GET"

    def answer(self):
        """Status, answerer and whether the connection lives on; None while the answer is not whole."""
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.received[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15:].split(b"\r", 1)[0]) if at >= 0 else 0
        if len(self.received) < end + 4 + length:
            return None
        at = head.find(b"x-echo-name:")
        who = head[at + 12:].split(b"\r", 1)[0].strip().decode() if at >= 0 else ""
        return int(self.received[9:12]), who, b"connection: close" not in head


class Load:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.count = 0
        self.selector = selectors.EpollSelector()
        self.ports = [int(port) for port in options.ports.split(",")]
        self.idle, self.busy, self.lines = {port: [] for port in self.ports}, {}, []

    def run(self):
        due = time.monotonic() + 0.05
        end = due + self.options.seconds
        self.start, self.late = due, []
        swept = due
        while due < end or self.busy:
            now = time.monotonic()
            while due <= now and due < end:
                self.late.append(now - due)
                self.send(due)
                due += self.random.expovariate(self.options.rate)
            wait = max(0.0, min(due - time.monotonic(), 0.05)) if due < end else 0.05
            for key, _ in self.selector.select(wait):
                self.take(key.data)
            if now - swept > 0.1:
                swept = now
                self.sweep(now)
                if now > end + LIMIT:
                    break
        for connection in list(self.busy.values()):
            self.finish(connection, 0, "", False)

    def send(self, due):
        port = self.ports[self.count % len(self.ports)]
        self.count += 1
        connection = self.idle[port].pop() if self.idle[port] else None
        method = "POST" if self.random.random() < self.options.posts else "GET"
        if connection is None:
            if len(self.busy) >= POOL:
                self.lines.append((due, LIMIT, method, 0, ""))
                return
            try:
                connection = Connection(port)
            except OSError:
                self.lines.append((due, 0.0, method, 0, ""))
                return
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.due, connection.method, connection.received = due, method, b""
        self.busy[id(connection)] = connection
        self.push(connection)

    def push(self, connection):
        try:
            connection.socket.send(POST if connection.method == "POST" else GET)
        except OSError:
            self.finish(connection, 0, "", False)

    def take(self, connection):
        try:
            part = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            if id(connection) in self.busy:
                return self.finish(connection, 0, "", False)
            return self.drop(connection)
        connection.received += part
        answer = connection.answer()
        if answer:
            self.finish(connection, *answer)

    def finish(self, connection, status, who, lives):
        if self.busy.pop(id(connection), None) is None:
            return
        latency = min(time.monotonic() - connection.due, LIMIT)
        self.lines.append((connection.due, latency, connection.method, status, who))
        if lives:
            self.idle[connection.port].append(connection)
        else:
            self.drop(connection)

    def drop(self, connection):
        if connection in self.idle[connection.port]:
            self.idle[connection.port].remove(connection)
        try:
            self.selector.unregister(connection.socket)
        except (KeyError, ValueError):
            pass
        connection.socket.close()

    def sweep(self, now):
        for connection in [one for one in self.busy.values() if now - one.due > LIMIT]:
            self.finish(connection, 0, "", False)

    def write(self):
        self.late.sort()
        with open(self.options.output, "w") as file:
            late = self.late[int(len(self.late) * 0.99)] if self.late else 0
            file.write(f"# late {late:.6f}\n")
            for due, latency, method, status, who in self.lines:
                file.write(f"{due - self.start:.6f},{latency:.6f},{method},{status},{who}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", required=True, help="one after the other, a request each")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--posts", type=float, default=0.1)
    parser.add_argument("--output", required=True)
    load = Load(parser.parse_args())
    load.run()
    load.write()


if __name__ == "__main__":
    main()

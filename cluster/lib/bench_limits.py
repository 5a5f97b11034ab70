"""Limits that hold for the whole mesh (`rate-limiting` with policy `cluster`), on five real nodes.

Admitted: 2,000 requests per second, evenly paced, under a limit of 1,000 per second, spread over all
nodes, sent to one of them, and spread while one node dies; what all of them admit in ten whole seconds.
Traffic: what the nodes send each other while so many keys are counted, each asked for at any node.
"""
import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import threading
import time
import urllib.request

import fleet

LIMIT, OFFERED, SECONDS = 1_000, 2_000, 10
CONNECTIONS = 10


def configuration():
    def route(name, **config):
        return {"name": name, "paths": [f"/{name}"], "plugins": [
            {"name": "rate-limiting", "config": {"policy": "cluster", **config}}]}
    return {"_format_version": "3.0", "services": [{**fleet.service("up"), "routes": [
        *[route(name, second=LIMIT, limit_by="service") for name in ("even", "one", "death")],
        route("keys", minute=1_000_000, limit_by="header", header_name="x-key")]}]}


class Client(threading.Thread):
    """One connection that asks at an even pace and notes when it was admitted, and when refused."""

    def __init__(self, address, path, begin, end, offset, pace):
        super().__init__()
        self.address, self.path = address, path
        self.begin, self.end, self.offset, self.pace = begin, end, offset, pace
        self.admitted, self.refused, self.late, self.error = [], [], 0, None

    def run(self):
        request = f"GET {self.path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        try:
            with socket.create_connection((self.address, fleet.PLAIN), 5) as link:
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                due = self.begin + self.offset
                while due < self.end:
                    wait = due - time.time()
                    if wait > 0:
                        time.sleep(wait)
                    self.late = max(self.late, -wait)
                    link.sendall(request)
                    self.take(link)
                    due += self.pace
        except OSError as error:
            self.error = error

    def take(self, link):
        def receive():
            piece = link.recv(65_536)
            if not piece:
                raise OSError("the node closed the connection")
            return piece

        data = b""
        while b"\r\n\r\n" not in data:
            data += receive()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.I).group(1))
        while len(body) < length:
            body += receive()
        status = int(head[9:12])
        if status == 200:
            self.admitted.append(time.time())
        elif status == 429:
            self.refused.append(time.time())
        else:
            raise OSError(f"status {status}")


def admitted(mesh, path, nodes, death=None):
    """How many of the offered requests were admitted in each of ten whole seconds."""
    begin = int(time.time()) + 2.0
    # One second more on either side, so that clients that are late do not show.
    count = CONNECTIONS * len(nodes)
    pace = count / OFFERED
    clients = [Client(node.address, f"/{path}", begin - 1, begin + SECONDS + 1,
                      number * pace / count, pace)
               for number, node in enumerate(list(nodes) * CONNECTIONS)]
    for client in clients:
        client.start()
    if death:
        time.sleep(begin + SECONDS / 2 + 0.3 - time.time())
        death.end(signal.SIGKILL)
    for client in clients:
        client.join()
    broken = [client.error for client in clients
              if client.error and not (death and client.address == death.address)]
    assert not broken, broken

    def seconds(moments):
        return [int(moment - begin) for moment in moments if begin <= moment < begin + SECONDS]
    moments = [second for client in clients for second in seconds(client.admitted)]
    offered = len(moments) + sum(len(seconds(client.refused)) for client in clients)
    return {"per_second": [moments.count(second) for second in range(SECONDS)],
            "offered": offered, "late_ms": max(client.late for client in clients) * 1000}


def metric(node, name):
    text = urllib.request.urlopen(
        f"http://{node.address}:{fleet.STATUS}/metrics", timeout=10).read().decode()
    found = re.search(rf"^{name}(?:{{[^}}]*}})? ([\d.e+]+)$", text, re.M)
    assert found, f"no {name} in the metrics of {node.name}"
    return float(found.group(1))


LUA = """
local number, prepared = %d, {}
request = function()
  number = (number + 1) %% %d
  wrk.headers["x-key"] = "key-" .. number
  return wrk.format("GET", "/keys")
end
"""


def traffic(mesh, keys, seconds, warmup):
    """Bytes per second that each node sends while all keys are counted by loads on every node."""
    loads = []
    for place, node in enumerate(mesh.nodes):
        script = os.path.join(mesh.folder, f"keys-{place}.lua")
        with open(script, "w") as file:
            file.write(LUA % (place * keys // len(mesh.nodes), keys))
        loads.append(subprocess.Popen(
            ["wrk", "-t1", "-c4", f"-d{warmup + seconds}s", "-s", script,
             f"http://{node.address}:{fleet.PLAIN}"], stdout=subprocess.PIPE, text=True))
    time.sleep(warmup)
    before = [metric(node, "meshgate_limit_bytes_total") for node in mesh.nodes]
    begin = time.monotonic()
    time.sleep(seconds - 1)
    after = [metric(node, "meshgate_limit_bytes_total") for node in mesh.nodes]
    took = time.monotonic() - begin
    known = [metric(node, "meshgate_limit_keys") for node in mesh.nodes]
    rates = []
    for load in loads:
        output = load.communicate(timeout=60)[0]
        assert "Non-2xx" not in output, output
        rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)))
    return {"bytes_per_second": [(new - old) / took for new, old in zip(after, before)],
            "keys": known, "requests_per_second": sum(rates)}


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench limits", description=__doc__)
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=20, help="of traffic that is measured")
    parser.add_argument("--warmup", type=int, default=15, help="seconds before that")
    parser.add_argument("--output", help="a file for the figures as JSON")
    arguments = parser.parse_args()
    figures = {}
    with fleet.Fleet(arguments.binaries) as mesh:
        assert mesh.start(), "the nodes do not see each other"
        status, answer = mesh.nodes[0].ask("POST", "/config", configuration())
        assert status in (200, 201, 202) and mesh.agreed(), (status, answer)
        cell = traffic(mesh, arguments.keys, arguments.seconds, arguments.warmup)
        figures["traffic"] = cell
        sent = cell["bytes_per_second"]
        print(f"{arguments.keys} keys, {cell['requests_per_second']:.0f} requests per second on 5 "
              f"nodes: {statistics.median(sent) / 1e6:.3f} MB/s sent per node (most "
              f"{max(sent) / 1e6:.3f}), {statistics.median(cell['keys']):.0f} keys counted by a node",
              flush=True)
        for name, nodes, death in (("even", mesh.nodes, None), ("one", mesh.nodes[:1], None),
                                   ("death", mesh.nodes, mesh.nodes[-1])):
            cell = admitted(mesh, name, nodes, death)
            figures[name] = cell
            total = sum(cell["per_second"])
            print(f"{name:5} {total} admitted in {SECONDS} s of {cell['offered']} offered: "
                  f"{100 * (total / (LIMIT * SECONDS) - 1):+.1f} %, per second "
                  f"{min(cell['per_second'])} to {max(cell['per_second'])}: {cell['per_second']} "
                  f"(clients were late by {cell['late_ms']:.0f} ms at most)", flush=True)
    if arguments.output:
        with open(arguments.output, "w") as file:
            json.dump(figures, file, indent=2)


main()

"""Admin writes per second at one node: single entities, durable on three, with clients side by side.

Starts its own mesh on 127.0.0.1 to 127.0.0.N in a folder of its own and ends it again. Every client
keeps one connection and changes entities of its own, one after the other: it creates a service by PUT,
changes it by PATCH, and deletes it. What is counted is answered with 200, 201 or 204, never 202.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid

NODE = """\
node: {{ name: {name}, region: {region}, data_dir: {folder}/data }}
proxy: {{ listen: ["{address}:8000"], tls_listen: [], workers: 1 }}
admin: {{ listen: "{address}:8001" }}
status: {{ listen: "{address}:8100" }}
gossip:
  bind: "{address}:7946"
  seeds: [{seeds}]
  keyring: {keyring}
  cluster: bench-writes
  profile: local
log: {{ level: error }}
"""


def arguments():
    parser = argparse.ArgumentParser(prog="cluster/bench writes", description=__doc__)
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--nodes", type=int, default=5, help="1 to 9; every other one in a second region")
    parser.add_argument("--clients", default="1,4,16", help="how many write side by side")
    parser.add_argument("--entities", default="0,10000", help="routes that are there already")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--folder", help="where the nodes keep their stores; default a temporary one")
    return parser.parse_args()


class Mesh:
    def __init__(self, options):
        self.binaries = options.binaries
        self.folder = tempfile.mkdtemp(prefix="meshgate-writes-", dir=options.folder)
        self.processes = []
        keyring = f"{self.folder}/keyring"
        with os.fdopen(os.open(keyring, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(subprocess.check_output([f"{self.binaries}/meshd", "keyring"]))
        for number in range(1, options.nodes + 1):
            self.start(number, keyring)

    def start(self, number, keyring):
        address, name = f"127.0.0.{number}", f"node-{number}"
        folder = f"{self.folder}/{name}"
        os.mkdir(folder)
        settings = f"{folder}/node.yml"
        with open(settings, "w") as file:
            file.write(NODE.format(
                name=name, region=["eu", "us"][number % 2], folder=folder, address=address,
                seeds='"127.0.0.1:7946"' if number > 1 else "", keyring=keyring))
        log = open(f"{folder}/log", "wb")
        self.processes.append(subprocess.Popen(
            [f"{self.binaries}/meshd", "run", "--config", settings], stdout=log, stderr=log))

    def settle(self):
        def alive(number):
            url = f"http://127.0.0.{number}:8001/mesh/members"
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    members = json.load(answer)["members"]
            except OSError:
                return 0
            return sum(member["state"] == "alive" for member in members)

        count, deadline = len(self.processes), time.monotonic() + 30
        while any(alive(number) < count for number in range(1, count + 1)):
            if time.monotonic() > deadline:
                sys.exit(f"the nodes do not see each other; logs are in {self.folder}")
            time.sleep(0.2)

    def apply(self, routes):
        lines = ["_format_version: '3.0'", "services:", "- name: bench", "  host: 127.0.0.1", "  routes:"]
        lines += [f"  - {{ name: r{n}, paths: [/r{n}] }}" for n in range(max(1, routes))]
        path = f"{self.folder}/kong.yml"
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        subprocess.run(
            [f"{self.binaries}/meshctl", "config", "apply", path, "--timeout", "60"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Client(threading.Thread):
    def __init__(self, until):
        super().__init__()
        self.until = until
        self.times = []
        self.statuses = {}

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", 8001, timeout=30)
        while time.monotonic() < self.until:
            path = f"/services/{uuid.uuid4()}"
            for method, body in (
                ("PUT", {"name": f"s-{uuid.uuid4()}", "host": "127.0.0.1"}),
                ("PATCH", {"retries": 3}), ("PATCH", {"retries": 4}), ("DELETE", None),
            ):
                begin = time.monotonic()
                connection.request(
                    method, path, body and json.dumps(body), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                self.times.append(time.monotonic() - begin)
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        connection.close()


def measure(count, seconds):
    begin = time.monotonic()
    clients = [Client(begin + seconds) for _ in range(count)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    elapsed = time.monotonic() - begin
    times = sorted(time for client in clients for time in client.times)
    statuses = {}
    for client in clients:
        for status, number in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + number
    good = sum(number for status, number in statuses.items() if status in (200, 201, 204))
    others = {status: number for status, number in statuses.items() if status not in (200, 201, 204)}
    at = lambda share: 1000 * times[min(len(times) - 1, int(len(times) * share))]
    return good / elapsed, at(0.5), at(0.99), others


def main():
    options = arguments()
    mesh = Mesh(options)
    try:
        mesh.settle()
        print(f"{options.nodes} nodes, {os.cpu_count()} processors")
        print("routes  clients  writes/s  p50 ms  p99 ms  other answers")
        for entities in map(int, options.entities.split(",")):
            mesh.apply(entities)
            for clients in map(int, options.clients.split(",")):
                rate, middle, high, others = measure(clients, options.seconds)
                print(f"{entities:6}  {clients:7}  {rate:8.0f}  {middle:6.1f}  {high:6.1f}  {others or '-'}",
                      flush=True)
    finally:
        mesh.stop()


main()

"""A mesh of real nodes on loopback addresses of their own, for suites and benchmarks."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PLAIN, ADMIN, STATUS, GOSSIP, TARGET = 8000, 8001, 8100, 7946, 9000
TLS, DATAGRAMS = 8443, 9200
TARGET_ADDRESS = "127.0.8.31"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node:
    """One `meshd`, and its Admin API over one kept connection."""

    def __init__(self, fleet, number, region):
        self.fleet, self.name, self.region = fleet, f"{region}-{number}", region
        self.address = f"127.0.8.{number}"
        self.folder = os.path.join(fleet.folder, self.name)
        self.data = os.path.join(self.folder, "data")
        self.process, self.connection = None, None

    #: The program that it runs; `meshd-next` is the release after this one.
    program = "meshd"
    #: The command that runs others in its network, where that is not this process's.
    enter = ()
    #: The unix socket of its Admin API, where that is not at its address.
    admin = None

    def start(self, environment=None, arguments=()):
        """Starts the node, or with `--takeover` the process that goes on with it."""
        os.makedirs(self.data, exist_ok=True)
        settings = {
            "node": {"name": self.name, "region": self.region, "data_dir": self.data},
            "proxy": {"listen": [f"{self.address}:{PLAIN}"], "workers": 1, "tls_listen": [],
                      "drain_deadline": 2, "access_log": "off", **self.fleet.proxy,
                      **{name: [f"{self.address}:{place}" for place in places]
                         for name, places in self.fleet.listen.items()}},
            "admin": {"socket": self.admin} if self.admin else {"listen": f"{self.address}:{ADMIN}"},
            "status": {"listen": f"{self.address}:{STATUS}"},
            "gossip": {"bind": f"{self.address}:{GOSSIP}", "keyring": self.fleet.keyring,
                       "seeds": self.fleet.seeds,
                       "cluster": "fleet", "profile": self.fleet.profile}}
        path = os.path.join(self.folder, "node.yml")
        with open(path, "w") as file:
            json.dump(settings, file)
        with open(os.path.join(self.folder, "log"), "a") as log:
            # By a shell, so that what a preloaded library adds to the environment is there before
            # the node starts: Swift finds its arguments from the environment's first place.
            self.process = subprocess.Popen(
                [*self.enter, "sh", "-c", 'exec "$@"', "sh",
                 os.path.join(self.fleet.binaries, self.program),
                 "run",
                 "--config", path, *arguments],
                stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        return self

    def take_over(self, seconds=30):
        """Another process takes the node over; the exit status of the one before."""
        before = self.process
        self.start(arguments=["--takeover"])
        self.connection = None
        return before.wait(seconds)

    def end(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
        self.process, self.connection = None, None

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def connect(self, timeout=30):
        """A new connection to its Admin API, which opens when used."""
        return UnixConnection(self.admin, timeout) if self.admin else \
            http.client.HTTPConnection(self.address, ADMIN, timeout=timeout)

    def ask(self, method, path, body=None, timeout=30):
        """Status and parsed answer; (0, reason) when the node does not answer."""
        text = json.dumps(body) if body is not None else None
        headers = {"Content-Type": "application/json"} if text else {}
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = self.connect()
                    self.connection.connect()
                self.connection.sock.settimeout(timeout)
                self.connection.request(method, path, text, headers)
                answer = self.connection.getresponse()
                content = answer.read()
                return answer.status, json.loads(content) if content else None
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.connection = None
                # A kept connection may have ended; what may have been done is not repeated.
                if attempt == 2 or method != "GET":
                    return 0, repr(error)

    def configuration(self):
        """Hash of the configuration it routes by; empty when it does not answer."""
        status, answer = self.ask("GET", "/mesh/status")
        return answer["node"]["config"]["hash"] if status == 200 else ""

    def alive(self):
        """How many members it sees alive."""
        status, answer = self.ask("GET", "/mesh/members")
        members = answer["members"] if status == 200 else []
        return sum(member["state"] == "alive" for member in members)

    def names(self, kind):
        """Names of all entities of a kind, page by page."""
        found, path = set(), f"/{kind}?size=1000"
        while path:
            status, answer = self.ask("GET", path)
            if status != 200:
                return found
            found |= {entity["name"] for entity in answer["data"]}
            path = answer["next"]
        return found

    def routes(self, path, connection=None, headers=None):
        """The status of a proxied request."""
        own = connection or http.client.HTTPConnection(self.address, PLAIN, timeout=5)
        try:
            own.request("GET", path, headers=headers or {})
            answer = own.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            own.close()
            return 0

    def resident(self):
        """Bytes of memory held."""
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) * 1024
        return 0


class Fleet:
    """Nodes in two regions (the first three in one), and a target that answers everything."""

    def __init__(self, binaries, count=5, keep=False, proxy=None, profile="local", listen=None):
        """`listen` has further listeners by setting, such as `{"tls_listen": [8443]}`, at each node's address."""
        self.binaries, self.keep, self.proxy = binaries, keep, proxy or {}
        self.listen = listen or {}
        self.profile = profile
        # A node alone waits for nobody.
        self.seeds = [f"127.0.8.{n}:{GOSSIP}" for n in (1, 2)] if count > 1 else []
        self.folder = tempfile.mkdtemp(prefix="meshgate-fleet-")
        self.keyring = os.path.join(self.folder, "keyring")
        with open(self.keyring, "wb") as file:
            file.write(subprocess.run([os.path.join(binaries, "meshd"), "keyring"],
                                      capture_output=True, check=True).stdout)
        os.chmod(self.keyring, 0o600)
        self.nodes = [Node(self, n, "eu" if n <= 3 else "us") for n in range(1, count + 1)]
        self.target = subprocess.Popen([os.path.join(binaries, "meshecho"), "--listen",
                                        f"{TARGET_ADDRESS}:{TARGET}", "--name", "target"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.end()
        self.target.kill()
        self.target.wait()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, seconds=30):
        for node in self.nodes:
            node.start()
        return self.sees_all(seconds)

    def sees_all(self, seconds=30):
        return wait_until(lambda: all(n.alive() == len(self.nodes) for n in self.nodes), seconds)

    def agreed(self, seconds=30):
        """Waits until all nodes that run route by one configuration."""
        def agree():
            hashes = {node.configuration() for node in self.nodes if node.runs}
            return len(hashes) == 1 and "" not in hashes
        return wait_until(agree, seconds)


def service(name):
    return {"name": name, "url": f"http://{TARGET_ADDRESS}:{TARGET}"}


def document(services=(), routes=1, targets=0):
    """A declarative configuration: services with routes each, and upstreams with targets each."""
    upstreams = [{"name": f"up-{n}", "targets": [
        {"target": f"{TARGET_ADDRESS}:{10_000 + n * 100 + t}"} for t in range(100)]}
        for n in range(targets // 100)]
    return {"_format_version": "3.0", "upstreams": upstreams, "services": [
        {**service(name), "routes": [{"name": f"{name}-{n}", "paths": [f"/{name}/{n}/"]}
                                     for n in range(routes)]} for name in services]}


def wait_until(condition, seconds, step=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return False

"""The proxies under test: their ports, how each is started, and what their processes cost."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import meshgate

PROXIES = ["meshgate", "nginx", "haproxy", "envoy"]
# The last digit of every proxy's ports: plain 2810x, TLS 2820x, h2c 2830x, TCP 2850x,
# TLS-terminated TCP 2860x, UDP 2870x.
DIGIT = {"nginx": 1, "haproxy": 2, "envoy": 3, "meshgate": 4}
BACKENDS = {"http": [29001, 29002], "ws": [29003], "grpc": [29004], "tcp": [29005]}


def port(proxy, kind="plain"):
    """The port of one proxy. All but nginx take HTTP/2 by prior knowledge on the plain port."""
    if kind == "h2c" and proxy != "nginx":
        kind = "plain"
    base = {"plain": 28100, "tls": 28200, "h2c": 28300, "tcp": 28500, "tls_stream": 28600,
            "udp": 28700}[kind]
    return base + DIGIT[proxy]


def tree(pid):
    """The pid and all pids below it."""
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                for child in children.read().split():
                    found += tree(int(child))
    except FileNotFoundError:
        pass
    return found


def cpu_ns(pid):
    """Processor time of the process and all below it."""
    total = 0
    for member in tree(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            try:
                with open(f"/proc/{member}/task/{task}/schedstat") as stat:
                    total += int(stat.read().split()[0])
            except FileNotFoundError:
                pass
    return total


def rss_bytes(pid):
    """Resident memory of the process and all below it."""
    pages = 0
    for member in tree(pid):
        with open(f"/proc/{member}/statm") as statm:
            pages += int(statm.read().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def descriptors(pid):
    """Open descriptors of the process and all below it."""
    return sum(len(os.listdir(f"/proc/{member}/fd")) for member in tree(pid))


def accepts(port_number):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port_number)) == 0


def status(port_number, path, host):
    """The status of one GET, or 0 when there is no answer."""
    try:
        with socket.create_connection(("127.0.0.1", port_number), 2) as connection:
            connection.settimeout(5)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
                               "Connection: close\r\n\r\n".encode())
            return int(connection.recv(64).split(b" ")[1])
    except (OSError, IndexError, ValueError):
        return 0


class Run:
    """A folder of configurations and the processes of one run, all ended at its end by pid."""

    def __init__(self, peers, binaries, envoy="envoy", keep=False, health=True):
        self.binaries, self.envoy, self.keep, self.health = binaries, envoy, keep, health
        self.folder = tempfile.mkdtemp(prefix="meshgate-bench-")
        os.chmod(self.folder, 0o755)
        self.peers = peers
        self.processes = {}
        self.features = []
        self.refused = {}
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "30", "-subj",
             "/CN=api3.example.com", "-addext",
             "subjectAltName=DNS:*.example.com,DNS:localhost,IP:127.0.0.1"],
            cwd=self.folder, check=True, capture_output=True)
        with open(self.path("both.pem"), "wb") as both:
            for part in ("cert.pem", "key.pem"):
                with open(self.path(part), "rb") as file:
                    both.write(file.read())

    def path(self, name):
        return os.path.join(self.folder, name)

    def log(self, name):
        with open(self.path(name + ".log"), errors="replace") as file:
            return file.read()

    def start(self, name, command, cores=None):
        pin = ["taskset", "-c", cores] if cores else []
        with open(self.path(name + ".log"), "wb") as log:
            process = subprocess.Popen(pin + command, cwd=self.folder, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL)
        self.processes[name] = process
        return process

    def pid(self, name):
        return self.processes[name].pid

    def alive(self, name):
        return name in self.processes and self.processes[name].poll() is None

    def end(self, name, patience=10):
        """TERM, then KILL; the exit status, or None when it had to be killed."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name in list(self.processes):
            self.end(name)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def wait_for(self, name, port_number, seconds=30, fatal=True):
        deadline = time.time() + seconds
        while not accepts(port_number):
            if not self.alive(name) or time.time() > deadline:
                if not fatal:
                    return False
                sys.exit(f"{name} does not listen on port {port_number}:\n{self.log(name)[-3000:]}")
            time.sleep(0.05)
        return True

    def start_proxy(self, name, workers=1, cores=None, extra=None, features=None):
        """Starts one proxy and waits until it listens; refuses a port that something else has."""
        if accepts(port(name)):
            sys.exit(f"port {port(name)} is in use; end what listens there, then try again")
        if name == "meshgate":
            self.start_meshgate(workers, cores, extra or {}, features)
            return
        for file in os.listdir(self.peers):
            with open(os.path.join(self.peers, file)) as source:
                text = source.read().replace("@WORKERS@", str(workers))
            with open(self.path(file), "w") as target:
                target.write(text)
        command = {
            "nginx": ["nginx", "-p", self.folder, "-c", "nginx.conf"],
            "haproxy": ["haproxy", "-f", "haproxy.cfg"],
            "envoy": [self.envoy, "-c", "envoy.yaml", "--concurrency", str(workers),
                      "--log-level", "error"],
        }[name]
        self.start(name, command, cores)
        self.wait_for(name, port(name))

    def start_meshgate(self, workers, cores, extra, features):
        """Starts with all features; when that is refused, finds the features that are built."""
        wanted = list(meshgate.FEATURES if features is None else features)
        if self.features or self.refused:
            wanted = [feature for feature in wanted if feature in self.features]
        if self.try_meshgate(wanted, workers, cores, extra):
            self.features = self.features or wanted
            return
        served = []
        for feature in wanted:
            if self.try_meshgate(served + [feature], workers, cores, extra):
                self.end("meshgate", 35)
                served.append(feature)
            else:
                lines = self.log("meshgate").strip().split("\n")
                blamed = [line for line in lines if "error" in line or feature in line]
                self.refused[feature] = (blamed or lines)[0][-300:]
        for feature, reason in self.refused.items():
            print(f"meshgate does not serve {feature}: {reason}", file=sys.stderr)
        self.features = served
        if not self.try_meshgate(served, workers, cores, extra):
            sys.exit(f"meshgate does not start:\n{self.log('meshgate')[-2000:]}")

    def routes_are_live(self):
        """A node that refused its configuration runs without one, so its Admin API is asked."""
        deadline = time.time() + 3
        while self.alive("meshgate") and time.time() < deadline:
            if status(meshgate.ADMIN, "/routes/svc3", "localhost") == 200:
                return True
            time.sleep(0.05)
        return False

    def try_meshgate(self, features, workers, cores, extra):
        meshd = os.path.join(self.binaries, "meshd")
        shutil.rmtree(self.path("data"), ignore_errors=True)
        command = meshgate.command(meshd, self.folder, features, workers, extra,
                                   self.health)
        self.start("meshgate", command, cores)
        if self.wait_for("meshgate", meshgate.PLAIN, 10, fatal=False) and self.routes_are_live():
            return True
        self.end("meshgate", 10)
        return False

"""The gateway under test and its targets, as every suite gets them."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import meshgate  # noqa: E402
import proxies  # noqa: E402
from .report import Missing, NotServed  # noqa: E402
from .targets import Recorder  # noqa: E402

HOST = "api3.example.com"


class Context:
    """One gateway (this one, or a peer to try the suites themselves) and its targets."""

    def __init__(self, arguments):
        self.gateway, self.quick = arguments.gateway, arguments.quick
        self.venv, self.sslyze_venv = arguments.venv, arguments.sslyze_venv
        self.run = proxies.Run(arguments.peers, arguments.binaries, arguments.envoy,
                               keep=arguments.keep, health=False)
        self.recorder = None

    def start(self, workers=1, extra=None):
        """Starts the gateway, and the recorder as its target."""
        self.recorder = self.recorder or Recorder()
        self.recorder.release()
        settings = {"proxy.drain_deadline": "20"} | (extra or {})
        if not self.run.alive(self.gateway):
            self.run.processes.pop(self.gateway, None)
            self.run.start_proxy(self.gateway, workers, None, settings)
            wait_until(lambda: self.get("/svc3/ready").startswith(b"HTTP/1.1 200"), 15)

    def restart(self, **options):
        if self.gateway in self.run.processes:
            self.run.end(self.gateway, 35)
        self.start(**options)

    def stop(self):
        self.run.stop()

    @property
    def is_ours(self):
        return self.gateway == "meshgate"

    @property
    def pid(self):
        return self.run.pid(self.gateway)

    def alive(self):
        return self.run.alive(self.gateway)

    def port(self, kind="plain"):
        return proxies.port(self.gateway, kind)

    def serves(self, kind):
        return proxies.accepts(self.port(kind))

    def need(self, kind):
        if not self.serves(kind):
            raise NotServed(f"nothing listens on the port for {kind}"
                            + (f": {self.run.refused[kind]}" if kind in self.run.refused else ""))

    def tool(self, name):
        path = shutil.which(name)
        if not path:
            raise Missing(f"{name} is not installed")
        return path

    def connect(self, kind="plain", timeout=5):
        connection = socket.create_connection(("127.0.0.1", self.port(kind)), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def tls_context(self, alpn=("http/1.1",)):
        """Trusts the run's own certificate, and no other."""
        context = ssl.create_default_context(cafile=self.run.path("cert.pem"))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def connect_tls(self, alpn=("http/1.1",), kind="tls", name=HOST):
        self.need(kind)
        return self.tls_context(alpn).wrap_socket(self.connect(kind), server_hostname=name)

    def get(self, path, timeout=5, host=HOST):
        """The whole answer to one GET with Connection: close; empty when there is none."""
        try:
            with self.connect(timeout=timeout) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
                                   "Connection: close\r\n\r\n".encode())
                return read_all(connection)
        except OSError:
            return b""

    def apply(self, document):
        """Replaces the configuration through Kong's `/config`; the status of the answer."""
        admin = http.client.HTTPConnection("127.0.0.1", meshgate.ADMIN, timeout=10)
        admin.request("POST", "/config", json.dumps(document), {"Content-Type": "application/json"})
        answer = admin.getresponse()
        answer.read()
        return answer.status

    def certificate(self, names, key="ec"):
        """A new certificate and key as PEM, signed by itself."""
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" \
            else ["-newkey", "rsa:2048"]
        files = self.run.path("new.pem"), self.run.path("new-key.pem")
        alternatives = ",".join("DNS:" + name for name in names)
        subprocess.run(["openssl", "req", "-x509", *kind, "-nodes", "-keyout", files[1], "-out",
                        files[0], "-days", "30", "-subj", "/CN=" + names[0], "-addext",
                        "subjectAltName=" + alternatives], check=True, capture_output=True)
        return [open(file).read() for file in files]

    def command(self, *words, timeout=60, **options):
        """Runs a tool and returns what it printed."""
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout,
                              errors="replace", **options)
        return done.returncode, done.stdout + done.stderr


def read_all(connection):
    """All bytes until the end, a reset or the time limit of the socket."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except OSError:
        pass
    return received


def wait_until(condition, seconds, step=0.05):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return False


__all__ = ["Context", "HOST", "meshgate", "proxies", "read_all", "wait_until"]

"""Five nodes under load, restarted one after the other in every way: nothing fails, nobody is doubted."""
import http.client
import os
import pty
import re
import signal
import socket
import subprocess
import threading
import time

import fleet

from . import frames

LIMIT = 600
NEEDS = []
PROXY = {"drain_announce": 1, "drain_deadline": 3}


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

    def connect(self):
        """A connection to some node that is ready; a refused one is tried at the next node."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            self.turn += 1
            nodes = self.ready or self.nodes
            node = nodes[self.turn % len(nodes)]
            try:
                return socket.create_connection((node.address, fleet.PLAIN), 5)
            except OSError:
                time.sleep(0.01)
        raise OSError("no node takes a connection")


class Load(threading.Thread):
    """One client that asks again and again, and notes what went wrong."""

    def __init__(self, balancer):
        super().__init__(daemon=True)
        self.balancer, self.stop, self.count, self.lost = balancer, False, 0, []

    def run(self):
        while not self.stop:
            try:
                self.session(self.balancer.connect())
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


class Loads:
    """All kinds of clients for the time of a part; what they lost is a failure."""

    def __init__(self, mesh, report, what):
        self.mesh, self.report, self.what = mesh, report, what

    def __enter__(self):
        self.balancer = Balancer(self.mesh.nodes)
        self.loads = [kind(self.balancer) for kind in
                      (KeepAlive, KeepAlive, Fresh, Post, Streams, WebSockets)]
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


def meshctl(mesh, node, *arguments, timeout=200):
    done = subprocess.run([os.path.join(mesh.binaries, "meshctl"), *arguments, "--admin",
                           f"http://{node.address}:{fleet.ADMIN}"],
                          capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


def meshctl_hung_up(mesh, node, *arguments, until, timeout=200):
    """The status of meshctl on a terminal of its own, which is taken away once `until` holds."""
    ours, its = pty.openpty()
    process = subprocess.Popen(["setsid", "--ctty", os.path.join(mesh.binaries, "meshctl"), *arguments, "--admin",
                                f"http://{node.address}:{fleet.ADMIN}"], stdin=its, stdout=its, stderr=its)
    os.close(its)
    fleet.wait_until(lambda: until() or process.poll() is not None, timeout)
    os.close(ours)
    return process.wait(timeout)


class Agent:
    """Restarts the node that a hook names in a file, as an agent on the machine would."""

    def __init__(self, mesh, restart):
        self.mesh, self.restart, self.stop, self.done = mesh, restart, False, []
        self.folder = os.path.join(mesh.folder, "agent")
        os.makedirs(self.folder, exist_ok=True)
        self.hook = (f'touch "{self.folder}/$MESHGATE_NODE"; '
                     f'while [ -e "{self.folder}/$MESHGATE_NODE" ]; do sleep 0.05; done')

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join(40)

    def run(self):
        while not self.stop:
            for name in os.listdir(self.folder):
                node = next(node for node in self.mesh.nodes if node.name == name)
                self.done.append((name, self.restart(node)))
                os.remove(os.path.join(self.folder, name))
            time.sleep(0.02)


def by_restart(node):
    node.process.send_signal(signal.SIGTERM)
    status = node.process.wait(40)
    node.start()
    return status


def takeovers(mesh, report):
    """`meshd run --takeover`, node after node."""
    identities = [node.ask("GET", "/mesh/status")[1]["node"]["id"] for node in mesh.nodes]
    with Loads(mesh, report, "takeover"):
        for node in mesh.nodes:
            began = time.monotonic()
            report.equal(node.take_over(), 0, f"{node.name}: the process before ends with status 0")
            report.note(f"{node.name} was taken over in {time.monotonic() - began:.2f} s")
            report.check(fleet.wait_until(lambda: node.alive() == 5, 10), f"{node.name} sees all")
    after = [node.ask("GET", "/mesh/status")[1]["node"]["id"] for node in mesh.nodes]
    report.equal(after, identities, "every node is who it was")
    status, answer = mesh.nodes[2].ask("POST", "/services", fleet.service("after-takeover"))
    report.check(status in (201, 202), "a node that was taken over writes", answer)
    report.check(mesh.agreed(), "all nodes have what it wrote")


def signals(mesh, report):
    """USR2: the process starts its successor itself."""
    with Loads(mesh, report, "USR2"):
        for node in mesh.nodes[:2]:
            before = node.process
            before.send_signal(signal.SIGUSR2)
            report.equal(before.wait(30), 0, f"{node.name}: the process before ends with status 0")
            found = subprocess.run(["pgrep", "-f", os.path.join(node.folder, "node.yml")],
                                   capture_output=True, text=True).stdout.split()
            report.equal(len(found), 1, f"{node.name}: one process goes on")
            node.process = Adopted(int(found[0]))
            node.connection = None


class Adopted:
    """A process that is no child of ours."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        try:
            os.kill(self.pid, 0)
            with open(f"/proc/{self.pid}/stat") as file:
                return 0 if file.read().rsplit(")", 1)[1].split()[0] == "Z" else None
        except (ProcessLookupError, FileNotFoundError):
            return 0

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, seconds):
        fleet.wait_until(lambda: self.poll() is not None, seconds)
        return self.poll()


def drained(mesh, report):
    """`meshctl upgrade run` with a hook that stops and starts each node; its terminal goes after the first."""
    first = mesh.nodes[0]
    status, out, _ = meshctl(mesh, first, "upgrade", "plan")
    report.check(status == 0 and "wave 3" in out, "the plan has three waves", (status, out))
    with Loads(mesh, report, "upgrade"), Agent(mesh, by_restart) as agent:
        status = meshctl_hung_up(mesh, first, "upgrade", "run", "--yes", "--settle", "1", "--max-latency", "2000",
                                 "--hook", agent.hook, until=lambda: agent.done)
        report.equal(status, 0, "the upgrade goes on without its terminal, and ends well")
        report.equal(sorted(agent.done), sorted((node.name, 0) for node in mesh.nodes),
                     "every node was restarted once, and its drain cut nothing")
    status, out, _ = meshctl(mesh, mesh.nodes[4], "upgrade", "status")
    report.check(status == 0 and "finished" in out and "5 of 5" in out, "any node says so", (status, out))


def become(node, program, report):
    """Another program takes the node over."""
    node.program = program
    report.equal(node.take_over(), 0, f"{node.name}: the process before {program} ends with status 0")
    report.check(fleet.wait_until(lambda: node.alive() == 5, 10), f"{node.name} sees all as {program}")


def refused(mesh, report, node):
    """A node of a release that the fleet has left behind: both sides say why, in one line each."""
    node.end(signal.SIGTERM)
    node.program = "meshd"
    node.start()
    # It remembers the others from before, and calls them all.
    report.check(fleet.wait_until(lambda: logged(node, "speaks protocol 2") in range(1, 5), 20),
                 "an old node says why it is not let in, once of each", logged(node, "speaks protocol"))
    fleet.wait_until(lambda: any(logged(other, "speaks protocol 1") for other in mesh.nodes), 10)
    counts = [logged(other, "speaks protocol 1") for other in mesh.nodes if other is not node]
    report.check(1 in counts and max(counts) == 1, "those it calls say so, too", counts)
    # It holds its suspicions back for a minute, since it may be the one that is cut off.
    report.check(fleet.wait_until(lambda: node.alive() == 1, 120), "it is alone", node.alive())
    node.end(signal.SIGTERM)
    node.program = "meshd-next"
    node.start()
    report.check(mesh.sees_all(), "as a node of the new release it is back")


def logged(node, text):
    with open(os.path.join(node.folder, "log")) as file:
        return sum(text in line and "gossip does not get through" in line for line in file)


def releases(mesh, report):
    """To the release after this one and back, then there for good: no request fails in a mixed fleet."""
    first, last = mesh.nodes[0], mesh.nodes[4]
    with Loads(mesh, report, "to the next release"):
        for node in mesh.nodes[:4]:
            become(node, "meshd-next", report)
            status, answer = node.ask("POST", "/services", fleet.service(f"next-{node.name}"))
            report.check(status in (201, 202), f"{node.name} writes in a mixed fleet", answer)
        status, answer = last.ask("POST", "/services", fleet.service("old"))
        report.check(status in (201, 202), "the old one writes, too", answer)
        status, _, errors = meshctl(mesh, first, "upgrade", "finalize", "--yes")
        report.check(status == 1 and "stays off" in errors, "finalize is refused", (status, errors))
        _, out, _ = meshctl(mesh, first, "upgrade", "status")
        report.check("4 of 5 members speak 2" in out and f"{last.name} speaks 1" in out,
                     "status names who is in the way", out)
    with Loads(mesh, report, "back to this release"):
        for node in mesh.nodes[:4]:
            become(node, "meshd", report)
    with Loads(mesh, report, "to the next release, all"):
        for node in mesh.nodes:
            become(node, "meshd-next", report)
        report.check(all(not logged(node, "protocol") for node in mesh.nodes),
                     "nobody takes a mixed fleet for a fault")
        status, out, errors = meshctl(mesh, last, "upgrade", "finalize", "--yes")
        report.check(status == 0, "finalize", (status, errors))
        for node in mesh.nodes:
            report.check(fleet.wait_until(lambda: "nothing is to be finalized" in
                                          meshctl(mesh, node, "upgrade", "status")[1], 10),
                         f"{node.name} knows that it is final")
        report.check(fleet.wait_until(lambda: "record 201" in open(
            os.path.join(first.folder, "log")).read(), 20), "what only the new release knows is on")
    refused(mesh, report, last)


def death(mesh, report):
    """A node that dies in the middle pauses the upgrade; another terminal goes on with it."""
    victim, deaths = mesh.nodes[3], []

    def restart(node):
        if not deaths:
            deaths.append(victim.name)
            victim.end()
        return by_restart(node)

    first = mesh.nodes[0]
    with Agent(mesh, restart) as agent:
        status, out, errors = meshctl(mesh, first, "upgrade", "run", "eu-1", "eu-2", "--yes",
                                      "--settle", "15", "--hook", agent.hook)
        report.equal(status, 2, "a death ends the run with status 2")
        report.check("us-4" in errors and "failed" in errors, "it names who failed", errors[-300:])
        status, out, _ = meshctl(mesh, mesh.nodes[4], "upgrade", "status")
        report.check(status == 2 and "paused" in out, "every node knows that it is paused", out)
        status, _, errors = meshctl(mesh, first, "upgrade", "run", "--yes")
        report.check(status == 1 and "not whole" in errors, "another one is refused", errors)
        victim.start()
        report.check(mesh.sees_all(), "the dead node is back")
        status, out, errors = meshctl(mesh, mesh.nodes[4], "upgrade", "resume", "--hook",
                                      agent.hook)
        report.check(status == 0 and "finished" in out, "another terminal ends it",
                     (status, errors[-300:]))


def steered(mesh, report):
    """Another terminal pauses an upgrade, and gives it up."""
    first, last, ends = mesh.nodes[0], mesh.nodes[4], []
    with Agent(mesh, by_restart) as agent:
        run = threading.Thread(target=lambda: ends.append(meshctl(
            mesh, first, "upgrade", "run", "eu-1", "eu-2", "--yes", "--settle", "20", "--hook",
            agent.hook)))
        run.start()
        report.check(fleet.wait_until(lambda: agent.done, 60), "the first node was restarted")
        status, _, errors = meshctl(mesh, last, "upgrade", "pause")
        report.equal(status, 0, f"another terminal pauses it ({errors[-200:]})")
        run.join(60)
        status, _, errors = ends[0] if ends else (None, "", "it goes on")
        report.check(status == 2 and "paused" in errors, "the run ends", (status, errors[-300:]))
        status, out, _ = meshctl(mesh, first, "upgrade", "status")
        report.check(status == 2 and "an operator paused it" in out, "every node says why", out)
        status, _, errors = meshctl(mesh, last, "upgrade", "abort")
        report.equal(status, 0, f"it is given up ({errors[-200:]})")
        status, _, errors = meshctl(mesh, first, "upgrade", "resume", "--hook", agent.hook)
        report.check(status != 0, "what was given up does not go on", (status, errors[-200:]))
        report.equal(len(agent.done), 1, "no other node was restarted")


def activated(mesh, report):
    """A supervisor that holds the sockets: who connects during a restart waits, and is answered."""
    node = mesh.nodes[4]
    node.process.send_signal(signal.SIGTERM)
    node.process.wait(30)
    listeners = []
    for port in (fleet.PLAIN, fleet.ADMIN, fleet.STATUS):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((node.address, port))
        listener.listen(100)
        listeners.append(listener)
    names = "proxy:admin:status"
    path = os.path.join(node.folder, "node.yml")

    def start():
        with open(os.path.join(node.folder, "log"), "a") as log:
            numbers = " ".join(f"{3 + n}<&{listener.fileno()}" for n, listener in enumerate(listeners))
            script = (f'exec {numbers}; export LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES={names}; '
                      f'exec "{mesh.binaries}/meshd" run --config "{path}"')
            node.process = subprocess.Popen(["bash", "-c", script], stdout=log, stderr=log,
                                            pass_fds=[one.fileno() for one in listeners])
            node.connection = None

    start()
    report.check(mesh.sees_all(), "a node with sockets of its supervisor is a member")
    lost, count, stop = [], [0], [False]

    def ask():
        while not stop[0]:
            asked = http.client.HTTPConnection(node.address, fleet.PLAIN, timeout=30)
            try:
                asked.request("GET", "/first/0/", headers={"Connection": "close"})
                if asked.getresponse().status != 200:
                    lost.append("status")
                count[0] += 1
            except (OSError, http.client.HTTPException) as problem:
                lost.append(repr(problem))
            finally:
                asked.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    node.process.send_signal(signal.SIGTERM)
    report.equal(node.process.wait(30), 0, "it drains while its supervisor holds the sockets")
    start()
    fleet.wait_until(lambda: node.alive() == 5, 20)
    before = count[0]
    fleet.wait_until(lambda: count[0] > before + 50, 10)
    stop[0] = True
    for thread in threads:
        thread.join(35)
    report.check(not lost and count[0] > 50, f"no connection is lost of {count[0]}", lost[:4])
    report.check(mesh.sees_all(), "it is a member again")
    for listener in listeners:
        listener.close()


def watchdog(mesh, report):
    """A worker that is stuck lets the supervisor's watchdog expire; one that works does not."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    seize, detach, interrupt = 0x4206, 17, 0x4207
    node = mesh.nodes[4]
    node.end(signal.SIGTERM)
    path = os.path.join(node.folder, "notify")
    supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    supervisor.bind(path)
    supervisor.setblocking(False)

    def beats(seconds):
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                count += b"WATCHDOG=1" in supervisor.recv(4096)
            except BlockingIOError:
                time.sleep(0.01)
        return count

    node.start({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "900000"})
    report.check(mesh.sees_all(), "a supervised node is a member")
    report.check(beats(2) >= 4, "a node that works beats three times per interval")
    tasks = f"/proc/{node.process.pid}/task"
    worker = next(int(task) for task in os.listdir(tasks)
                  if open(f"{tasks}/{task}/comm").read().startswith("mesh-worker"))
    if libc.ptrace(seize, worker, None, None) or libc.ptrace(interrupt, worker, None, None):
        return report.note("watchdog: no thread may be stopped here")
    os.waitpid(worker, 0x40000000)
    beats(0.6)
    report.equal(beats(2), 0, "a stuck worker silences it")
    libc.ptrace(detach, worker, None, None)
    beats(0.6)
    report.check(beats(2) >= 4, "a worker that goes on lets it beat again")
    node.end(signal.SIGTERM)
    supervisor.close()
    node.start()
    report.check(mesh.sees_all(), "the node is back without its supervisor")


def run(context, report):
    with fleet.Fleet(context.run.binaries, keep=context.run.keep, proxy=PROXY,
                     profile="lan") as mesh:
        report.check(mesh.start(), "five nodes see each other")
        status, answer = mesh.nodes[0].ask("POST", "/config", fleet.document(["first"]))
        report.check(status in (200, 201, 202), "a configuration is taken", answer)
        report.check(mesh.agreed(), "all nodes route by it")
        for part in (takeovers, signals, drained, steered, death, activated, watchdog, releases):
            part(mesh, report)

"""Five nodes under load, upgraded and taken back in every way: nothing fails, nobody is doubted."""
import http.client
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import fleet

from .fleet_load import DatagramTarget, Loads

LIMIT = 600
NEEDS = []
# A drained node waits for the sessions of udp routes to be silent for this long.
PROXY = {"drain_announce": 1, "drain_deadline": 3, "udp_idle_timeout": 1}
#: This release, and the one after it.
NOW, NEXT = "0.1.0", "0.2.0"
LISTEN = {"tls_listen": [fleet.TLS], "stream_listen": [f"{fleet.DATAGRAMS} udp"]}


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


class Programs:
    """Each node's own program file, which is replaced as a package manager does it."""

    def __init__(self, mesh):
        self.mesh, self.folder = mesh, os.path.join(mesh.folder, "programs")
        os.makedirs(self.folder)
        for version, name in ((NOW, "meshd"), (NEXT, "meshd-next")):
            with open(os.path.join(mesh.binaries, name), "rb") as file:
                program = file.read()
            # What the tests build as the next release calls itself as this one; both are as long.
            with open(os.path.join(self.folder, version), "wb") as file:
                file.write(program.replace(NOW.encode(), version.encode()))
            os.chmod(os.path.join(self.folder, version), 0o755)
        for node in mesh.nodes:
            node.program = os.path.join(node.folder, "meshd")
            os.makedirs(node.folder, exist_ok=True)
            self.install(node, NOW)

    def install(self, node, version):
        """Another file is at the node's program; who runs the one before goes on with it."""
        wanted, new = os.path.join(self.folder, version), node.program + ".new"
        if not os.path.exists(node.program) or not os.path.samefile(wanted, node.program):
            os.link(wanted, new)
            os.replace(new, node.program)

    def run(self, report, version, what, nodes=None):
        """Whether the nodes, or all, say that they run a version and no other does, in every node's view."""
        wanted = {node.name for node in nodes or self.mesh.nodes}

        def seen(node):
            status, answer = node.ask("GET", "/mesh/members")
            return status == 200 and {member["name"] for member in answer["members"]
                                      if member["version"] == version} == wanted
        good = fleet.wait_until(lambda: all(seen(node) for node in self.mesh.nodes), 10)
        report.check(good, f"{what}: {', '.join(sorted(wanted))} run {version}, and no other")


class Agent:
    """Restarts the node whose address a hook leaves as a file, as an agent on the machine would."""

    def __init__(self, mesh, restart):
        self.mesh, self.restart, self.stop, self.done, self.told = mesh, restart, False, [], []
        self.folder = os.path.join(mesh.folder, "agent")
        os.makedirs(self.folder, exist_ok=True)
        self.hook = ('echo "$MESHGATE_NODE $MESHGATE_REGION $MESHGATE_GOSSIP $MESHGATE_TARGET" '
                     f'>"{self.folder}/$MESHGATE_ADDRESS"; '
                     f'while [ -e "{self.folder}/$MESHGATE_ADDRESS" ]; do sleep 0.05; done')

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join(40)

    def run(self):
        while not self.stop:
            for address in os.listdir(self.folder):
                path = os.path.join(self.folder, address)
                with open(path) as file:
                    told = file.read()
                if not told:
                    continue  # It is about to be written.
                self.told.append((address, *told.split()))
                node = next(node for node in self.mesh.nodes if node.address == address)
                self.done.append((node.name, self.restart(node)))
                os.remove(path)
            time.sleep(0.02)


def by_restart(node):
    node.process.send_signal(signal.SIGTERM)
    status = node.process.wait(40)
    node.start()
    return status


def by_signal(node):
    """USR2: the process starts the program that is on disk now as its successor."""
    before = node.process
    before.send_signal(signal.SIGUSR2)
    status = before.wait(30)
    found = subprocess.run(["pgrep", "-f", os.path.join(node.folder, "node.yml")],
                           capture_output=True, text=True).stdout.split()
    node.process, node.connection = Adopted(int(found[0])), None
    return status if len(found) == 1 else f"{len(found)} processes"


def signals(mesh, programs, report):
    """USR2 to the next release, where the program on disk is that; TERM and a start back to this one."""
    nodes = mesh.nodes[:2]
    with Loads(mesh, report, "USR2 to the next release"):
        for node in nodes:
            programs.install(node, NEXT)
            report.equal(by_signal(node), 0, f"{node.name}: the process before ends with status 0, one goes on")
        programs.run(report, NEXT, "USR2", nodes)
    with Loads(mesh, report, "TERM and a start, back to this release"):
        for node in nodes:
            programs.install(node, NOW)
            report.equal(by_restart(node), 0, f"{node.name}: its drain cuts nothing")
            report.check(mesh.sees_all(), f"{node.name} is back")
        programs.run(report, NOW, "TERM and a start")


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


def upgraded(mesh, programs, report):
    """`meshctl upgrade run` to the next release by drain, stop and start, its terminal goes after the first
    node; and back without a drain, by USR2."""
    first = mesh.nodes[0]
    status, out, _ = meshctl(mesh, first, "upgrade", "plan")
    report.check(status == 0 and "wave 3" in out, "the plan has three waves", (status, out))
    words = ("upgrade", "run", "--yes", "--settle", "1", "--max-latency", "2000")

    def replaced(version, restart):
        def do(node):
            programs.install(node, version)
            return restart(node)
        return do
    with Loads(mesh, report, "upgrade to the next release"), Agent(mesh, replaced(NEXT, by_restart)) as agent:
        status = meshctl_hung_up(mesh, first, *words, "--to", NEXT, "--hook", agent.hook, until=lambda: agent.done)
        report.equal(status, 0, "the upgrade goes on without its terminal, and ends well")
        ended(mesh, agent, NEXT, report)
        programs.run(report, NEXT, "upgrade")
    status, out, _ = meshctl(mesh, mesh.nodes[4], "upgrade", "status")
    report.check(status == 0 and "finished" in out and "5 of 5" in out, "any node says so", (status, out))
    with Loads(mesh, report, "upgrade back to this release"), Agent(mesh, replaced(NOW, by_signal)) as agent:
        status, _, errors = meshctl(mesh, first, *words, "--no-drain", "--to", NOW, "--hook", agent.hook)
        report.equal(status, 0, f"the way back ends well ({errors[-200:]})")
        ended(mesh, agent, NOW, report)
        programs.run(report, NOW, "upgrade back")


def ended(mesh, agent, version, report):
    report.equal(sorted(agent.done), sorted((node.name, 0) for node in mesh.nodes),
                 "every node was restarted once, and nothing was cut")
    report.equal(sorted(agent.told),
                 sorted((node.address, node.name, node.region, f"{node.address}:{fleet.GOSSIP}", version)
                        for node in mesh.nodes), "the hook is told name, region, addresses and version")


def become(node, programs, version, report):
    """Another release takes the node over."""
    programs.install(node, version)
    began = time.monotonic()
    report.equal(node.take_over(), 0, f"{node.name}: the process before {version} ends with status 0")
    report.note(f"{node.name} was taken over by {version} in {time.monotonic() - began:.2f} s")
    report.check(fleet.wait_until(lambda: node.alive() == 5, 10), f"{node.name} sees all as {version}")


def refused(mesh, programs, report, node):
    """A node of a release that the fleet has left behind: both sides say why, in one line each."""
    node.end(signal.SIGTERM)
    programs.install(node, NOW)
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
    programs.install(node, NEXT)
    node.start()
    report.check(mesh.sees_all(), "as a node of the new release it is back")


def logged(node, text):
    with open(os.path.join(node.folder, "log")) as file:
        return sum(text in line and '"event":"gossip-version"' in line for line in file)


def takeovers(mesh, programs, report):
    """`meshd run --takeover` to the next release and back: no request fails in a mixed fleet."""
    first, last = mesh.nodes[0], mesh.nodes[4]
    identities = [node.ask("GET", "/mesh/status")[1]["node"]["id"] for node in mesh.nodes]
    with Loads(mesh, report, "takeover to the next release"):
        for node in mesh.nodes[:4]:
            become(node, programs, NEXT, report)
            status, answer = node.ask("POST", "/services", fleet.service(f"next-{node.name}"))
            report.check(status in (201, 202), f"{node.name} writes in a mixed fleet", answer)
        status, answer = last.ask("POST", "/services", fleet.service("old"))
        report.check(status in (201, 202), "the old one writes, too", answer)
        status, _, errors = meshctl(mesh, first, "upgrade", "finalize", "--yes")
        report.check(status == 1 and "stays off" in errors, "finalize is refused", (status, errors))
        _, out, _ = meshctl(mesh, first, "upgrade", "status")
        report.check("4 of 5 members speak 2" in out and f"{last.name} speaks 1" in out,
                     "status names who is in the way", out)
        programs.run(report, NEXT, "takeover", mesh.nodes[:4])
    with Loads(mesh, report, "takeover back to this release"):
        for node in mesh.nodes[:4]:
            become(node, programs, NOW, report)
        programs.run(report, NOW, "takeover back")
    after = [node.ask("GET", "/mesh/status")[1]["node"]["id"] for node in mesh.nodes]
    report.equal(after, identities, "every node is who it was")


def finalized(mesh, programs, report):
    """To the next release for good; a node of this one is then refused."""
    first, last = mesh.nodes[0], mesh.nodes[4]
    with Loads(mesh, report, "to the next release, all"):
        for node in mesh.nodes:
            become(node, programs, NEXT, report)
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
    refused(mesh, programs, report, last)


def death(mesh, _, report):
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
        report.check(re.search(r"us-4 (is failed|does not answer)", errors), "it names who failed", errors[-300:])
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


def steered(mesh, _, report):
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


def activated(mesh, programs, report):
    """A supervisor that holds all sockets: who connects during an upgrade waits, and is answered."""
    node = mesh.nodes[4]
    node.end(signal.SIGTERM)
    path = os.path.join(node.folder, "node.yml")
    sockets = [socket.create_server((node.address, port), backlog=100)
               for port in (fleet.PLAIN, fleet.TLS, fleet.ADMIN, fleet.STATUS, fleet.GOSSIP)]
    for port in (fleet.GOSSIP, fleet.DATAGRAMS):
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].bind((node.address, port))

    def start(version):
        programs.install(node, version)
        with open(os.path.join(node.folder, "log"), "a") as log:
            numbers = " ".join(f"{3 + n}<&{one.fileno()}" for n, one in enumerate(sockets))
            script = (f'exec {numbers}; export LISTEN_PID=$$ LISTEN_FDS={len(sockets)} '
                      'LISTEN_FDNAMES=proxy:proxy-tls:admin:status:gossip:gossip-udp:proxy-stream; '
                      f'exec "{node.program}" run --config "{path}"')
            node.process = subprocess.Popen(["bash", "-c", script], stdout=log, stderr=log,
                                            pass_fds=[one.fileno() for one in sockets])
            node.connection = None

    start(NOW)
    report.check(mesh.sees_all(), "a node with sockets of its supervisor is a member")
    with Loads(mesh, report, "sockets of a supervisor"), \
            Waiting(node, fleet.PLAIN) as plain, Waiting(node, fleet.TLS) as tls, \
            WaitingDatagrams(node, fleet.DATAGRAMS) as datagrams:
        for version in (NEXT, NOW):
            node.process.send_signal(signal.SIGTERM)
            report.equal(node.process.wait(30), 0, "it drains while its supervisor holds the sockets")
            start(version)
            report.check(mesh.sees_all(), f"as {version} it is a member again")
            used = inodes(node.process.pid)
            report.check(all(os.fstat(one.fileno()).st_ino in used for one in sockets),
                         f"as {version} it uses every socket of its supervisor")
            askers = (plain, tls, datagrams)
            before = [asker.count for asker in askers]
            more = fleet.wait_until(lambda: all(asker.count > count + 30 for asker, count in
                                                zip(askers, before)), 10)
            report.check(more, f"as {version} it answers, plain, TLS and datagrams", [one.count for one in askers])
            programs.run(report, version, "sockets of a supervisor", [node] if version == NEXT else None)
    for what, asker in (("plain connection", plain), ("TLS connection", tls), ("datagram", datagrams)):
        report.check(not asker.lost, f"no {what} is lost of {asker.count}", asker.lost[:4])
    for one in sockets:
        one.close()


def inodes(process):
    """Of everything that a process has open."""
    folder, found = f"/proc/{process}/fd", set()
    for name in os.listdir(folder):
        try:
            found.add(os.stat(os.path.join(folder, name)).st_ino)
        except OSError:
            pass  # It is closed by now.
    return found


class Waiting:
    """Four clients of one node with a connection for every request, who wait for as long as it takes."""

    def __init__(self, node, port):
        self.address, self.port, self.lost, self.count, self.stop = node.address, port, [], 0, False

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(4)]
        for thread in self.threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join(35)

    def connection(self):
        if self.port != fleet.TLS:
            return http.client.HTTPConnection(self.address, self.port, timeout=30)
        # The node's certificate is its own.
        return http.client.HTTPSConnection(self.address, self.port, timeout=30,
                                           context=ssl._create_unverified_context())

    def run(self):
        while not self.stop:
            asked = self.connection()
            try:
                asked.request("GET", "/first/0/", headers={"Connection": "close"})
                status = asked.getresponse().status
                self.count += status == 200
                if status != 200:
                    self.lost.append(status)
            except (OSError, http.client.HTTPException) as problem:
                self.lost.append(repr(problem))
            finally:
                asked.close()


class WaitingDatagrams(Waiting):
    """The same with a datagram of a new client for every request."""

    def run(self):
        while not self.stop:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
                asked.settimeout(30)
                asked.connect((self.address, self.port))
                try:
                    asked.send(b"hello")
                    self.count += asked.recv(16) == b"hello"
                except OSError as problem:
                    self.lost.append(repr(problem))
            time.sleep(0.005)


def watchdog(mesh, _, report):
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
                     profile="lan", listen=LISTEN) as mesh:
        programs = Programs(mesh)
        report.check(mesh.start(), "five nodes see each other")
        DatagramTarget()
        document = fleet.document(["first"])
        document["services"].append({
            "name": "datagrams", "protocol": "udp", "host": fleet.TARGET_ADDRESS, "port": fleet.DATAGRAMS, "routes": [
                {"name": "datagrams", "protocols": ["udp"], "destinations": [{"port": fleet.DATAGRAMS}]}]})
        status, answer = mesh.nodes[0].ask("POST", "/config", document)
        report.check(status in (200, 201, 202), "a configuration is taken", answer)
        report.check(mesh.agreed(), "all nodes route by it")
        for part in (takeovers, signals, upgraded, steered, death, activated, watchdog, finalized):
            part(mesh, programs, report)

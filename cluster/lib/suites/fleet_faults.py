"""Five real nodes: nothing acknowledged is lost, nothing deleted returns, all end up equal."""
import os
import random
import shutil
import subprocess
import threading
import time

import fleet

from .report import Missing

LIMIT = 900
NEEDS = []
ROUNDS = int(os.environ.get("MESHGATE_KILL_ROUNDS", "50"))


class Writer(threading.Thread):
    """Writes services at one node, one after the other, and notes which were acknowledged."""

    def __init__(self, node, prefix):
        super().__init__(daemon=True)
        self.node, self.prefix = node, prefix
        self.stop, self.acknowledged = False, set()

    def run(self):
        number = 0
        while not self.stop:
            name = f"{self.prefix}-{number}"
            status, _ = self.node.ask("POST", "/services", fleet.service(name), timeout=10)
            if status in (201, 202):
                self.acknowledged.add(name)
            if status:
                number += 1
            else:
                # Whether it was done is not known: the name is not used again.
                number += 1
                time.sleep(0.01)


def kills(mesh, report):
    """kill -9 during writes, again and again; acknowledged services are there afterwards."""
    dice, written = random.Random(4711), set()
    for number in range(ROUNDS):
        victim = dice.choice(mesh.nodes)
        writer = Writer(victim, f"k{number}")
        writer.start()
        fleet.wait_until(lambda: len(writer.acknowledged) > dice.randrange(1, 6), 10, 0.005)
        victim.end()
        writer.stop = True
        writer.join(30)
        written |= writer.acknowledged
        victim.start()
        if not fleet.wait_until(lambda: victim.alive() == len(mesh.nodes), 30):
            report.check(False, "a killed node is back", f"round {number}, {victim.name}")
            return
    agreed = mesh.agreed(60)
    report.check(agreed, f"all nodes agree after {ROUNDS} kills",
                 [node.configuration() for node in mesh.nodes])
    for node in mesh.nodes:
        lost = written - node.names("services")
        report.check(not lost, f"{node.name} has every acknowledged write", sorted(lost)[:5])
    report.note(f"{len(written)} acknowledged writes in {ROUNDS} kills")


def operators(mesh, report):
    """Two operators at two nodes at once: one configuration, every write in it or in a conflict."""
    writers = [Writer(mesh.nodes[0], "left"), Writer(mesh.nodes[3], "right")]
    for writer in writers:
        writer.start()
    time.sleep(3)
    for writer in writers:
        writer.stop = True
    for writer in writers:
        writer.join(30)
    report.check(mesh.agreed(), "all agree after two operators wrote at once")
    for node in mesh.nodes:
        names = node.names("services")
        lost = [name for writer in writers for name in writer.acknowledged - names]
        report.check(not lost, f"{node.name} has what both wrote", lost[:5])
    # Both change one entity without having seen each other.
    status, shared = mesh.nodes[0].ask("POST", "/services", fleet.service("shared"))
    report.equal(status, 201, "the shared service is made")
    mesh.agreed()
    outcomes = []
    threads = [threading.Thread(target=lambda n=node, r=retries: outcomes.append(
        n.ask("PATCH", f"/services/{shared['id']}", {"retries": r})[0]))
        for node, retries in ((mesh.nodes[1], 1), (mesh.nodes[4], 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    report.check(set(outcomes) <= {200, 202}, "both changes of one entity are answered", outcomes)
    report.check(mesh.agreed(), "all agree on one of the two")
    values = {node.ask("GET", "/services/shared")[1]["retries"] for node in mesh.nodes}
    report.check(len(values) == 1 and values <= {1, 2}, "one value everywhere", values)


def away(mesh, report):
    """A node away during 200 changes, deletions among them: it catches up, nothing returns."""
    absent, writer = mesh.nodes[2], mesh.nodes[4]
    gone = sorted(absent.names("services") - {"first"})[:100]
    absent.end()
    done = [writer.ask("DELETE", f"/services/{name}")[0] for name in gone]
    done += [writer.ask("POST", "/services", fleet.service(f"away-{n}"))[0] for n in range(100)]
    report.check(set(done) <= {201, 202, 204} and len(done) == len(gone) + 100, "changes while a node is away", set(done))
    report.note(f"{len(done)} changes while {absent.name} was away")
    absent.start()
    report.check(mesh.sees_all() and mesh.agreed(), "the node that was away agrees")
    for node in mesh.nodes:
        back = set(gone) & node.names("services")
        report.check(not back, f"nothing deleted is back at {node.name}", sorted(back)[:5])


def clock(mesh, report):
    """A clock an hour ahead overwrites nothing later."""
    library = next((path for path in (
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1") if os.path.exists(path)), None)
    if library is None:
        raise Missing("libfaketime is not installed")
    ahead, other = mesh.nodes[1], mesh.nodes[3]
    ahead.end()
    ahead.start({"LD_PRELOAD": library, "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    report.check(mesh.sees_all(), "a node whose clock is an hour ahead is a member")
    status, made = ahead.ask("POST", "/services", {**fleet.service("fast"), "retries": 7})
    report.check(status in (201, 202), "it writes", status)
    report.check(mesh.agreed(), "its write is everywhere")
    status, _ = other.ask("PATCH", "/services/fast", {"retries": 9})
    report.check(status in (200, 202), "another changes what it wrote", status)
    ahead.end()
    ahead.start()
    report.check(mesh.sees_all() and mesh.agreed(), "all agree when its clock is right again")
    values = {node.ask("GET", "/services/fast")[1]["retries"] for node in mesh.nodes}
    report.equal(values, {9}, "the later write stands everywhere")


def full_disk(mesh, report):
    """A full disk refuses writes by name, serving goes on, and writes go on when there is room."""
    node = mesh.nodes[4]
    node.end()
    kept = node.data + ".kept"
    os.rename(node.data, kept)
    os.makedirs(node.data)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", node.data],
                      capture_output=True).returncode:
        os.rmdir(node.data)
        os.rename(kept, node.data)
        raise Missing("only root can mount a small disk")
    try:
        node.start()
        report.check(mesh.sees_all() and mesh.agreed(), "a node on a small disk agrees")
        node.ask("POST", "/services/first/routes", {"name": "kept", "paths": ["/kept"]})
        report.check(fleet.wait_until(lambda: node.routes("/kept") == 200, 10),
                     "it routes before its disk is full")
        filler = os.path.join(node.data, "filler")
        with open(filler, "wb") as file:
            try:
                while True:
                    file.write(b"x" * 65536)
                    file.flush()
            except OSError:
                pass
        statuses, answer = set(), None
        for number in range(200):
            status, answer = node.ask("POST", "/services", fleet.service(f"full-{number}"))
            statuses.add(status)
            if status >= 500:
                break
        report.check(any(status >= 500 for status in statuses), "a full disk refuses a write",
                     statuses)
        report.check("not saved" in str(answer) or "full" in str(answer),
                     "the refusal says why", answer)
        report.equal(node.routes("/kept"), 200, "the proxy goes on")
        os.remove(filler)
        back = fleet.wait_until(
            lambda: node.ask("POST", "/services", fleet.service("room"))[0] in (201, 202, 409), 30)
        report.check(back, "writes go on when there is room")
        report.check(mesh.agreed(), "all agree afterwards")
    finally:
        node.end()
        subprocess.run(["umount", node.data], check=True)
        shutil.rmtree(node.data, ignore_errors=True)
        os.rename(kept, node.data)
    node.start()
    # Its own store is older than what it has written from the other disk meanwhile.
    report.check(mesh.sees_all() and mesh.agreed(), "the node with its older disk agrees")


def run(context, report):
    with fleet.Fleet(context.run.binaries, keep=context.run.keep) as mesh:
        report.check(mesh.start(), "five nodes see each other")
        status, answer = mesh.nodes[0].ask("POST", "/config", fleet.document(["first"]))
        report.check(status in (200, 201, 202), "a configuration is taken", answer)
        report.check(mesh.agreed(), "all nodes route by it")
        for part in (kills, operators, away, clock, full_disk):
            try:
                part(mesh, report)
            except Missing as missing:
                report.note(f"{part.__name__} left out: {missing}")

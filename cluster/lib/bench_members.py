"""What the nodes of a real fleet know of each other's death, and what that costs while nothing happens.

Every round starts a fleet of its own on loopback with the settings of a data centre (profile `lan`),
waits until all see all, does something to K of its N nodes, and reads from the others' events when
each of them declared whom.
"""
import argparse
import concurrent.futures
import datetime
import http.client
import json
import os
import signal
import subprocess
import threading
import time

import fleet
import networks

TICKS = os.sysconf("SC_CLK_TCK")
SETTLE = 10


def processor_seconds(node):
    with open(f"/proc/{node.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def told(node):
    """What the node has told of members so far: rows of subject, type and time."""
    connection = node.connect(timeout=1.5)
    content, end = b"", time.monotonic() + 5
    try:
        connection.request("GET", "/mesh/events?after=0")
        answer = connection.getresponse()
        while time.monotonic() < end and (part := answer.read1(1 << 16)):
            content += part
    except (OSError, http.client.HTTPException):
        pass  # The stream goes on for ever: silence is where the past ends.
    finally:
        connection.close()
    rows = []
    # The last line may be cut.
    for line in content[:content.rfind(b"\n")].decode().splitlines():
        event = json.loads(line[5:]) if line.startswith("data:") else {}
        if event.get("kind") == "membership":
            moment = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
            rows.append((event["subject"], event["type"], moment.timestamp()))
    return rows


def failures(nodes, since):
    """Seconds after `since` at which each of the nodes declared whom, by who was declared."""
    found = {}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for node, rows in zip(nodes, pool.map(told, nodes)):
            for subject, kind, moment in rows:
                if kind == "failed" and moment >= since:
                    found.setdefault(subject, {}).setdefault(node.name, moment - since)
    return found


class Mesh(fleet.Fleet):
    def __init__(self, arguments, count):
        super().__init__(arguments.binaries, count, profile="lan", keep=arguments.keep)

    def begin(self):
        """Starts all at once; seconds until all see all."""
        began = time.monotonic()
        for node in self.nodes:
            node.start()
        whole = fleet.wait_until(lambda: all(n.alive() == len(self.nodes) for n in self.nodes),
                                 180, 0.5)
        if not whole:
            raise SystemExit(f"{len(self.nodes)} nodes never saw each other")
        seconds = time.monotonic() - began
        time.sleep(SETTLE)
        return seconds

    def some(self, count):
        """So many of the nodes, spread over the fleet, and the others; seeds are among the others."""
        rest = self.nodes[2:] if count <= len(self.nodes) - 2 else self.nodes[1:]
        chosen = [rest[number * len(rest) // count] for number in range(count)]
        return chosen, [node for node in self.nodes if node not in chosen]


def killed(arguments, count, total):
    with Mesh(arguments, total) as mesh:
        mesh.begin()
        victims, others = mesh.some(count)
        moment = time.time()
        for node in victims:
            node.process.send_signal(signal.SIGKILL)
        time.sleep(arguments.wait)
        found = failures(others, moment)
    names = {node.name for node in victims}
    known = [found.get(name, {}) for name in names]
    whole = all(len(row) == len(others) for row in known)
    return {"first": max((min(row.values()) for row in known if row), default=None),
            "all": max(max(row.values()) for row in known) if whole else None,
            "missing": sum(len(others) - len(row) for row in known),
            "others declared": len(set(found) - names)}


def starved(arguments, count, total):
    """Nodes that get a tenth of their time, by stops and continues."""
    with Mesh(arguments, total) as mesh:
        mesh.begin()
        victims, others = mesh.some(count)
        moment, over = time.time(), threading.Event()

        def starve(node):
            while not over.is_set():
                node.process.send_signal(signal.SIGSTOP)
                time.sleep(0.45)
                node.process.send_signal(signal.SIGCONT)
                time.sleep(0.05)
        threads = [threading.Thread(target=starve, args=(node,)) for node in victims]
        for thread in threads:
            thread.start()
        time.sleep(arguments.seconds)
        over.set()
        for thread in threads:
            thread.join()
        found = failures(others, moment)
    names = {node.name for node in victims}
    return {"healthy declared": len(set(found) - names), "starved declared": len(set(found) & names),
            "reports of the starved": sum(len(row) for name, row in found.items() if name in names)}


class MeshApart(Mesh):
    """Each node in a network namespace of its own: datagrams and streams, in and out, go by one way."""

    def __init__(self, arguments, count):
        super().__init__(arguments, count)
        self.hub = networks.Hub()
        for node in self.nodes:
            node.place = self.hub.place()
            node.address, node.enter = node.place.address, node.place.enter
            # Beyond loopback the Admin API needs a certificate.
            node.admin = os.path.join(node.folder, "admin.sock")
        self.seeds = [f"{node.address}:{fleet.GOSSIP}" for node in self.nodes[:2]]

    def __exit__(self, *rest):
        super().__exit__(*rest)
        self.hub.end()


def returns(nodes, names, since):
    """How often one of the nodes took one of the named ones back that it had declared failed."""
    count = 0
    for node in nodes:
        gone = set()
        for subject, kind, moment in told(node):
            if subject not in names or moment < since:
                continue
            count += kind == "alive" and subject in gone
            if kind == "failed":
                gone.add(subject)
            elif kind == "alive":
                gone.discard(subject)
    return count


def unreliable(arguments, count, total, act):
    """Nodes that are hard to reach: `act` does something to their networks again and again."""
    with MeshApart(arguments, total) as mesh:
        mesh.begin()
        victims, others = mesh.some(count)
        moment = time.time()
        for turn in range(-(-arguments.seconds // 20)):
            for node in victims:
                act(node.place, turn)
            time.sleep(max(0, min(moment + 20 * (turn + 1), moment + arguments.seconds) - time.time()))
        names = {node.name for node in victims}
        back = returns(others, names, moment)
        found = failures(others, moment)
    known = [found.get(name, {}) for name in names]
    whole = all(len(row) == len(others) for row in known)
    return {"all": max(max(row.values()) for row in known) if whole else None,
            "removed": len(set(found) & names), "others removed": len(set(found) - names),
            "returns": back}


def lossy_in(arguments, count, total):
    """Four packets of five that come in are lost."""
    return unreliable(arguments, count, total,
                      lambda place, turn: turn == 0 and place.lose(80, "input"))


def lossy_out(arguments, count, total):
    """Four packets of five that go out are lost."""
    return unreliable(arguments, count, total,
                      lambda place, turn: turn == 0 and place.lose(80, "output"))


def deaf(arguments, count, total):
    """Nothing comes in for 20 s, then everything for 20 s, and so on."""
    return unreliable(arguments, count, total,
                      lambda place, turn: place.heal() if turn % 2 else place.lose(100, "input"))


def idle(arguments, total):
    with Mesh(arguments, total) as mesh:
        seconds = mesh.begin()
        before = [processor_seconds(node) for node in mesh.nodes]
        time.sleep(arguments.seconds)
        used = [processor_seconds(node) - b for node, b in zip(mesh.nodes, before)]
        return {"all saw all after": seconds,
                "mean % of a core": 100 * sum(used) / total / arguments.seconds,
                "most % of a core": 100 * max(used) / arguments.seconds,
                "resident MiB": sum(node.resident() for node in mesh.nodes) / total / 2 ** 20}


def pairs(text):
    return [tuple(int(part) for part in one.split("/")) for one in text.split(",") if one]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--killed", type=pairs, default=pairs("1/6,4/6,9/12"), metavar="K/N,…",
                        help="kill K of N at once; 1/6,4/6,9/12 by default")
    parser.add_argument("--starved", type=pairs, default=[], metavar="K/N,…",
                        help="stop K of N nodes for nine tenths of the time")
    parser.add_argument("--lossy", type=pairs, default=[], metavar="K/N,…",
                        help="drop 80 %% of what comes to K of N, and once more of what they send; "
                        "each in a network namespace, made in one of yours")
    parser.add_argument("--deaf", type=pairs, default=[], metavar="K/N,…",
                        help="let nothing come to K of N for 20 s of 40; as above")
    parser.add_argument("--idle", type=int, metavar="N", help="watch N idle nodes")
    parser.add_argument("--seconds", type=int, default=60, help="length of all but --killed")
    parser.add_argument("--wait", type=int, default=15, help="seconds after a kill")
    parser.add_argument("--keep", action="store_true", help="keep folders and logs")
    parser.add_argument("--output", help="write the figures as JSON, too")
    arguments = parser.parse_args()
    rounds = [(name, function, pair) for name, function, chosen in (
        ("killed", killed, arguments.killed), ("starved", starved, arguments.starved),
        ("lossy in", lossy_in, arguments.lossy), ("lossy out", lossy_out, arguments.lossy),
        ("deaf", deaf, arguments.deaf)) for pair in chosen]
    rounds += [("idle", idle, (arguments.idle,))] if arguments.idle else []
    results = []
    for name, function, pair in rounds:
        figures = function(arguments, *pair)
        what = f"{name} {' of '.join(str(number) for number in pair)}"
        print(f"{what:22} " + ", ".join(
            f"{key}: {'–' if value is None else round(value, 3)}" for key, value in figures.items()),
            flush=True)
        results.append({"round": what, **figures})
    if arguments.output:
        with open(arguments.output, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

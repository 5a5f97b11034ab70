"""Changes of the configuration on five real nodes: how fast they are live, what they cost.

Memory per node is by how much its resident memory (VmRSS) has grown from a small configuration to
the large one: at once, when it is live on all, and 8 seconds later, when the node is quiet and has
given back what reading took. The median of five nodes; the one that was written to is told apart.
All five share the processors of this machine with each other and with what drives them.
"""
import argparse
import http.client
import json
import os
import statistics
import threading
import time

import fleet


# Seconds after which a node is at rest again.
REST = 8


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def live_everywhere(mesh, path, begin, seconds=30, pause=0):
    """Seconds until every node routes a path; `None` when one does not in time."""
    waiting = [(node, http.client.HTTPConnection(node.address, fleet.PLAIN, timeout=5))
               for node in mesh.nodes]
    while waiting and time.monotonic() - begin < seconds:
        waiting = [(node, link) for node, link in waiting if node.routes(path, link) != 200]
        time.sleep(pause)
    return None if waiting else time.monotonic() - begin


def single_changes(mesh, count, prefix, owner):
    """Milliseconds from sending the write of one route until all nodes route it."""
    times = []
    for number in range(count):
        node = mesh.nodes[number % len(mesh.nodes)]
        path = f"/{prefix}/{number}/"
        begin = time.monotonic()
        status, answer = node.ask("POST", f"/services/{owner}/routes",
                                  {"name": f"{prefix}-{number}", "paths": [path]})
        assert status in (201, 202), (status, answer)
        took = live_everywhere(mesh, path, begin)
        assert took is not None, f"{path} is not live everywhere"
        times.append(took * 1000)
    return times


def writes(mesh, prefix, clients, seconds):
    """Single entities written per second at one node by several clients."""
    node, end, counts, late = mesh.nodes[0], time.monotonic() + seconds, [], []

    def client(number):
        link = http.client.HTTPConnection(node.address, fleet.ADMIN, timeout=30)
        done = 0
        while time.monotonic() < end:
            body = json.dumps(fleet.service(f"w-{prefix}-{number}-{done}"))
            link.request("POST", "/services", body, {"Content-Type": "application/json"})
            answer = link.getresponse()
            answer.read()
            assert answer.status in (201, 202), answer.status
            done += 1
            # 202: durable here, and not known to be on three disks yet.
            late.append(answer.status == 202)
        counts.append(done)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds, sum(late)


def write_rates(mesh, kind, seconds, tell):
    for clients in (1, 8, 32):
        rate, late = writes(mesh, f"{kind}-{clients}", clients, seconds)
        tell(f"writes_{kind}_{clients}", rate,
             f"writes per second durable on 3 nodes, {kind} configuration, {clients} clients: "
             f"{rate:.0f} ({late} answered before that)")


def consumers_file(path, count, routes=1_000):
    """A file of routes behind seven plugins, and of consumers with a key and a group each."""
    plugins = {"key-auth": {}, "acl": {"allow": ["g0", "g1", "g2"]},
               "rate-limiting": {"minute": 100_000, "policy": "local"}, "cors": {},
               "request-transformer": {"add": {"headers": ["x-a:b"]}}, "correlation-id": {},
               "prometheus": {}}
    document = fleet.document([f"s{n}" for n in range(routes // 10)], routes=10)
    document["plugins"] = [{"name": name, "config": config} for name, config in plugins.items()]
    with open(path, "w") as file:
        # JSON of one line is YAML too; what people write has a line for each field.
        for name, value in document.items():
            file.write(f"{name}: {json.dumps(value)}\n")
        file.write("consumers:\n")
        for n in range(count):
            file.write(f"- username: user-{n}\n  keyauth_credentials:\n  - key: key-{n:08d}-a1\n"
                       f"  acls:\n  - group: g{n % 3}\n")


def routes_memory(binaries, count, tell):
    """What routes alone take: all of them lead to one service."""
    with fleet.Fleet(binaries, count=1) as mesh:
        assert mesh.start()
        node = mesh.nodes[0]
        status, answer = node.ask("POST", "/config", fleet.document(["owner"]))
        assert status in (200, 201), (status, answer)
        time.sleep(REST)
        before = node.resident()
        status, _ = node.ask("POST", "/config", fleet.document(["owner"], routes=count), timeout=120)
        assert status in (200, 201), status
        assert fleet.wait_until(lambda: node.routes(f"/owner/{count - 1}/") == 200, 120)
        time.sleep(REST)
        grown = (node.resident() - before) / 1e6
        tell("routes_memory_mb", grown, f"memory of {count} routes of one service: {grown:.0f} MB")


def load_consumers(binaries, count, tell):
    """Seconds from starting a node with a file of consumers until it serves the last of them."""
    with fleet.Fleet(binaries, count=1) as mesh:
        node, path = mesh.nodes[0], os.path.join(mesh.folder, "consumers.yml")
        consumers_file(path, count)
        key, begin = {"apikey": f"key-{count - 1:08d}-a1"}, time.monotonic()
        node.start(arguments=["--set", f"config={path}"])
        served = fleet.wait_until(lambda: node.routes("/s0/0/", headers=key) == 200, 120)
        assert served, "the file is not served"
        took, most = time.monotonic() - begin, node.resident() / 1e6
        time.sleep(REST)
        tell("consumers_load_s", took, f"1000 routes and {count} consumers: served "
             f"{took:.2f} s after the start; memory {most:.0f} MB, at rest "
             f"{node.resident() / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench config", description=__doc__)
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--changes", type=int, default=100, help="single changes to time")
    parser.add_argument("--routes", type=int, default=10_000, help="routes of the large one")
    parser.add_argument("--consumers", type=int, default=100_000,
                        help="of the file that a node is started with")
    parser.add_argument("--seconds", type=int, default=5, help="of writing")
    parser.add_argument("--output", help="a file for the figures as JSON")
    arguments = parser.parse_args()
    figures = {}

    def tell(name, value, text):
        figures[name] = value
        print(text, flush=True)

    with fleet.Fleet(arguments.binaries) as mesh:
        assert mesh.start(), "the nodes do not see each other"
        status, answer = mesh.nodes[0].ask("POST", "/config", fleet.document(["owner"]))
        assert status in (200, 201, 202) and mesh.agreed(), (status, answer)
        times = single_changes(mesh, arguments.changes, "small", "owner")
        tell("change_ms", times, f"change to active on all 5: p50 {quantile(times, .5):.0f} ms, "
             f"p99 {quantile(times, .99):.0f} ms ({len(times)} changes)")
        write_rates(mesh, "empty", arguments.seconds, tell)
        mesh.agreed(60)
        before = [node.resident() for node in mesh.nodes]
        large = fleet.document([f"s{n}" for n in range(arguments.routes // 2)], routes=2,
                               targets=arguments.routes * 2)
        begin, answers = time.monotonic(), []

        def load():
            status, answer = mesh.nodes[0].ask("POST", "/config", large, timeout=120)
            answers.append((status, time.monotonic() - begin))
        loading = threading.Thread(target=load)
        loading.start()
        took = live_everywhere(mesh, f"/s{arguments.routes // 2 - 1}/1/", begin, 120, 0.02)
        loading.join()
        status, answered = answers[0]
        assert took is not None and status in (200, 201, 202), (status, took)
        tell("load_s", took, f"{arguments.routes} routes, {arguments.routes // 2} services, "
             f"{arguments.routes * 2} targets: answered after {answered:.2f} s, "
             f"live on all after {took:.2f} s")
        grown = [(node.resident() - old) / 1e6 for node, old in zip(mesh.nodes, before)]
        # What reading it took is given back some seconds later.
        time.sleep(REST)
        kept = [(node.resident() - old) / 1e6 for node, old in zip(mesh.nodes, before)]
        tell("memory_mb", kept, f"memory of it per node: {statistics.median(kept):.0f} MB "
             f"(at once {statistics.median(grown):.0f} MB, the node that was written to "
             f"{kept[0]:.0f} MB)")
        times = single_changes(mesh, min(20, arguments.changes), "large", "s0")
        tell("large_change_ms", times, f"change of one route among them: "
             f"p50 {quantile(times, .5):.0f} ms, most {max(times):.0f} ms")
        write_rates(mesh, "large", arguments.seconds, tell)
    routes_memory(arguments.binaries, arguments.routes, tell)
    load_consumers(arguments.binaries, arguments.consumers, tell)
    if arguments.output:
        with open(arguments.output, "w") as file:
            json.dump(figures, file)


main()

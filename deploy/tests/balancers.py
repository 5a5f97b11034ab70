"""Real nginx and HAProxy before five nodes under load: kills, a drain, an upgrade there and back. And keepalived."""
import http.client
import re
import signal
import threading
import time

import fleet as mesh
from suites.upgrade import NEXT, NOW, Agent, Programs, by_restart, meshctl

from .place import get, seconds_until

LIMIT = 400
# Where each balancer listens, instead of port 80.
LISTENS = {"nginx": "127.0.8.101", "haproxy": "127.0.8.102"}
HEALTH = "127.0.0.1:8079"
# Longer than it takes HAProxy to see that a node is not ready: two checks.
PROXY = {"drain_announce": 2}


class Load(threading.Thread):
    """Requests one after the other over a kept connection; what was not answered 200 is lost."""

    def __init__(self, address, method):
        super().__init__(daemon=True)
        self.address, self.method = address, method
        self.answered, self.lost, self.stop = 0, [], False
        self.start()

    def run(self):
        connection = None
        body = b"x" * 1000 if self.method == "POST" else None
        while not self.stop:
            try:
                connection = connection or http.client.HTTPConnection(self.address, 80, timeout=10)
                connection.request(self.method, "/a/0/x", body)
                answer = connection.getresponse()
                answer.read()
                problem = None if answer.status == 200 else answer.status
            except (OSError, http.client.HTTPException) as error:
                problem, connection = repr(error), None
            self.answered += problem is None
            if problem is not None:
                self.lost.append((round(time.monotonic(), 2), problem))
            time.sleep(0.002)


def run(place, report):
    refusals(place, report)
    five = place.fleet(proxy=PROXY)
    programs = Programs(five)
    report.check(five.start(), "five nodes are a mesh")
    five.nodes[0].ask("POST", "/config", mesh.document(["a"]))
    report.check(five.agreed(), "they route by one configuration")
    start_nginx(place, five)
    start_haproxy(place, five)
    for name, address in LISTENS.items():
        served = seconds_until(lambda: get(f"http://{address}/a/0/x")[0] == 200, 10)
        report.check(served is not None, f"{name} serves", get(f"http://{address}/a/0/x"))
        health = get(f"http://{address}:8079/balancer-health")[0], get(f"http://{address}/balancer-health")[0]
        report.equal(health, (200, 404), f"{name} tells its own health, and not on the clients' port")
    loads = {(name, method): [Load(address, method) for _ in range(4)]
             for name, address in LISTENS.items() for method in ("GET", "POST")}
    time.sleep(1)
    settle(report, loads, "undisturbed", strict=True)
    for node in (five.nodes[0], five.nodes[1], five.nodes[4]):
        kill(node, five, report)
        settle(report, loads, f"kill -9 of {node.name}", strict=False)
    drain(five.nodes[3], five, report)
    settle(report, loads, "drain and restart of a node", strict=True)
    for version in (NEXT, NOW):
        upgrade(version, five, programs, report)
        settle(report, loads, f"upgrade run to {version}", strict=True)
    for threads in loads.values():
        for load in threads:
            load.stop = True
    keepalived(place, report)


def settle(report, loads, what, strict):
    """No request is lost that may be retried; of POST only a kill may cost some."""
    for (name, method), threads in loads.items():
        lost, answered = [], 0
        for load in threads:
            lost += load.lost
            answered += load.answered
            load.lost, load.answered = [], 0
        if strict or method == "GET":
            report.check(answered > 50 and not lost, f"{name}: {what}: 0 of {answered} {method} lost",
                         (len(lost), lost[:5]))
        else:
            report.note(f"{name}: {what}: {len(lost)} of {answered} POST lost, which nobody may repeat")


def back(node, five):
    node.start()
    return taken(node, five)


def taken(node, five):
    ready = seconds_until(lambda: get(f"http://{node.address}:{mesh.STATUS}/status/ready")[0] == 200, 20)
    five.sees_all()
    time.sleep(2.5)  # Two checks of HAProxy's.
    return ready is not None


def kill(node, five, report):
    node.end(signal.SIGKILL)
    time.sleep(3)
    report.check(back(node, five), f"{node.name}, killed, comes back")


def drain(node, five, report):
    node.process.send_signal(signal.SIGTERM)
    report.equal(node.process.wait(30), 0, f"{node.name} drains and ends with status 0")
    report.check(back(node, five), f"{node.name} comes back")


def upgrade(version, five, programs, report):
    """By `meshctl upgrade run`, whose hook replaces the program and restarts the node."""
    def restart(node):
        programs.install(node, version)
        return by_restart(node)
    with Agent(five, restart) as agent:
        # The gates hold for longer than the balancers need to take a node back.
        status, _, errors = meshctl(five, five.nodes[0], "upgrade", "run", "--yes", "--settle", "3", "--max-latency", "2000",
                                    "--to", version, "--hook", agent.hook)
    report.check(status == 0 and len(agent.done) == 5, f"the fleet is upgraded to {version}", (status, errors[-300:]))
    programs.run(report, version, "upgrade run")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def nginx_main(folder):
    return (f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;\n"
            f"events {{ worker_connections 1000; }}\nhttp {{ access_log off; include {folder}/meshgate.conf; }}\n")


def start_nginx(place, five):
    folder = place.folder("nginx")
    write(f"{folder}/nginx.conf", nginx_main(folder))
    write(f"{folder}/meshgate.conf", place.read("balancers", "nginx.conf")
          .replace("listen 80;", f"listen {LISTENS['nginx']}:80;").replace(HEALTH, f"{LISTENS['nginx']}:8079"))
    lines = place.read("balancers", "nodes.example.conf").splitlines()
    options = lines[0].split(" ", 2)[2]
    write(f"{folder}/nodes.conf", "".join(f"server {node.address}:{mesh.PLAIN} {options}\n" for node in five.nodes))
    place.start(place.tool("nginx"), "-c", f"{folder}/nginx.conf", log=f"{folder}/log")


def start_haproxy(place, five):
    folder = place.folder("haproxy")
    write(f"{folder}/haproxy.cfg", place.read("balancers", "haproxy.cfg").replace("bind :80", f"bind {LISTENS['haproxy']}:80")
          .replace(HEALTH, f"{LISTENS['haproxy']}:8079"))
    write(f"{folder}/nodes.cfg", place.read("balancers", "nodes.example.cfg").splitlines()[0] + "\n"
          + "".join(f"    server {node.name} {node.address}:{mesh.PLAIN}\n" for node in five.nodes))
    place.start(place.tool("haproxy"), "-db", "-f", f"{folder}/haproxy.cfg", "-f", f"{folder}/nodes.cfg",
                log=f"{folder}/log")


def refusals(place, report):
    """Each balancer stops where its nodes were not chosen, and takes the example as it is."""
    folder = place.folder("refusals")
    write(f"{folder}/nginx.conf", nginx_main(folder))
    write(f"{folder}/meshgate.conf", place.read("balancers", "nginx.conf"))
    nginx = [place.tool("nginx"), "-t", "-c", f"{folder}/nginx.conf"]
    status, text = place.command(*nginx)
    report.check(status != 0 and "nodes.conf" in text, "nginx refuses without nodes.conf", text)
    write(f"{folder}/nodes.conf", place.read("balancers", "nodes.example.conf"))
    report.equal(place.command(*nginx)[0], 0, "nginx takes the example")
    haproxy = [place.tool("haproxy"), "-c", "-f", place.source("balancers", "haproxy.cfg")]
    status, text = place.command(*haproxy)
    report.check(status != 0 and "meshgate" in text, "HAProxy refuses without nodes.cfg", text)
    status, text = place.command(*haproxy, "-f", place.source("balancers", "nodes.example.cfg"))
    report.check(status == 0 and "WARNING" not in text, "HAProxy takes the example without a warning", text)


PAIR = """
ip netns add {name} && ip -n {name} link set lo up
ip link add {name} type veth peer name eth0 netns {name}
ip link set {name} master bridge up && ip -n {name} addr add 192.0.2.{number}/24 dev eth0
ip -n {name} link set eth0 up
"""


def keepalived(place, report):
    """Two balancers, nginx as it is shipped, with one address between them, in networks of their own."""
    program = place.tool("keepalived")
    folder = place.folder("keepalived")
    write(f"{folder}/keepalived.conf", place.read("balancers", "keepalived.conf"))
    status, text = place.command(program, "--config-test", "-f", f"{folder}/keepalived.conf")
    report.check(status != 0 and "balancer.conf" in text, "keepalived refuses without balancer.conf", text)
    write(f"{folder}/balancer.conf", place.read("balancers", "balancer.example.conf"))
    # Names of networks are files: in a folder of this proof's own.
    place.command("mkdir", "-p", "/run/netns")
    place.command("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    script = "set -e\nip link add bridge type bridge\nip link set bridge up\n"
    script += PAIR.format(name="one", number=2) + PAIR.format(name="two", number=3)
    status, text = place.command("bash", "-c", script)
    if not report.check(status == 0, "two balancers in networks of their own", text):
        return
    answers = {}
    for name in ("one", "two"):
        inside, own = ["ip", "netns", "exec", name], place.folder(f"keepalived/{name}")
        place.start(*inside, place.binary("meshd"), "run", "--dev", log=f"{own}/log")
        write(f"{own}/nginx.conf", nginx_main(own))
        write(f"{own}/meshgate.conf", place.read("balancers", "nginx.conf"))
        write(f"{own}/nodes.conf", "server 127.0.0.1:8000 max_fails=1 fail_timeout=5s;\n")
        answers[name] = place.start(*inside, place.tool("nginx"), "-c", f"{own}/nginx.conf", log=f"{own}/log")

        def status(path):
            return place.command(*inside, "curl", "-so", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1{path}")[1]
        served = seconds_until(lambda: status("/hello") == "200", 20)
        report.check(served is not None and status("/") == "404", f"balancer {name} serves a fleet without a route for /",
                     (status("/hello"), status("/")))
        place.start(*inside, program, "-n", "-l", "-f", f"{folder}/keepalived.conf",
                    "-p", f"{folder}/{name}.pid", "-r", f"{folder}/{name}.vrrp.pid", log=f"{folder}/{name}.log")

    def holders():
        return [name for name in ("one", "two")
                if re.search(r"192\.0\.2\.10/", place.command("ip", "-n", name, "addr", "show", "eth0")[1])]
    came = seconds_until(lambda: len(holders()) == 1, 30, step=0.2)
    if not report.check(came is not None, "one of them takes the address", holders()):
        return
    first = holders()[0]
    answers[first].terminate()
    took = seconds_until(lambda: holders() == [name for name in answers if name != first], 30, step=0.2)
    report.check(took is not None, "the other has it when the first serves no more", holders())

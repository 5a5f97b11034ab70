"""deploy/README.md: its links, the commands it names, and the recoveries it promises."""
import os
import re
import shlex
import shutil
import signal

import yaml

import fleet as mesh

from .place import seconds_until

LIMIT = 400


def run(place, report):
    text = place.read("README.md")
    links(place, report, text)
    rows = re.findall(r"^\| ([a-z-]+) \|", text[text.index("## Recovery"):], re.M)
    alerts = yaml.safe_load(place.read("observability", "rules", "alerts.yml"))["groups"][0]["rules"]
    report.equal({alert["annotations"]["recovery"] for alert in alerts} - set(rows), set(),
                 "every alert names a row of the table")
    recoveries(place, report, text)


def links(place, report, text):
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        report.check(os.path.exists(place.source(link)), f"link {link}")
    for word in re.findall(r"`((?:deploy|cluster)/[^` ]+)", text):
        report.check(os.path.exists(os.path.join(place.top, word)), f"path {word}")
    proofs = set(re.findall(r"`deploy/test (\w+)", text))
    report.check(all(os.path.exists(place.source("tests", f"{name}.py")) for name in proofs), "proofs that are named", proofs)
    for name in re.findall(r"ansible-playbook ([\w-]+\.yml)", text):
        report.check(os.path.exists(place.source("ansible", name)), f"playbook {name}")


def recoveries(place, report, text):
    """The commands of the table, on a real mesh, and the states they are for."""
    five = place.fleet()
    report.check(five.start(), "five nodes are a mesh")
    for retries in (3, 4):
        document = mesh.document(["a"], targets=100)
        document["upstreams"][0]["name"] = "up"
        document["services"][0]["retries"] = retries
        five.nodes[0].ask("POST", "/config", document)
    report.check(five.agreed(), "they route by one configuration")
    folder = place.folder("readme")
    environment = {"MESHCTL_ADMIN": f"http://{five.nodes[0].address}:{mesh.ADMIN}"}

    def meshctl(command, *good):
        status, output = place.command(place.binary("meshctl"), *shlex.split(command)[1:], folder=folder, environment=environment)
        report.check(status in (good or (0,)), f"{command}", (status, output[-300:]))
    named = [command for command in re.findall(r"`(meshctl [^`]+)`", text[text.index("## Recovery"):])]
    later = [command for command in named if "restore" in command]
    for command in dict.fromkeys(named):
        if command not in later:
            # 2: answered, and something is not well, as targets that are not there.
            meshctl(command, 0, 2)
    damaged(five.nodes[2], five, report)
    lost(place, five, report, folder, meshctl, later)


def damaged(node, five, report):
    node.end(signal.SIGTERM)
    store = os.path.join(node.data, "meshgate.sqlite")
    with open(store, "r+b") as file:
        file.seek(20)
        file.write(os.urandom(4000))
    node.start()
    report.equal(node.process.wait(20), 78, "a damaged store: status 78")
    with open(os.path.join(node.folder, "log")) as log:
        report.check("meshgate.sqlite" in log.read().splitlines()[-1], "and the file is named")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(store + suffix):
            os.remove(store + suffix)
    node.start()
    hash = five.nodes[0].configuration()
    report.check(seconds_until(lambda: node.configuration() == hash, 20) is not None, "moved away, the node gets all from its peers")


def lost(place, five, report, folder, meshctl, commands):
    """All disks and the key ring are gone; the backup is left."""
    hash = five.nodes[0].configuration()
    for node in five.nodes:
        node.end()
        place.command("rm", "-rf", node.data)
    os.remove(five.keyring)
    ring, restore = sorted(dict.fromkeys(commands), key=lambda command: "--keyring-to" not in command)
    meshctl(ring)
    shutil.move(f"{folder}/keyring", five.keyring)
    report.check(five.start(), "the nodes start empty, by the ring of the backup")
    meshctl(restore)
    report.check(seconds_until(lambda: {node.configuration() for node in five.nodes} == {hash}, 20) is not None,
                 "all have the configuration that was lost")

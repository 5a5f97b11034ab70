"""deploy/README.md: its links, the commands it names, and the recoveries it promises."""
import os
import re
import shlex
import shutil
import signal

import yaml

import fleet as mesh
from suites.report import Report

from . import recoveries as states
from . import verdict
from .place import seconds_until

LIMIT = 400
SECTION = re.compile(r"^## Recovery$.*?(?=^## |\Z)", re.M | re.S)


def run(place, report):
    text = place.read("README.md")
    links(place, report, text)
    commands(place, report, text)
    verdicts(report, text)
    rows = re.findall(r"^\| ([a-z-]+) \|", SECTION.search(text)[0], re.M)
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


def commands(place, report, text):
    """Whether meshctl knows every command and option that is named."""
    for command in dict.fromkeys(re.findall(r"`(meshctl [a-z][^`]*)`", text)):
        words = shlex.split(command)[1:]
        for count in (2, 1):
            path = [word for word in words[:count] if re.fullmatch("[a-z][a-z-]*", word)]
            status, known = place.command(place.binary("meshctl"), "help", *path)
            # Of what is no subcommand the help is that of the command above.
            if status == 0 and f"meshctl {' '.join(path)}" in known:
                break
        unknown = [word for word in words if word.startswith("--") and word not in known]
        report.check(status == 0 and not unknown and f"meshctl {words[0]}" in known, f"meshctl knows: {command}", unknown or known[:200])


def verdicts(report, text):
    """A run that skipped everything has not passed; in CI, nothing is skipped that is not named."""
    whole, named = Report("whole"), Report("part")
    named.notes.append("SKIPPED Vector itself: no package")
    other = Report("part")
    other.notes.append("SKIPPED something else: no reason")
    tool = Report("tool")
    tool.notes.append("SKIPPED: kubectl is not on this machine")
    whole.notes.append("SKIPPED: debootstrap is not on this machine")
    passed, skipped = ("systemd", "passed", Report("systemd"), 1), ("debian", "SKIPPED", whole, 1)
    for rows, lenient, strict in (([passed], 0, 0), ([passed, skipped], 0, 1), ([skipped], 77, 1),
                                  ([("observability", "passed", named, 1)], 0, 0), ([("observability", "passed", other, 1)], 0, 1),
                                  ([passed, ("debian", "FAILED", whole, 1)], 1, 1),
                                  ([passed, ("kubernetes", "SKIPPED", tool, 1)], 0, 0),
                                  ([passed, ("ansible", "SKIPPED", Report("ansible"), 1)], 0, 1)):
        what = ", ".join(f"{state} {report.notes}" for _, state, report, _ in rows)
        report.equal((verdict.status(rows, text, False), verdict.status(rows, text, True)), (lenient, strict),
                     f"statuses of a run, and of one in CI: {what}")


def recoveries(place, report, text):
    """The commands of the table, on a real mesh, and the states they are for."""
    five = place.fleet(profile="lan")
    for node in five.nodes:
        node.start({"MESH_PROXY_TLS_LISTEN": f"{node.address}:{states.TLS}"})
    report.check(five.sees_all(), "five nodes are a mesh")
    for retries in (3, 4):
        # Targets without a name come first, so that no alarm hides another.
        document = states.document(is_named=False)
        document["services"][0]["retries"] = retries
        five.nodes[0].ask("POST", "/config", document)
    report.check(five.agreed(), "they route by one configuration")
    folder = place.folder("readme")
    environment = {"MESHCTL_ADMIN": f"http://{five.nodes[0].address}:{mesh.ADMIN}"}

    def meshctl(command, *good):
        status, output = place.command(place.binary("meshctl"), *shlex.split(command)[1:], folder=folder, environment=environment)
        report.check(status in (good or (0,)), f"{command}", (status, output[-300:]))
        return output

    def retries():
        return five.nodes[0].ask("GET", "/services/a")[1].get("retries")
    named = [command for command in re.findall(r"`(meshctl [^`]+)`", SECTION.search(text)[0])]
    apart = [command for command in named if re.search("restore|upgrade|resume|kong.yml", command)]
    tried = {"meshctl config validate kong.yml", "meshctl config apply kong.yml --yes", "meshctl upgrade status",
             "meshctl upgrade abort", "meshctl resume eu-2"}
    report.equal({command for command in apart if "restore" not in command}, tried, "what needs a state of its own is tried in it")
    for command in dict.fromkeys(named):
        if command in apart:
            continue
        if command == "meshctl config rollback":
            report.equal(retries(), 4, "what is to be rolled back is live")
        # 2: answered, and something is not well, as targets that are not there.
        meshctl(command, 0, 2)
        if command == "meshctl config rollback":
            report.equal(retries(), 3, "what was live before is live again")
    states.clock(place, five, report)
    states.replaced(five, report)
    states.certificates(five, report, folder, meshctl)
    states.names(place, five, report)
    states.descriptors(place, five, report)
    states.paused(five, report, meshctl)
    states.identities(place, five, report)
    # Of the present configuration, for what comes last.
    meshctl("meshctl backup backup.json --with-keys --force")
    damaged(five.nodes[2], five, report)
    lost(place, five, report, folder, meshctl, [command for command in apart if "restore" in command])


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

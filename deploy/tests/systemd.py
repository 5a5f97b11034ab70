"""The unit: its words, its sandbox against what a node really does, and what a node tells systemd."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess

from .place import get, seconds_until

LIMIT = 90
# Of 100, which is everything open; Debian's own nginx unit has 96.
EXPOSURE = 20


def run(place, report):
    unit(place, report)
    choices(place, report)
    system_calls(place, report)
    notifications(place, report)
    unprivileged(place, report)


def unit(place, report):
    root = place.folder("systemd-root")
    placed = f"{root}/meshgate.service"
    with open(placed, "w") as file:
        file.write(place.read("systemd", "meshgate.service")
                   .replace("/usr/bin/meshd", place.binary("meshd")))
    status, text = place.command("systemd-analyze", "verify", "--man=no", placed)
    said = [line for line in text.splitlines() if "meshgate" in line]
    report.check(status == 0 and not said, "systemd-analyze verify has nothing to say", said or text)
    status, text = place.command("systemd-analyze", "security", "--offline=yes", "--no-pager",
                                 f"--threshold={EXPOSURE}", placed)
    overall = (re.findall(r"Overall exposure level.*", text) or [text[-200:]])[0]
    report.check(status == 0, f"systemd-analyze security: exposure at most {EXPOSURE / 10}", overall)
    report.note(overall.split(":", 1)[-1].strip() + " by systemd-analyze security")
    os.makedirs(f"{root}/etc")
    status, text = place.command("systemd-sysusers", f"--root={root}",
                                 place.source("systemd", "meshgate.sysusers"))
    with open(f"{root}/etc/passwd") as file:
        report.check("meshgate" in file.read(), "systemd-sysusers makes the user", text)
    status, text = place.command("systemd-tmpfiles", "--create", f"--root={root}",
                                 place.source("systemd", "meshgate.tmpfiles"))
    mode = os.stat(f"{root}/etc/meshgate").st_mode & 0o777 if status == 0 else text
    report.equal(mode, 0o750, "systemd-tmpfiles makes the folder of settings")


def filled(place, folder, **values):
    """The shipped settings with what an operator chooses, and paths and ports of the proof."""
    text = place.read("systemd", "node.yml")
    for name, value in values.items():
        text = re.sub(rf"^(  {name}:)$", rf"\1 {value}", text, flags=re.M)
    for real in ("/var/log/meshgate", "/run/meshgate", "/etc/meshgate"):
        text = text.replace(real, folder)
    return text + f"config: {folder}/kong.yml\n"


CHOSEN = {"region": "eu", "cluster": "proof", "seeds": '"off"', "advertise": '"127.0.0.1:7946"'}


def choices(place, report):
    """Each value that an operator must choose stops the start when it is left out."""
    folder = place.folder("choices")
    keyring(place, folder)
    for name in CHOSEN:
        chosen = {key: value for key, value in CHOSEN.items() if key != name}
        with open(f"{folder}/node.yml", "w") as file:
            file.write(filled(place, folder, **chosen))
        status, text = place.command(place.binary("meshd"), "run", "--config", f"{folder}/node.yml",
                                     "--data-dir", f"{folder}/data", timeout=10)
        report.check(status == 78 and f".{name} is " in text, f"without {name} the node refuses, 78",
                     (status, text))
    os.remove(f"{folder}/keyring")
    with open(f"{folder}/node.yml", "w") as file:
        file.write(filled(place, folder, **CHOSEN))
    status, text = place.command(place.binary("meshd"), "run", "--config", f"{folder}/node.yml",
                                 "--data-dir", f"{folder}/data", timeout=10)
    report.check(status == 78 and "keyring" in text, "without a key ring the node refuses, 78",
                 (status, text))


def keyring(place, folder):
    with open(os.open(f"{folder}/keyring", os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(subprocess.check_output([place.binary("meshd"), "keyring"]))


def node(place, name, before=(), environment=None):
    """A node with the shipped settings."""
    folder = place.folder(name)
    keyring(place, folder)
    with open(f"{folder}/kong.yml", "w") as file:
        json.dump({"_format_version": "3.0", "services": [{"name": "a", "url": "http://127.0.0.9:9000",
                   "routes": [{"name": "a", "paths": ["/"]}]}]}, file)
    with open(f"{folder}/node.yml", "w") as file:
        file.write(filled(place, folder, **CHOSEN).replace("drain_announce: 5", "drain_announce: 0"))
    for path in (folder, *(f"{folder}/{name}" for name in os.listdir(folder))):
        shutil.chown(path, "nobody" if before else "root")
    process = place.start(*before, place.binary("meshd"), "run", "--config", f"{folder}/node.yml",
                          "--data-dir", f"{folder}/data", log=f"{folder}/log", environment=environment)
    return folder, process


def allowed_calls(place):
    """The names of system calls that the unit's filters leave, by this systemd's own sets."""
    _, text = place.command("systemd-analyze", "--no-pager", "syscall-filter")
    sets, current = {}, None
    for line in text.splitlines():
        if line.startswith("@"):
            current = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and current is not None and not line.strip().startswith("#"):
            current.append(line.strip())

    def names(entry):
        if not entry.startswith("@"):
            return {entry}
        return set().union(*(names(inner) for inner in sets[entry]))

    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", place.read("systemd", "meshgate.service"), re.M):
        listed = set().union(*(names(entry) for entry in line.lstrip("~").split()))
        allowed = allowed - listed if line.startswith("~") else allowed | listed
    return allowed


def system_calls(place, report):
    """A node does, from start to drain, nothing that the unit forbids."""
    calls = os.path.join(place.work, "system-calls")
    place.start(place.binary("meshecho"), "--listen", "127.0.0.9:9000", log=os.devnull)
    # As somebody who is not root: some calls are made by root alone.
    folder, process = node(place, "traced", ["strace", "-f", "-c", "-u", "nobody", "-o", calls])
    came = seconds_until(lambda: get("http://127.0.0.1:8100/status/ready")[0] == 200, 30)
    report.check(came is not None, "the node serves with the shipped settings",
                 open(f"{folder}/log").read()[-500:])
    for words in (["http://127.0.0.1:8000/x"], ["-k", "https://127.0.0.1:8443/x"],
                  ["-k", "--http1.1", "https://127.0.0.1:8443/x"],
                  ["-d", "x" * 100_000, "http://127.0.0.1:8000/x"],
                  ["--unix-socket", f"{folder}/admin.sock", "http://localhost/status"],
                  ["http://127.0.0.1:8100/metrics"],
                  ["-X", "PATCH", "-d", "retries=3", "http://127.0.0.1:8001/services/a"]):
        status, text = place.command("curl", "-s", "-o", os.devnull, "-w", "%{http_code}", *words)
        report.equal(text, "200", f"curl {' '.join(words)[:60]}")
    # strace passes on no signal that it gets itself: the node is its child.
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        pid = int(children.read().split()[0])
    os.kill(pid, signal.SIGHUP)
    report.check(get("http://127.0.0.1:8100/status")[0] == 200, "it goes on after HUP (reload)")
    os.kill(pid, signal.SIGTERM)
    report.equal(process.wait(30), 0, "TERM (stop) ends it with status 0")
    with open(calls) as file:
        made = {line.split()[-1] for line in file if re.match(r"\s*\d", line)} - {"total", "execve"}
    allowed = allowed_calls(place)
    report.check(len(made) > 30 and made <= allowed,
                 f"the unit's filter allows all {len(made)} system calls it makes", made - allowed)


def unprivileged(place, report):
    """Nodes that are not root find each other: the unit's user, and the image's, have no rights."""
    addresses = ["127.0.8.41", "127.0.8.42"]
    for name, address in zip(("one", "two"), addresses):
        folder = place.folder(f"unprivileged-{name}")
        shutil.copy(f"{place.work}/traced/keyring", folder)
        for path in (folder, f"{folder}/keyring"):
            shutil.chown(path, "nobody")
        settings = {"proxy.listen": f"{address}:8000", "proxy.tls_listen": "off", "status.listen": f"{address}:8100",
                    "admin.listen": f"{address}:8001", "gossip.bind": f"{address}:7946", "gossip.keyring": f"{folder}/keyring",
                    "gossip.profile": "local", "node.name": name}
        place.start("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", place.binary("meshd"), "run", "--region", "eu",
                    "--data-dir", f"{folder}/data", "--seeds", ",".join(f"{seed}:7946" for seed in addresses),
                    *(word for pair in settings.items() for word in ("--set", "=".join(pair))), log=f"{folder}/log")
    came = seconds_until(lambda: get(f"http://{addresses[0]}:8001/mesh/members")[1].count('"alive"') == 2, 15)
    report.check(came is not None, "two nodes that are not root are a mesh", open(f"{place.work}/unprivileged-one/log").read()[-600:])


def heard(supervisor):
    """All that waits to be read, and comes soon after."""
    said = ""
    try:
        while True:
            said += supervisor.recv(4096).decode() + "\n"
    except TimeoutError:
        return said


def notifications(place, report):
    """What the node tells its supervisor (sd_notify), received as systemd would."""
    path = os.path.join(place.folder("notify"), "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as supervisor:
        supervisor.bind(path)
        supervisor.settimeout(0.5)
        _, process = node(place, "notifying", environment={"NOTIFY_SOCKET": path})
        seconds_until(lambda: get("http://127.0.0.1:8100/status/ready")[0] == 200, 20)
        first = heard(supervisor)
        kind = re.search(r"^Type=(.*)$", place.read("systemd", "meshgate.service"), re.M)[1]
        report.equal(kind, "notify", "the unit waits for READY=1")
        report.check("READY=1" in first, "READY=1 when it is ready", first)
        process.send_signal(signal.SIGTERM)
        report.equal(process.wait(30), 0, "it ends with status 0")
        said = heard(supervisor)
        report.check("STOPPING=1" in said, "STOPPING=1 when it drains", said)

"""The image: built and looked into by buildah, its entry point run in it; and the compose file."""
import glob
import json
import os
import re
import subprocess

import yaml

from suites.report import Missing

from .place import get, seconds_until

LIMIT = 400
FIRST = '{_format_version: "3.0", services: [{name: a, url: "http://127.0.0.1:9"}]}\n'


def run(place, report):
    compose(place, report)
    three(place, report)
    buildah(place, report)


def interpolated(text, values):
    """As compose does; raises KeyError with the message of a value that must be chosen."""
    def value(match):
        name, kind, rest = match.groups()
        if values.get(name):
            return values[name]
        if kind == ":?":
            raise KeyError(rest)
        return rest
    return re.sub(r"\$\{(\w+)(:[?-])([^}]*)\}", value, text)


def compose(place, report):
    import jsonschema
    text = place.read("container", "compose.yml")
    values = {"MESHGATE_IMAGE": "meshgate:proof", "GRAFANA_PASSWORD": "chosen"}
    for name in values:
        try:
            interpolated(text, {**values, name: ""})
            report.check(False, f"compose refuses without {name}")
        except KeyError as refusal:
            report.check("choose" in str(refusal), f"compose refuses without {name}", refusal)
    document = yaml.safe_load(interpolated(text, values))
    found = glob.glob(f"{place.work}/venv/lib/*/site-packages/compose/config/compose_spec.json")
    if not found:
        raise Missing("the schema of compose files (PyPI, docker-compose)")
    with open(found[0]) as file:
        schema = json.load(file)
    problems = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)]
    report.check(not problems, "compose.yml is valid by the compose schema", problems)
    nodes = {name: service for name, service in document["services"].items() if "secrets" in service}
    report.equal({service["environment"]["MESH_NODE_REGION"] for service in nodes.values()}, {"eu", "us"},
                 "three nodes in two regions")
    for name, service in nodes.items():
        own = service["networks"]["mesh"]["ipv4_address"]
        report.equal(service["environment"]["MESH_GOSSIP_ADVERTISE"], f"{own}:7946", f"{name} tells its own address")
    scraped = {target for entry in yaml.safe_load(place.read("container", "nodes.yml")) for target in entry["targets"]}
    report.equal(scraped, {f"{service['networks']['mesh']['ipv4_address']}:8100" for service in nodes.values()},
                 "Prometheus scrapes all nodes")
    for service in document["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                report.check(os.path.exists(place.source("container", source)), f"{source} is there")


CABLE = """
ip netns add {name} && ip -n {name} link set lo up
ip link add c-{name} type veth peer name eth0 netns {name}
ip link set c-{name} master composed up && ip -n {name} addr add {address}/24 dev eth0
ip -n {name} link set eth0 up
"""


def three(place, report):
    """The nodes of the compose file, by their environments, in networks of their own: a mesh that is ready."""
    folder = place.folder("three")
    document = yaml.safe_load(interpolated(place.read("container", "compose.yml"), {"MESHGATE_IMAGE": "x", "GRAFANA_PASSWORD": "x"}))
    files = {name: os.path.join(folder, os.path.basename(secret["file"])) for name, secret in document["secrets"].items()}
    with open(os.open(files["keyring"], os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(subprocess.check_output([place.binary("meshd"), "keyring"]))
    with open(files["first"], "w") as file:
        file.write(FIRST)
    nodes = {name: service for name, service in document["services"].items() if "secrets" in service}
    script = "set -e\nmkdir -p /run/netns\nmount -t tmpfs tmpfs /run/netns\nip link add composed type bridge\nip link set composed up\n"
    for name, service in nodes.items():
        script += CABLE.format(name=name, address=service["networks"]["mesh"]["ipv4_address"])
    status, text = place.command("bash", "-c", script)
    if not report.check(status == 0, "three containers' networks", text):
        return
    for name, service in nodes.items():
        environment = {key: files.get(value.removeprefix("/run/secrets/"), value) for key, value in service["environment"].items()}
        report.equal(set(service["secrets"]), set(files), f"{name} is given the keys and the first configuration")
        place.start("ip", "netns", "exec", name, place.binary("meshd"), "run", "--data-dir", f"{folder}/{name}",
                    environment=environment, log=f"{folder}/{name}.log")

    def inside(name, *words):
        return place.command("ip", "netns", "exec", name, *words)

    def ready(name):
        return inside(name, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8100/status/ready")[1] == "200"
    took = seconds_until(lambda: all(ready(name) for name in nodes), 40, step=0.3)
    report.check(took is not None, "the nodes of the compose file are ready, by that file alone",
                 [open(f"{folder}/{name}.log").read()[-400:] for name in nodes])
    members = seconds_until(lambda: "3 members: 3 up" in inside("us-1", place.binary("meshctl"), "members")[1]
                            and "on 3" in inside("us-1", place.binary("meshctl"), "members")[1], 20, step=0.3)
    report.check(members is not None, "and a mesh of one configuration", inside("us-1", place.binary("meshctl"), "members")[1])


def buildah(place, report):
    """The last stage, on a base of ours: the compiler's image of the first stage cannot be had here."""
    package = glob.glob(f"{place.work}/package/meshgate_*.deb")
    if not package:
        from .debian import build
        package = [build(place)[0]]
    if not os.path.exists(f"{place.host}/made") or not package[0]:
        raise Missing("the Debian folder or the package, of which the image is made")
    store = place.folder("buildah")
    # Whole systems are copied from layer to layer: in memory, which ends with the proof.
    place.command("mount", "-t", "tmpfs", "tmpfs", store)
    tool = [place.tool("buildah"), "--root", f"{store}/root", "--runroot", f"{store}/run", "--storage-driver", "vfs"]

    def do(*words, timeout=200):
        status, text = place.command(*tool, *words, timeout=timeout)
        if status != 0:
            raise RuntimeError(f"buildah {words[0]}: {text[-500:]}")
        return text.strip().splitlines()[-1] if text.strip() else ""
    base = do("from", "scratch")
    do("copy", base, place.host, "/")
    do("copy", base, package[0], "/out/")
    do("commit", base, "localhost/base")
    text = place.read("container", "Containerfile")
    last = text[text.index("FROM ${DEBIAN}"):].replace("--from=build", "--from=localhost/base")
    with open(f"{store}/Containerfile", "w") as file:
        file.write("ARG DEBIAN\n" + last)
    context(place, report, do, store)
    do("bud", "--isolation", "chroot", "--format", "docker", "--build-arg", "DEBIAN=localhost/base",
       "--tag", "localhost/meshgate", "--file", f"{store}/Containerfile", store)
    report.check(True, "buildah builds the last stage")
    report.note("SKIPPED the first stage of the image: it compiles in an image of Swift, which cannot be had here")
    image = json.loads(place.command(*tool, "inspect", "--type", "image", "localhost/meshgate")[1])["Docker"]["config"]
    report.equal((image["User"], image["Entrypoint"], image["Cmd"]), ("65532:65532", ["/usr/bin/meshd"], ["run"]),
                 "it runs meshd as uid 65532")
    report.check(image.get("Healthcheck") and "org.opencontainers.image.title" in image["Labels"],
                 "it has a health check and labels", image)
    root = do("mount", do("from", "localhost/meshgate"))
    entry(place, report, root, image["Healthcheck"]["Test"][1])


def context(place, report, do, store):
    """Neither keys nor what was built get into an image by .dockerignore, and all sources do."""
    folder = place.folder("context")
    stays = [".git/HEAD", ".build/release/meshd", "cluster/.run/keyring", "deploy/container/keyring", "old.keyring",
             "deploy/kubernetes/overlays/edge/keyring", "deploy/kubernetes/overlays/edge/place.env",
             "deploy/kubernetes/overlays/edge/kong.yml"]
    # What git has, by name.
    goes = place.command("git", "-C", place.top, "-c", "safe.directory=*", "ls-files")[1].split("\n")
    goes = [name for name in goes if name] if os.path.exists(f"{place.top}/.git") else ["Package.swift", "deploy/debian/build"]
    for name in stays + goes:
        os.makedirs(os.path.dirname(f"{folder}/{name}") or folder, exist_ok=True)
        with open(f"{folder}/{name}", "w"):
            pass
    with open(os.path.join(place.top, ".dockerignore")) as file, open(f"{folder}/.dockerignore", "w") as copied:
        copied.write(file.read())
    with open(f"{store}/All", "w") as file:
        file.write("FROM scratch\nCOPY . /source\n")
    do("bud", "--isolation", "chroot", "--tag", "localhost/context", "--file", f"{store}/All", folder)
    root = do("mount", do("from", "localhost/context")) + "/source"
    there = {os.path.relpath(os.path.join(path, name), root) for path, _, names in os.walk(root) for name in names}
    report.check(not there & set(stays), ".dockerignore keeps keys, history and builds out of the image", there & set(stays))
    report.equal(set(goes) - there, set(), f"and lets all {len(goes)} sources in")


# The root read-only, with what a container has beside it.
CONTAINED = r"""
mount --make-rprivate / && mount --bind "$1" "$1" && cd "$1" && mount -o remount,bind,ro "$1"
cd "$1"
for folder in tmp var/tmp run var/lib/meshgate; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
chown 65532:65532 var/lib/meshgate && mount -t proc proc proc && mount --bind /dev dev
install -o 65532 -m 600 "$2" run/keyring
install -o 65532 -m 600 "$3" run/first
shift 3
exec chroot --userspec=65532:65532 . env -i PATH=/usr/bin:/bin "$@"
"""


def entry(place, report, root, check):
    ring = f"{place.work}/buildah/keyring"
    with open(ring, "wb") as file:
        file.write(subprocess.check_output([place.binary("meshd"), "keyring"]))
    first = f"{place.work}/buildah/first"
    with open(first, "w") as file:
        file.write(FIRST)
    inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", CONTAINED, "contained", root, ring, first]
    status, text = place.command(*inside, "/usr/bin/meshd", "run", timeout=20)
    report.check(status == 78 and "node.region" in text, "without a region it refuses, 78", (status, text))
    text = place.read("container", "compose.yml")
    document = yaml.safe_load(interpolated(text, {"MESHGATE_IMAGE": "x", "GRAFANA_PASSWORD": "x"}))
    own = {**document["services"]["eu-1"]["environment"], "MESH_GOSSIP_KEYRING": "/run/keyring", "MESH_CONFIG": "/run/first",
           "MESH_GOSSIP_ADVERTISE": "127.0.0.1:7946", "MESH_GOSSIP_SEEDS": "127.0.0.1:7946", "MESH_PROXY_DRAIN_ANNOUNCE": "0"}
    log = f"{place.work}/buildah/log"
    process = place.start(*inside, *(f"{name}={value}" for name, value in own.items()), "/usr/bin/meshd", "run", log=log)
    served = seconds_until(lambda: get("http://127.0.0.1:8100/status")[0] == 200, 20)
    report.check(served is not None, "with a read-only root it runs", open(log).read()[-500:])

    def checked():
        return place.command("unshare", "--mount", "sh", "-c", 'mount -t proc proc "$1/proc" && exec chroot "$1" sh -c "$2"',
                             "check", root, check)
    # As a runtime does, again and again: the Admin port may open a moment after the status port.
    healthy = seconds_until(lambda: checked()[0] == 0, 20)
    report.check(healthy is not None and "eu-1" in checked()[1], "the health check passes", checked())
    # unshare's child is the node: what it is told, the container's first process is told.
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        pid = int(children.read().split()[0])
    os.kill(pid, 15)
    report.equal(process.wait(45), 0, "TERM ends it with status 0")
    status, text = checked()
    report.check(status == 1 and "no node answers" in text, "the health check fails when nothing answers", (status, text))

"""The manifests: rendered, held against the schema, and their pod run as a kubelet would."""
import base64
import copy
import os
import shutil
import signal

import yaml

from suites.report import Missing

from .kubernetes_parts import EVERYWHERE, OF_EDGE, OF_SETS, workload
from .place import get, seconds_until

LIMIT = 150
OVERLAYS = ["one-region", "two-regions/eu", "two-regions/us", "edge"]
FIRST = '{"_format_version": "3.0", "services": [{"name": "s", "url": "http://127.0.0.1:9"}]}'


def run(place, report):
    status, text = place.command(place.tool("kubectl"), "kustomize", "--help")
    if status != 0 or "--enable-helm" not in text:
        raise Missing("kubectl here has no kustomize of version 4 or later")
    folder = place.folder("kubernetes") + "/kubernetes"
    shutil.copytree(place.source("kubernetes"), folder)
    rendered = {name: render(place, report, folder, name) for name in OVERLAYS}
    for name, objects in rendered.items():
        if objects:
            schema(place, report, folder, name, objects)
            parts(report, name, objects)
            joined(report, name, objects)
    for name in ("one-region", "edge"):
        if rendered[name]:
            pod(place, report, name, rendered[name])


def render(place, report, folder, name):
    """The overlay's objects, after it was refused without what an operator chooses."""
    overlay, kustomize = f"{folder}/overlays/{name}", ["kubectl", "kustomize"]
    for choice in ("place.env", "peers.yaml", "keyring", "kong.yml"):
        if choice == "peers.yaml" and not os.path.exists(f"{overlay}/peers.example.yaml"):
            continue
        status, text = place.command(*kustomize, overlay)
        report.check(status != 0, f"{name}: refused without {choice}", text[:200])
        example = f"{overlay}/{choice.replace('.', '.example.')}"
        if choice == "kong.yml":
            with open(f"{overlay}/kong.yml", "w") as file:
                file.write(FIRST)
        elif choice == "keyring":
            with open(f"{overlay}/keyring", "w") as file:
                file.write(place.command(place.binary("meshd"), "keyring")[1])
        else:
            shutil.copy(example, f"{overlay}/{choice}")
    status, text = place.command(*kustomize, overlay)
    if not report.check(status == 0, f"{name}: rendered", text[-300:]):
        return None
    return list(yaml.safe_load_all(text))


def schema(place, report, folder, name, objects):
    # No schema of Kubernetes knows what the Prometheus operator adds.
    known = [thing for thing in objects if not thing["apiVersion"].startswith("monitoring.")]
    path = f"{folder}/{name.replace('/', '-')}.yaml"
    with open(path, "w") as file:
        yaml.safe_dump_all(known, file)
    status, text = place.command(place.tool("kubernetes-validate"), "--strict", path)
    report.check(status == 0 and "ERROR" not in text, f"{name}: kubernetes-validate --strict, {len(known)} objects", text[-500:])


def parts(report, name, objects):
    """What the overlay must have is there; each check fails on the same objects without it."""
    for what, holds, take_away in EVERYWHERE + (OF_EDGE if name == "edge" else OF_SETS):
        report.check(holds(objects), f"{name}: {what}")
        less = copy.deepcopy(objects)
        take_away(less)
        report.check(not holds(less), f"{name}: {what}: the check notices when it is gone")


def joined(report, name, objects):
    """Names point at what is there: ports, selectors, generated maps, time to drain."""
    template = workload(objects)["spec"]["template"]
    container, labels = template["spec"]["containers"][0], template["metadata"]["labels"]
    ports, names = {port["name"] for port in container["ports"]}, {thing["metadata"]["name"] for thing in objects}
    used, selectors = set(), []
    for thing in objects:
        spec = thing.get("spec", {})
        if thing["kind"] == "Service":
            used |= {port["targetPort"] for port in spec["ports"]}
            selectors.append(spec["selector"])
        elif thing["kind"] == "NetworkPolicy":
            used |= {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
            selectors.append(spec["podSelector"]["matchLabels"])
        elif thing["kind"] == "PodMonitor":
            used |= {end["port"] for end in spec["podMetricsEndpoints"]}
            selectors.append(spec["selector"]["matchLabels"])
        elif thing["kind"] == "PodDisruptionBudget":
            selectors.append(spec["selector"]["matchLabels"])
        elif thing["kind"] == "HorizontalPodAutoscaler":
            report.equal(spec["scaleTargetRef"]["name"], workload(objects)["metadata"]["name"], f"{name}: the HPA scales the set")
    used |= {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    report.check(used <= ports, f"{name}: every port that is named is the container's", used - ports)
    report.check(all(labels.items() >= selector.items() for selector in selectors), f"{name}: every selector finds the pods", selectors)
    needed = {entry["valueFrom"]["configMapKeyRef"]["name"] for entry in container["env"] if "configMapKeyRef" in entry.get("valueFrom", {})}
    for volume in template["spec"]["volumes"]:
        needed |= {volume["configMap"]["name"]} if "configMap" in volume else set()
        needed |= {volume["secret"]["secretName"]} if "secret" in volume else set()
    report.check(needed <= names, f"{name}: maps and secrets are there", needed - names)
    settings = yaml.safe_load(named(objects, "ConfigMap", "settings")["data"]["node.yml"])
    drain = settings["proxy"]["drain_announce"] + settings["proxy"]["drain_deadline"]
    report.check(template["spec"]["terminationGracePeriodSeconds"] >= drain + 5, f"{name}: the grace period outlasts the drain")


def named(objects, kind, part):
    return next(thing for thing in objects if thing["kind"] == kind and part in thing["metadata"]["name"])


# What a kubelet makes of a volume: its own folder for claims and empty folders, which fsGroup then gets;
# a folder of the machine is root's, and stays so.
MODES = {"secret": 0o755, "configMap": 0o755, "emptyDir": 0o2777, "persistentVolumeClaim": 0o2775, "hostPath": 0o755}


def mounted(folder, objects):
    """The pod's volumes as folders, by their mount paths; nothing else in it can be written to."""
    spec, places = workload(objects)["spec"], {}
    template = spec["template"]["spec"]
    volumes = template["volumes"] + [{"name": claim["metadata"]["name"], "persistentVolumeClaim": {}}
                                     for claim in spec.get("volumeClaimTemplates", [])]
    held = {(thing["kind"], thing["metadata"]["name"]): thing.get("data", {}) for thing in objects if "data" in thing}
    os.chmod(folder, 0o755)
    for mount in template["containers"][0]["volumeMounts"]:
        volume = next(volume for volume in volumes if volume["name"] == mount["name"])
        kind = next(key for key in volume if key != "name")
        path = places[mount["mountPath"]] = f"{folder}/{mount['name']}"
        os.makedirs(path)
        group = template["securityContext"]["fsGroup"]
        shutil.chown(path, 0, 0 if kind == "hostPath" else group)
        os.chmod(path, MODES[kind])
        reference = ("Secret", volume[kind]["secretName"]) if kind == "secret" else ("ConfigMap", volume[kind].get("name"))
        for name, value in held.get(reference, {}).items():
            with open(f"{path}/{name}", "wb") as file:
                file.write(base64.b64decode(value) if kind == "secret" else value.encode())
            shutil.chown(f"{path}/{name}", 0, group)
            os.chmod(f"{path}/{name}", volume[kind].get("defaultMode", 0o644))
    return places


def pod(place, report, name, objects):
    """The container's command, environment, files, user and probes, with this machine as the pod."""
    folder = place.folder(f"pod-{name}")
    template = workload(objects)["spec"]["template"]["spec"]
    container, context = template["containers"][0], template["securityContext"]
    places = mounted(folder, objects)
    values = named(objects, "ConfigMap", "place")["data"]
    fields = {"status.podIP": "127.0.9.1", "metadata.name": "meshgate-0", "spec.nodeName": "machine-1"}
    environment = {}
    for entry in container["env"]:
        source = entry.get("valueFrom", {})
        environment[entry["name"]] = fields[source["fieldRef"]["fieldPath"]] if "fieldRef" in source \
            else values[source["configMapKeyRef"]["key"]] if source \
            else entry["value"].replace("$(POD_IP)", environment["POD_IP"])
    # The mounts, as paths of this proof; nobody answers for the seeds, as for the first pod.
    settings = f"{places['/etc/meshgate/settings']}/node.yml"
    with open(settings) as file:
        text = file.read()
    for mount, path in places.items():
        text = text.replace(mount, path)
    with open(settings, "w") as file:
        file.write(text)
    arguments = [settings if word.endswith("node.yml") else word for word in container["args"]]
    user = ["setpriv", f"--reuid={context['runAsUser']}", f"--regid={context['runAsGroup']}",
            f"--groups={context['fsGroup']}", "--no-new-privs", "--bounding-set=-all"]
    # Where the user may read it: folders above the binaries may be closed to others.
    program = shutil.copy(place.binary("meshd"), f"{folder}/meshd")
    missing = {**environment, "MESH_NODE_REGION": ""}
    status, text = place.command(*user, program, *arguments, environment=missing, timeout=10)
    report.check(status == 78 and "node.region" in text, f"{name}: without a region the pod does not start", (status, text))
    process = place.start(*user, program, *arguments, environment=environment, log=f"{folder}/log")

    def passes(probe):
        wanted = container[probe]["httpGet"]
        port = next(port["containerPort"] for port in container["ports"] if port["name"] == wanted["port"])
        return get(f"http://127.0.0.1:{port}{wanted['path']}")[0] == 200
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        report.check(seconds_until(lambda: passes(probe), 20) is not None,
                     f"{name}: as uid {context['runAsUser']} the pod's {probe} passes, with the first configuration alone",
                     open(f"{folder}/log").read()[-500:])
    process.send_signal(signal.SIGTERM)
    report.check(seconds_until(lambda: not passes("readinessProbe"), 5) is not None and passes("livenessProbe")
                 and process.poll() is None, f"{name}: TERM turns readiness off at once, and the pod goes on serving")
    report.equal(process.wait(45), 0, f"{name}: and ends with status 0")

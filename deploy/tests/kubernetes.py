"""The manifests: rendered, held against the schema, and their pod run as a kubelet would."""
import base64
import os
import shutil
import signal

import yaml

from suites.report import Missing

from .place import get, seconds_until

LIMIT = 120
OVERLAYS = ["one-region", "two-regions/eu", "two-regions/us", "edge"]


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
            restricted(report, name, objects)
            joined(report, name, objects)
    if rendered["one-region"]:
        pod(place, report, rendered["one-region"])


def render(place, report, folder, name):
    """The overlay's objects, after it was refused without what an operator chooses."""
    overlay, kustomize = f"{folder}/overlays/{name}", ["kubectl", "kustomize"]
    for choice in ("place.env", "peers.yaml", "keyring"):
        if choice == "peers.yaml" and not os.path.exists(f"{overlay}/peers.example.yaml"):
            continue
        status, text = place.command(*kustomize, overlay)
        report.check(status != 0, f"{name}: refused without {choice}", text[:200])
        example = f"{overlay}/{choice.replace('.', '.example.')}"
        if choice == "keyring":
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


def workload(objects):
    return next(thing for thing in objects if thing["kind"] in ("StatefulSet", "DaemonSet"))


def restricted(report, name, objects):
    """Kubernetes' restricted standard for pods, but for the edge's, which is on the machine's network."""
    spec = workload(objects)["spec"]["template"]["spec"]
    container, context = spec["containers"][0]["securityContext"], spec["securityContext"]
    report.check(context["runAsNonRoot"] and context["seccompProfile"]["type"] == "RuntimeDefault"
                 and container["capabilities"] == {"drop": ["ALL"]}
                 and container["allowPrivilegeEscalation"] is False
                 and container["readOnlyRootFilesystem"], f"{name}: restricted security context", spec)
    if name != "edge":
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        report.check(kinds <= {"configMap", "secret", "emptyDir"} and "hostNetwork" not in spec,
                     f"{name}: no folder or network of the machine", kinds)


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


def pod(place, report, objects):
    """The container's command, environment, files and probes, with this machine as the pod."""
    folder = place.folder("pod")
    container = workload(objects)["spec"]["template"]["spec"]["containers"][0]
    for part, kind, mode in (("settings", "ConfigMap", 0o644), ("keys", "Secret", 0o440)):
        os.makedirs(f"{folder}/{part}")
        for name, value in named(objects, kind, part)["data"].items():
            with open(f"{folder}/{part}/{name}", "wb") as file:
                file.write(base64.b64decode(value) if kind == "Secret" else value.encode())
            os.chmod(f"{folder}/{part}/{name}", mode)
    values = named(objects, "ConfigMap", "place")["data"]
    fields = {"status.podIP": "127.0.9.1", "metadata.name": "meshgate-0"}
    environment = {}
    for entry in container["env"]:
        source = entry.get("valueFrom", {})
        environment[entry["name"]] = fields[source["fieldRef"]["fieldPath"]] if "fieldRef" in source \
            else values[source["configMapKeyRef"]["key"]] if source \
            else entry["value"].replace("$(POD_IP)", environment["POD_IP"])
    # The mounts, as paths of this proof; nobody answers for the seeds, as for the first pod.
    settings = f"{folder}/settings/node.yml"
    with open(settings) as file:
        text = file.read().replace("/etc/meshgate/keys", f"{folder}/keys").replace("/var/lib/meshgate", f"{folder}/data")
    with open(settings, "w") as file:
        file.write(text)
    arguments = [settings if word.endswith("node.yml") else word for word in container["args"]]
    with open(f"{folder}/kong.json", "w") as file:
        file.write('{"_format_version":"3.0","services":[{"name":"s","url":"http://127.0.0.1:9"}]}')
    environment["MESH_CONFIG"] = f"{folder}/kong.json"
    missing = {**environment, "MESH_NODE_REGION": ""}
    status, text = place.command(place.binary("meshd"), *arguments, environment=missing, timeout=10)
    report.check(status == 78 and "node.region" in text, "without a region the pod does not start", (status, text))
    process = place.start(place.binary("meshd"), *arguments, environment=environment, log=f"{folder}/log")

    def passes(probe):
        wanted = container[probe]["httpGet"]
        port = next(port["containerPort"] for port in container["ports"] if port["name"] == wanted["port"])
        return get(f"http://127.0.0.1:{port}{wanted['path']}")[0] == 200
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        report.check(seconds_until(lambda: passes(probe), 20) is not None, f"the pod's {probe} passes",
                     open(f"{folder}/log").read()[-500:])
    process.send_signal(signal.SIGTERM)
    report.check(seconds_until(lambda: not passes("readinessProbe"), 5) is not None and passes("livenessProbe")
                 and process.poll() is None, "TERM turns readiness off at once, and the pod goes on serving")
    report.equal(process.wait(45), 0, "and ends with status 0")

"""The parts that every overlay must have, and how each is taken away to see that its check notices."""


def workload(objects):
    return next(thing for thing in objects if thing["kind"] in ("StatefulSet", "DaemonSet"))


def template(objects):
    return workload(objects)["spec"]["template"]["spec"]


def container(objects):
    return template(objects)["containers"][0]


def find(objects, kind, holds=lambda spec: True):
    """The spec of the one object of a kind; empty when there is none, or another number."""
    found = [thing["spec"] for thing in objects if thing["kind"] == kind and holds(thing["spec"])]
    return found[0] if len(found) == 1 else {}


def without(kind, holds=lambda spec: True):
    def drop(objects):
        objects[:] = [thing for thing in objects if not (thing["kind"] == kind and holds(thing["spec"]))]
    return drop


def is_headless(spec):
    return spec.get("clusterIP") == "None"


def spreads(objects):
    """Over zones where it can be, over machines always."""
    rules = template(objects).get("topologySpreadConstraints", [])
    return {(rule["topologyKey"], rule["whenUnsatisfiable"]) for rule in rules} == {
        ("topology.kubernetes.io/zone", "ScheduleAnyway"), ("kubernetes.io/hostname", "DoNotSchedule")}


def scales(objects):
    spec = find(objects, "HorizontalPodAutoscaler")
    target = {"type": "Utilization", "averageUtilization": 70}
    return bool(spec) and spec["minReplicas"] >= 3 and spec["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": target}}] \
        and spec["scaleTargetRef"]["kind"] == "StatefulSet" and "cpu" in container(objects)["resources"]["requests"]


def hot(objects):
    find(objects, "HorizontalPodAutoscaler")["metrics"][0]["resource"]["target"]["averageUtilization"] = 99


def walled(objects):
    """Clients' ports are open, gossip is for members and metrics for Prometheus; all else is closed."""
    spec = find(objects, "NetworkPolicy")
    if spec.get("policyTypes") != ["Ingress"]:
        return False
    open_ports = {port["port"] for rule in spec["ingress"] if not rule.get("from") for port in rule["ports"]}
    named = [(port["port"], port.get("protocol", "TCP")) for rule in spec["ingress"] if rule.get("from") for port in rule["ports"]]
    return open_ports == {"http", "https"} and sorted(named) == [
        ("gossip-tcp", "TCP"), ("gossip-udp", "UDP"), ("status", "TCP")]


def breached(objects):
    for rule in find(objects, "NetworkPolicy")["ingress"]:
        rule.pop("from", None)


def monitored(objects):
    ends = find(objects, "PodMonitor").get("podMetricsEndpoints")
    return ends == [{"port": "status", "path": "/metrics", "interval": "15s"}]


def probed(objects):
    """Alive is the process, ready is the node; neither is asked on a port of clients."""
    paths = {probe: container(objects).get(probe, {}).get("httpGet") for probe in
             ("startupProbe", "livenessProbe", "readinessProbe")}
    return paths == {"startupProbe": {"path": "/status", "port": "status"},
                     "livenessProbe": {"path": "/status", "port": "status"},
                     "readinessProbe": {"path": "/status/ready", "port": "status"}}


def secret(part, file):
    """Whether a generated Secret with that file is mounted, readable by the pod's group alone."""
    def holds(objects):
        names = {thing["metadata"]["name"]: set(thing["data"]) for thing in objects if thing["kind"] == "Secret"}
        volume = next((one["secret"] for one in template(objects)["volumes"] if one["name"] == part), {})
        place = next((one for one in container(objects)["volumeMounts"] if one["name"] == part), {})
        return names.get(volume.get("secretName")) == {file} and volume["defaultMode"] == 0o440 \
            and place.get("mountPath") == f"/etc/meshgate/{part}" and place.get("readOnly") is True
    return holds


def forgotten(part):
    def drop(objects):
        objects[:] = [thing for thing in objects if not (thing["kind"] == "Secret" and part in thing["metadata"]["name"])]
    return drop


def restricted(objects):
    """Kubernetes' restricted standard for pods."""
    pod, own = template(objects).get("securityContext", {}), container(objects).get("securityContext", {})
    return pod.get("runAsNonRoot") is True and pod.get("runAsUser") == 65532 and pod.get("fsGroup") == 65532 \
        and pod.get("seccompProfile") == {"type": "RuntimeDefault"} and own.get("capabilities") == {"drop": ["ALL"]} \
        and own.get("allowPrivilegeEscalation") is False and own.get("readOnlyRootFilesystem") is True


def enclosed(objects):
    """Nothing of the machine: no folder, no network."""
    kinds = {kind for volume in template(objects)["volumes"] for kind in volume if kind != "name"}
    return kinds <= {"secret", "configMap", "emptyDir"} and not template(objects).get("hostNetwork")


def exposed(objects):
    template(objects)["volumes"].append({"name": "machine", "hostPath": {"path": "/"}})


def folderless(objects):
    """The pod is not root, whose a folder of the machine would be."""
    return not any("hostPath" in volume for volume in template(objects)["volumes"])


def partitioned(objects):
    strategy = workload(objects)["spec"].get("updateStrategy", {})
    return strategy.get("type") == "RollingUpdate" and "partition" in strategy.get("rollingUpdate", {})


def one_at_a_time(objects):
    strategy = workload(objects)["spec"].get("updateStrategy", {})
    return strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


def by_hand(objects):
    workload(objects)["spec"]["updateStrategy"] = {"type": "OnDelete"}


def kept(objects):
    """Each pod keeps its identity over a restart."""
    claims = workload(objects)["spec"].get("volumeClaimTemplates", [])
    return [claim["metadata"]["name"] for claim in claims] == ["data"]


# What must be there, where it is found, and how it is taken away.
EVERYWHERE = [
    ("restricted security context", restricted, lambda objects: template(objects)["securityContext"].pop("runAsNonRoot")),
    ("read-only root", restricted, lambda objects: container(objects)["securityContext"].pop("readOnlyRootFilesystem")),
    ("disruption budget", lambda objects: find(objects, "PodDisruptionBudget").get("maxUnavailable") == 1,
     without("PodDisruptionBudget")),
    ("members find pods that are not ready", lambda objects:
     find(objects, "Service", is_headless).get("publishNotReadyAddresses") is True,
     lambda objects: find(objects, "Service", is_headless).pop("publishNotReadyAddresses")),
    ("clients find ready pods alone", lambda objects: bool(find(objects, "Service", lambda spec: not is_headless(spec)))
     and not find(objects, "Service", lambda spec: not is_headless(spec)).get("publishNotReadyAddresses"),
     without("Service", lambda spec: not is_headless(spec))),
    ("pod monitor", monitored, without("PodMonitor")),
    ("probes", probed, lambda objects: container(objects).pop("readinessProbe")),
    ("the key ring is a Secret", secret("keys", "keyring"), forgotten("keys")),
    ("the first configuration is a Secret", secret("first", "kong.yml"), forgotten("first")),
    ("no token of the cluster", lambda objects: template(objects).get("automountServiceAccountToken") is False,
     lambda objects: template(objects).pop("automountServiceAccountToken")),
    ("no folder of the machine", folderless, exposed),
]
OF_SETS = [
    ("topology spread", spreads, lambda objects: template(objects).pop("topologySpreadConstraints")),
    ("autoscaler", scales, without("HorizontalPodAutoscaler")),
    ("autoscaler at 70 % CPU", scales, hot),
    ("network policy", walled, without("NetworkPolicy")),
    ("network policy names who", walled, breached),
    ("rolling update by partition", partitioned, by_hand),
    ("folder for each pod", kept, lambda objects: workload(objects)["spec"].pop("volumeClaimTemplates")),
    ("nothing of the machine", enclosed, lambda objects: template(objects).update(hostNetwork=True)),
]
OF_EDGE = [
    ("one machine after the other", one_at_a_time, by_hand),
    ("no policy that would not hold", lambda objects: not any(thing["kind"] == "NetworkPolicy" for thing in objects),
     lambda objects: objects.extend([{"kind": "NetworkPolicy", "spec": {"policyTypes": ["Ingress"]}}] * 2)),
    ("the machine's network", lambda objects: template(objects).get("hostNetwork") is True
     and template(objects).get("dnsPolicy") == "ClusterFirstWithHostNet",
     lambda objects: template(objects).pop("hostNetwork")),
]

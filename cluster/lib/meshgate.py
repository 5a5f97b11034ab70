"""Starts this gateway with the routes that all peers have, as far as it serves them."""
import json
import os
import subprocess

PREFIXES = ["/svc0/", "/svc1/", "/svc2/", "/svc3/", "/svc4/"]
HOSTS = ["api0.example.com", "api1.example.com", "api2.example.com", "api3.example.com"]
PLAIN, TLS, TCP, TLS_STREAM, UDP, ADMIN, STATUS, GOSSIP = \
    28104, 28204, 28504, 28604, 28704, 28114, 28124, 28134
PROXY_PROTOCOL, TCP_PROXY_PROTOCOL, TLS_PASSTHROUGH = 28804, 28904, 28605

# What a build may not serve yet: the settings and entities of each are left out where refused.
FEATURES = ["tls", "grpc", "tcp", "tls_stream", "tls_passthrough", "udp", "proxy_protocol"]
# What the benchmarks do without: a listener of its own costs nothing, but is no peer's.
SUITES_ONLY = {"tls_passthrough", "proxy_protocol"}


HEALTH = {
    "active": {"http_path": "/", "healthy": {"interval": 1, "successes": 1},
               "unhealthy": {"interval": 1, "tcp_failures": 1}},
    "passive": {"unhealthy": {"tcp_failures": 1, "timeouts": 2, "http_failures": 5}},
}


def upstreams(health):
    """Two targets; the suites, whose targets misbehave on purpose, want no verdicts on them."""
    checks = {"healthchecks": HEALTH} if health else {}
    targets = [{"target": "127.0.0.1:29001"}, {"target": "127.0.0.1:29002"}]
    return [{"name": "up", **checks, "targets": targets}]


def stream(name, protocol, port, match):
    return {"name": name, "protocol": "tcp" if protocol != "udp" else "udp", "host": "127.0.0.1",
            "port": port, "routes": [{"name": name, "protocols": [protocol], **match}]}


def services(features):
    routes = [{"name": prefix.strip("/"), "strip_path": False, "hosts": HOSTS, "paths": [prefix]}
              for prefix in PREFIXES]
    listed = [
        {"name": "up", "host": "up", "routes": routes},
        {"name": "ws", "host": "127.0.0.1", "port": 29003, "read_timeout": 3_600_000,
         "write_timeout": 3_600_000,
         "routes": [{"name": "ws", "strip_path": False, "hosts": HOSTS, "paths": ["/ws/"],
                     "request_buffering": False}]},
    ]
    if "grpc" in features:
        listed.append({
            "name": "grpc", "protocol": "grpc", "host": "127.0.0.1", "port": 29004,
            "routes": [{"name": "grpc", "protocols": ["grpc", "grpcs"], "hosts": HOSTS,
                        "paths": ["/echo.Echo/"]}]})
    if "tcp" in features:
        ports = [TCP] + ([TCP_PROXY_PROTOCOL] if "proxy_protocol" in features else [])
        destinations = {"destinations": [{"port": port} for port in ports]}
        listed.append(stream("tcp", "tcp", 29005, destinations))
    if "tls_stream" in features:
        listed.append(stream("tls-stream", "tls", 29005, {"snis": ["tcp.example.com"]}))
    if "tls_passthrough" in features:
        match = {"snis": ["pass.example.com"]}
        listed.append(stream("tls-passthrough", "tls_passthrough", 29007, match))
    if "udp" in features:
        listed.append(stream("udp", "udp", 29006, {"destinations": [{"port": UDP}]}))
    return listed


def certificate(folder, names):
    def text(name):
        with open(os.path.join(folder, name)) as file:
            return file.read()
    return {"cert": text("cert.pem"), "key": text("key.pem"),
            "snis": [{"name": name} for name in names]}


def configuration(folder, features, health=True):
    """Kong's declarative file as JSON, which is YAML."""
    document = {"_format_version": "3.0", "upstreams": upstreams(health),
                "services": services(features)}
    if "tls" in features:
        document["certificates"] = [certificate(folder, ["*.example.com", "*"])]
    return document


def settings(folder, features, workers, extra):
    """The node's settings by name."""
    streams = [f"127.0.0.1:{TCP}" if "tcp" in features else "",
               f"127.0.0.1:{TLS_STREAM} ssl" if "tls_stream" in features else "",
               f"127.0.0.1:{TLS_PASSTHROUGH} ssl" if "tls_passthrough" in features else "",
               f"127.0.0.1:{UDP} udp" if "udp" in features else "",
               f"127.0.0.1:{TCP_PROXY_PROTOCOL} proxy_protocol"
               if {"proxy_protocol", "tcp"} <= set(features) else ""]
    listen = f"127.0.0.1:{PLAIN}"
    if "proxy_protocol" in features:
        listen += f",127.0.0.1:{PROXY_PROTOCOL} proxy_protocol"
    values = {
        "node.name": "bench", "node.region": "bench", "node.data_dir": folder + "/data",
        "proxy.listen": listen, "proxy.workers": str(workers),
        "proxy.access_log": folder + "/meshgate-access.log",
        "admin.listen": f"127.0.0.1:{ADMIN}", "status.listen": f"127.0.0.1:{STATUS}",
        "gossip.bind": f"127.0.0.1:{GOSSIP}", "gossip.keyring": folder + "/keyring",
        "config": folder + "/kong.json",
    }
    if "tls" in features:
        values["proxy.tls_listen"] = f"127.0.0.1:{TLS}"
    if any(streams):
        values["proxy.stream_listen"] = ",".join(part for part in streams if part)
    values.update(extra)
    return values


def command(meshd, folder, features, workers, extra, health=True):
    """The command that runs the node; writes its key ring and configuration first."""
    keyring = os.path.join(folder, "keyring")
    if not os.path.exists(keyring):
        with open(os.open(keyring, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(subprocess.check_output([meshd, "keyring"]))
    with open(os.path.join(folder, "kong.json"), "w") as file:
        json.dump(configuration(folder, features, health), file, indent=1)
    values = settings(folder, features, workers, extra)
    return [meshd, "run"] + [part for name, value in values.items()
                             for part in ("--set", f"{name}={value}")]

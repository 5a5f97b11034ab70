"""What plugins cost: processor time per request with key-auth, rate-limiting (local), cors,
correlation-id and prometheus and 10,000 consumers, against the same proxy without plugins and against
nginx doing the same by `map`, `limit_req`, `add_header` and `$request_id`, in one alternating run; and
what checking a token of RS256 and ES256 costs above a plain request that carries such a token, against
`openssl speed` with the same libcrypto on the same processor in the same round. The cost of a check is
user time of the thread that serves: a check makes no system call, a node that checks tokens answers less
often, so that its kernel wakes sleeping peers more often for each request, and what other threads do
goes by time, not by requests. `openssl speed`, too, counts user time. No token is shown twice, so that
the signature of each is verified; what a token costs that was seen before is told apart. What a check
costs is everything that the plugin does, the telling of the consumer to the target included, with what
the rest of a request does to caches in between; OpenSSL verifies one signature again and again.

Proxies run pinned to the first processor, the target and the load to the second.
"""
import argparse
import base64
import glob
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import meshgate
from bench_loads import HEADERS, Meter
from proxies import Run, accepts, port, status, tree

ROUTES = ["plain", "plugins"]
# JWT's names of algorithms, and what `openssl speed` calls them.
TOKENS = {"RS256": "rsa2048", "ES256": "ecdsap256"}
# Signatures of each algorithm. 48 texts stand for each: four bits of the last of its Base64 digits mean
# nothing, and there may be none, one or two signs behind it.
TOKEN_COUNT = 16_000
# How far from where one load began the next one does: further than any gets.
TOKENS_PER_LOAD = 6 * TOKEN_COUNT
# Above what any load reaches, so that every request is counted and none refused.
LIMIT = 1_000_000_000


def consumers(count):
    return [(f"user-{number}", f"key-{number:08d}-7f3c9a526d1e4c8f") for number in range(count)]


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(algorithm, key, text):
    if algorithm == "RS256":
        return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    first, second = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    return first.to_bytes(32, "big") + second.to_bytes(32, "big")


def make_tokens(algorithm):
    """Tokens that differ, and the public key that they are checked by."""
    key = (rsa.generate_private_key(65_537, 2_048) if algorithm == "RS256"
           else ec.generate_private_key(ec.SECP256R1()))
    tokens = []
    for number in range(TOKEN_COUNT):
        parts = [{"alg": algorithm, "typ": "JWT"},
                 {"iss": algorithm, "sub": f"user-{number}", "exp": 4_102_444_800}]
        text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        tokens.append(f"{text}.{base64url(sign(algorithm, key, text.encode()))}")
    public = key.public_key().public_bytes(serialization.Encoding.PEM,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)
    return tokens, public.decode()


def speed(algorithm):
    """Signatures per second of processor time that openssl checks."""
    output = subprocess.run(
        ["taskset", "-c", "0", "openssl", "speed", "-mr", "-seconds", "1", TOKENS[algorithm]],
        capture_output=True, text=True, timeout=60).stdout
    line = re.findall(r"^\+F[24]:.*$", output, re.MULTILINE)[-1]
    return float(line.split(":")[-1])


def configuration(people, keys):
    """Kong's declarative file as JSON, which is YAML."""
    plugins = [
        {"name": "key-auth"},
        {"name": "rate-limiting", "config": {"hour": LIMIT, "policy": "local"}},
        {"name": "cors", "config": {"origins": ["https://example.com"], "credentials": True}},
        {"name": "correlation-id", "config": {"echo_downstream": True}},
        {"name": "prometheus", "config": {
            "status_code_metrics": True, "latency_metrics": True, "bandwidth_metrics": True}},
    ]
    route = {"strip_path": True, "protocols": ["http"]}
    return {
        "_format_version": "3.0", "upstreams": meshgate.upstreams(health=True),
        "services": [{"name": "up", "host": "up", "path": "/svc3", "routes": [
            {"name": "svc3", "paths": ["/plain"], **route},
            {"name": "tokens", "paths": ["/tokens"], **route, "plugins": [
                {"name": "jwt", "config": {"claims_to_verify": ["exp"]}}]},
            {"name": "plugins", "paths": ["/plugins"], "plugins": plugins, **route}]}],
        "consumers": [{"username": name, "keyauth_credentials": [{"key": key}]}
                      for name, key in people] + [{"username": algorithm, "jwt_secrets": [
                          {"key": algorithm, "algorithm": algorithm, "rsa_public_key": key}]}
                          for algorithm, key in keys.items()],
    }


def nginx_configuration(people):
    keys = "\n".join(f"    {key} {name};" for name, key in people)
    return f"""
worker_processes 1; daemon off; pid nginx.pid; error_log nginx.err;
events {{ worker_connections 4096; multi_accept on; }}
http {{
  access_log nginx-access.log combined buffer=64k flush=1s;
  keepalive_requests 100000000; keepalive_timeout 3600s; tcp_nodelay on; server_tokens off;
  map_hash_max_size 65536; map_hash_bucket_size 128;
  map $http_apikey $consumer {{
    default "";
{keys}
  }}
  limit_req_zone $consumer zone=consumers:16m rate=1000000r/s;
  upstream up {{ server 127.0.0.1:29001; server 127.0.0.1:29002; keepalive 256;
    keepalive_requests 100000000; keepalive_timeout 3600s; }}
  proxy_http_version 1.1; proxy_set_header Connection "";
  server {{
    listen 127.0.0.1:{port("nginx")} backlog=4096;
    location /plain/ {{ proxy_pass http://up/svc3/; }}
    location /plugins/ {{
      if ($consumer = "") {{ return 401; }}
      limit_req zone=consumers burst=1000000 nodelay;
      proxy_set_header X-Consumer-Username $consumer;
      proxy_set_header Kong-Request-ID $request_id;
      add_header Kong-Request-ID $request_id always;
      add_header Access-Control-Allow-Origin https://example.com always;
      add_header Access-Control-Allow-Credentials true always;
      add_header Vary Origin always;
      proxy_pass http://up/svc3/;
    }}
  }}
}}
"""


LUA = """
local values, place, requests = {}, 0, {}
for value in io.lines("%s") do values[#values + 1] = value end
function init()
  for place, value in ipairs(values) do
    wrk.headers["apikey"] = value
    requests[place] = wrk.format("GET", "%s")
  end
end
function request()
  place = place %% #requests + 1
  return requests[place]
end
"""


# As above, with another text for the token at each request: those from the begin on.
TOKENS_LUA = """
local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local begin, again, first, last, kind, place = %d, %d, {}, {}, {}, 0
function init()
  for value in io.lines("%s") do
    wrk.headers["Authorization"] = value
    local whole = wrk.format("GET", "%s")
    local _, stop = whole:find(value, 1, true)
    table.insert(first, whole:sub(1, stop - 1))
    table.insert(last, whole:sub(stop + 1))
    table.insert(kind, math.floor((digits:find(whole:sub(stop, stop), 1, true) - 1) / 16))
  end
end
function request()
  local number = begin + place
  place = (place + 1) %% again
  local token, text = number %% #first + 1, math.floor(number / #first) %% 48
  local digit = kind[token] * 16 + text %% 16 + 1
  return first[token] .. digits:sub(digit, digit) .. ("="):rep(math.floor(text / 16)) .. last[token]
end
"""
# Tokens of a load that shows the same ones again and again.
AGAIN = 200


def algorithm_of(name):
    last = name.rsplit(" ", 1)[-1]
    return last if last in TOKENS else None


def script(run, name, number):
    """What the load of a name asks for, its so-and-so-manieth time."""
    algorithm = algorithm_of(name)
    if not algorithm:
        return LUA % (run.path("keys.txt"), f"/{name}/1k")
    path = "plain" if name.startswith("unchecked") else "tokens"
    again, begin = (AGAIN, 0) if name.startswith("known") else (1 << 30, number * TOKENS_PER_LOAD)
    return TOKENS_LUA % (begin, again, run.path(f"{algorithm}.txt"), f"/{path}/1k")


def user_us(pid):
    """Time in user mode of what serves requests: the worker of a node, a process of others."""
    ticks = 0
    for task in glob.glob(f"/proc/{pid}/task/*/stat"):
        with open(task) as stat:
            name, _, fields = stat.read().partition("(")[2].rpartition(")")
        if name.startswith("mesh-worker"):
            ticks += int(fields.split()[11])
    if not ticks:
        for member in tree(pid):
            with open(f"/proc/{member}/stat") as stat:
                ticks += int(stat.read().rpartition(")")[2].split()[11])
    return ticks * 1e6 / os.sysconf("SC_CLK_TCK")


def load(run, proxy, name, number, seconds):
    """Requests per second, and processor time per request: all, and in user mode."""
    with open(run.path(f"{name}.lua"), "w") as file:
        file.write(script(run, name, number))
    command = ["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s", run.path(f"{name}.lua"),
               "-H", "Host: api3.example.com", "-H", "Origin: https://example.com"]
    for header in HEADERS:
        if not (algorithm_of(name) and header.startswith("Authorization:")):
            command += ["-H", header]
    meter = Meter(run.pid(proxy))
    before = user_us(run.pid(proxy))
    with meter:
        output = subprocess.run(command + [f"http://127.0.0.1:{port(proxy)}"],
                                capture_output=True, text=True, timeout=seconds + 60).stdout
    user = user_us(run.pid(proxy)) - before
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{proxy} {name}: not every answer was good:\n{output}")
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    if name in TOKENS and requests > TOKENS_PER_LOAD:
        sys.exit(f"{name}: the load came to tokens that were shown before; make it shorter")
    return {"cpu_us": meter.nanoseconds / 1000 / max(1, requests),
            "user_us": user / max(1, requests),
            "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))}


def write_values(run, name, values):
    with open(run.path(f"{name}.txt"), "w") as file:
        file.writelines(f"{value}\n" for value in values)


def start(run, people):
    for number in (29001, 29002):
        if accepts(number):
            sys.exit(f"port {number} is in use; end what listens there, then try again")
    os.makedirs(run.path("www/svc3"))
    with open(os.path.join(run.peers, "backend-nginx.conf")) as source:
        with open(run.path("backend-nginx.conf"), "w") as target:
            target.write(source.read())
    run.start("backend", ["nginx", "-p", run.folder, "-c", "backend-nginx.conf"], "1")
    run.wait_for("backend", 29001)
    with open(run.path("nginx.conf"), "w") as file:
        file.write(nginx_configuration(people))
    run.start("nginx", ["nginx", "-p", run.folder, "-c", "nginx.conf"], "0")
    run.wait_for("nginx", port("nginx"))
    meshd = os.path.join(run.binaries, "meshd")
    command = meshgate.command(meshd, run.folder, [], 1, {}, health=True)
    write_values(run, "keys", [key for _, key in people])
    keys = {}
    for algorithm in TOKENS:
        tokens, keys[algorithm] = make_tokens(algorithm)
        write_values(run, algorithm, [f"Bearer {token}" for token in tokens])
    # The workload's own configuration in place of the one of all peers.
    with open(run.path("kong.json"), "w") as file:
        json.dump(configuration(people, keys), file)
    begin = time.monotonic()
    run.start("meshgate", command, "0")
    while status(port("meshgate"), "/plugins/1k", "api3.example.com") != 401:
        if not run.alive("meshgate") or time.monotonic() - begin > 120:
            sys.exit(f"meshgate serves no plugins:\n{run.log('meshgate')[-2000:]}")
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench plugins", description=__doc__)
    parser.add_argument("--output", help="write the figures as JSON to this file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="length of one load")
    parser.add_argument("--consumers", type=int, default=10_000)
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--envoy", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("the benchmark needs two processors: one for the proxy, one for the load")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {1})
    people = consumers(arguments.consumers)
    run = Run(arguments.peers, arguments.binaries)
    samples = {}
    token_loads = [load for name in TOKENS for load in (name, f"known {name}", f"unchecked {name}")]
    try:
        start(run, people)
        for round_number in range(arguments.rounds + 1):
            for proxy in ("meshgate", "nginx"):
                for route in ROUTES + (token_loads if proxy == "meshgate" else []):
                    seconds = arguments.seconds if round_number else 1
                    figures = load(run, proxy, route, round_number, seconds)
                    if round_number:
                        for key, value in figures.items():
                            samples.setdefault((proxy, route), {}).setdefault(key, []).append(value)
            for algorithm in TOKENS if round_number else []:
                samples.setdefault(("openssl", algorithm), {}).setdefault(
                    "user_us", []).append(1e6 / speed(algorithm))
    finally:
        run.stop()
    medians = {f"{proxy} {route}": {key: round(statistics.median(values), 3)
                                    for key, values in cell.items()}
               for (proxy, route), cell in samples.items()}
    for name, cell in medians.items():
        if name.startswith("openssl"):
            print(f"{name:24} {cell['user_us']:8.2f} us of user time per signature")
            continue
        print(f"{name:24} {cell['cpu_us']:8.2f} us of CPU per request, "
              f"{cell['user_us']:7.2f} in user mode {cell['per_second']:9.0f} per s")
    ours = medians["meshgate plugins"]["cpu_us"]
    print(f"with plugins against plain: {ours / medians['meshgate plain']['cpu_us']:.2f}; "
          f"against nginx with the same: {ours / medians['nginx plugins']['cpu_us']:.2f}")
    for algorithm in TOKENS:
        users = {name: samples["meshgate", name.format(algorithm)]["user_us"]
                 for name in ("{}", "known {}", "unchecked {}")}
        costs = [checked - plain for checked, plain in
                 zip(users["{}"], users["unchecked {}"])]
        known = statistics.median(users["known {}"]) - statistics.median(
            users["unchecked {}"])
        shares = [anchor / cost for cost, anchor in
                  zip(costs, samples["openssl", algorithm]["user_us"])]
        cost, anchor = statistics.median(costs), medians[f"openssl {algorithm}"]["user_us"]
        print(f"{algorithm}: {1e6 / cost:.0f} checks per CPU second above the same request unchecked, "
              f"{statistics.median(shares):.2f} [{min(shares):.2f}..{max(shares):.2f}] of openssl's "
              f"{1e6 / anchor:.0f}; a token that was seen before costs {known:.2f} us")
    if arguments.output:
        with open(arguments.output, "w") as file:
            json.dump(medians, file, indent=2)


main()

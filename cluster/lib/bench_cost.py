"""What one request costs: CPU time of this proxy, nginx, HAProxy and Envoy in one alternating run.

Proxies run pinned to the first processor, backend and load to the second. CPU per request is the sum
of /proc/PID/task/*/schedstat over the proxy's processes, divided by the requests the load completed.
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HEADERS = [
    "Host: api3.example.com",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Accept: text/html,application/json;q=0.9,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-US,en;q=0.9,de;q=0.7",
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9",
    "X-Request-Id: 7f3c9a52-6d1e-4c8f-9f0a-2b7e51d0a4c1",
    "Cookie: session=0123456789abcdef0123456789abcdef",
    "Cache-Control: no-cache",
]
WORKLOADS = {"get-1k": "/svc3/1k", "get-64k": "/svc3/64k", "post-10k": "/svc3/post"}
PORTS = {"meshgate": 28104, "nginx": 28101, "haproxy": 28102, "envoy": 28103}


class Run:
    """Processes of one benchmark, all ended at its end by pid."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = tempfile.mkdtemp(prefix="meshgate-bench-")
        self.processes = {}

    def start(self, name, command, processor):
        log = open(os.path.join(self.folder, name + ".log"), "wb")
        process = subprocess.Popen(
            ["taskset", "-c", str(processor)] + command,
            cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.processes[name] = process
        return process

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.time() + 10
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.time()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def tree(pid):
    """The pid and all pids below it."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as children:
            for child in children.read().split():
                found += tree(int(child))
    return found


def cpu_ns(pid):
    total = 0
    for member in tree(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            try:
                with open(f"/proc/{member}/task/{task}/schedstat") as stat:
                    total += int(stat.read().split()[0])
            except FileNotFoundError:
                pass
    return total


def rss_bytes(pid):
    pages = 0
    for member in tree(pid):
        with open(f"/proc/{member}/statm") as statm:
            pages += int(statm.read().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def request_text(path):
    return ("GET " + path + " HTTP/1.1\r\n" + "\r\n".join(HEADERS) + "\r\n\r\n").encode()


def answers(port, path="/svc3/1k"):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as connection:
            connection.settimeout(2)
            connection.sendall(request_text(path))
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def refuse_taken_ports():
    """A port that something else serves would be measured in place of the proxy under test."""
    for port in [29001, 29002] + list(PORTS.values()):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                sys.exit(f"port {port} is in use; end what listens there, then try again")


def wait_for(port, name, run):
    deadline = time.time() + 30
    while run.processes[name].poll() is not None or not answers(port):
        if run.processes[name].poll() is not None or time.time() > deadline:
            log = open(os.path.join(run.folder, name + ".log"), errors="replace").read()
            sys.exit(f"{name} does not answer on port {port}:\n{log[-2000:]}")
        time.sleep(0.1)


def start_all(run):
    refuse_taken_ports()
    peers = run.arguments.peers
    for file in os.listdir(peers):
        shutil.copy(os.path.join(peers, file), run.folder)
    os.makedirs(os.path.join(run.folder, "www/svc3"))
    with open(os.path.join(run.folder, "www/svc3/64k"), "wb") as body:
        body.write(b"x" * 65536)
    with open(os.path.join(run.folder, "post.lua"), "w") as script:
        script.write('wrk.method = "POST"\nwrk.body = string.rep("x", 10000)\n')
    os.chmod(run.folder, 0o755)
    run.start("backend", ["nginx", "-p", run.folder, "-c", "backend-nginx.conf"], 1)
    wait_for(29001, "backend", run)
    names = run.arguments.proxies.split(",")
    for name in names:
        if name == "meshgate":
            start_meshgate(run)
        elif name == "nginx":
            run.start(name, ["nginx", "-p", run.folder, "-c", "nginx.conf"], 0)
        elif name == "haproxy":
            run.start(name, ["haproxy", "-f", "haproxy.cfg"], 0)
        elif name == "envoy":
            run.start(name, [run.arguments.envoy, "-c", "envoy.yaml", "--concurrency", "1",
                             "--log-level", "error"], 0)
    for name in names:
        wait_for(PORTS[name], name, run)
    return names


def start_meshgate(run):
    keyring = os.path.join(run.folder, "keyring")
    meshd = os.path.join(run.arguments.binaries, "meshd")
    with open(os.open(keyring, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(subprocess.check_output([meshd, "keyring"]))
    settings = {
        "node.name": "bench", "node.region": "bench", "node.data_dir": run.folder + "/data",
        "proxy.listen": "127.0.0.1:28104", "proxy.tls_listen": "off", "proxy.workers": "1",
        "proxy.access_log": "off",
        "admin.listen": "127.0.0.1:28114", "status.listen": "127.0.0.1:28124",
        "gossip.bind": "127.0.0.1:28134", "gossip.keyring": keyring, "config": "kong.yml",
    }
    flags = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    run.start("meshgate", [meshd, "run"] + flags, 0)


def load(run, name, workload, seconds):
    """One load of one proxy: figures, or None when an answer was not 200."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{run.arguments.connections}",
               f"-d{seconds}s", "--latency"]
    for header in HEADERS:
        command += ["-H", header]
    if workload.startswith("post"):
        command += ["-s", os.path.join(run.folder, "post.lua")]
    command.append(f"http://127.0.0.1:{PORTS[name]}{WORKLOADS[workload]}")
    pid = run.processes[name].pid
    before = cpu_ns(pid)
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30).stdout
    after = cpu_ns(pid)
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{name} {workload}: not every answer was good:\n{output}")
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    figures = {
        "cpu_us_per_request": (after - before) / 1000 / requests,
        "requests_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
    }
    for key, label in (("p50_us", "50%"), ("p99_us", "99%")):
        value, unit = re.search(rf"\s{label}\s+([\d.]+)(us|ms|s)\s", output).groups()
        figures[key] = float(value) * {"us": 1, "ms": 1000, "s": 1e6}[unit]
    return figures


def idle_memory(run, name, count):
    """Bytes of resident memory per connection that made one request and stays open."""
    pid = run.processes[name].pid
    before = rss_bytes(pid)
    connections = []
    request = request_text(WORKLOADS["get-1k"])
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", PORTS[name]), 5)
            connections.append(connection)
            connection.settimeout(5)
            connection.sendall(request)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(4096)
        time.sleep(0.5)
        return (rss_bytes(pid) - before) / count
    finally:
        for connection in connections:
            connection.close()


def spread(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3),
            "max": round(max(values), 3)}


def measure(run):
    names = start_all(run)
    samples = {}
    workloads = run.arguments.workloads.split(",")
    for round_number in range(run.arguments.rounds + 1):
        order = names if round_number % 2 == 0 else list(reversed(names))
        for workload in workloads:
            for name in order:
                seconds = 1 if round_number == 0 else run.arguments.seconds
                figures = load(run, name, workload, seconds)
                if round_number == 0:
                    continue  # Warm-up.
                cell = samples.setdefault(workload, {}).setdefault(name, {})
                for key, value in figures.items():
                    cell.setdefault(key, []).append(value)
        if round_number:
            print(f"round {round_number} of {run.arguments.rounds}", file=sys.stderr)
    result = {workload: {name: {key: spread(values) for key, values in cell.items()}
                         for name, cell in row.items()} for workload, row in samples.items()}
    if run.arguments.idle:
        for name in names:
            value = idle_memory(run, name, run.arguments.idle)
            result[workloads[0]][name]["idle_bytes_per_connection"] = spread([value])
    return result


def show(result):
    for workload, row in result.items():
        base = row.get("nginx")
        print(f"\n{workload}")
        print(f"  {'':10} {'CPU us/req':>22} {'/nginx':>7} {'/haproxy':>8} {'req/s':>9} {'p50 us':>8} {'p99 us':>8}")
        for name, cell in row.items():
            cpu = cell["cpu_us_per_request"]
            ratios = ["{:.2f}".format(cpu["median"] / row[peer]["cpu_us_per_request"]["median"])
                      if peer in row else "-" for peer in ("nginx", "haproxy")]
            print(f"  {name:10} {cpu['median']:8.2f} [{cpu['min']:.2f}..{cpu['max']:.2f}]".ljust(36)
                  + f"{ratios[0]:>6} {ratios[1]:>8} {cell['requests_per_second']['median']:9.0f}"
                  + f" {cell['p50_us']['median']:8.0f} {cell['p99_us']['median']:8.0f}")
        for name, cell in row.items():
            if "idle_bytes_per_connection" in cell:
                idle = cell["idle_bytes_per_connection"]["median"]
                print(f"  {name:10} {idle:8.0f} bytes of memory per idle connection")


def main():
    parser = argparse.ArgumentParser(prog="cluster/bench cost", description=__doc__)
    parser.add_argument("--output", help="write the figures as JSON to this file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="length of one load")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--idle", type=int, default=4000, help="idle connections; 0 skips them")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--proxies", required=True)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--envoy", default="envoy")
    arguments = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("the benchmark needs two processors: one for the proxy, one for the load")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run = Run(arguments)
    try:
        result = measure(run)
    finally:
        run.stop()
    show(result)
    if arguments.output:
        with open(arguments.output, "w") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


main()

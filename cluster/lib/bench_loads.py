"""Workloads of the cost benchmark, and the tools that make their load."""
import re
import subprocess
import threading

import bench_sockets
from bench_sockets import HOST, NotServed
from proxies import cpu_ns, port

HEADERS = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Accept: text/html,application/json;q=0.9,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-US,en;q=0.9,de;q=0.7",
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9",
    "X-Request-Id: 7f3c9a52-6d1e-4c8f-9f0a-2b7e51d0a4c1",
    "Cookie: session=0123456789abcdef0123456789abcdef",
    "Cache-Control: no-cache",
]
GRPC_PATH = "/echo.Echo/Unary.grpc"
PATHS = {"1k": "/svc3/1k", "64k": "/svc3/64k", "post": "/svc3/post"}


class Meter:
    """Processor time of one proxy inside a `with`."""

    def __init__(self, pid):
        self.pid, self.nanoseconds = pid, 0

    def __enter__(self):
        self.before = cpu_ns(self.pid)

    def __exit__(self, *_):
        self.nanoseconds += cpu_ns(self.pid) - self.before


def wrk(run, proxy, seconds, meter, body, connections=64):
    """HTTP/1.1 in plain text, closed loop."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H",
               "Host: " + HOST]
    for header in HEADERS:
        command += ["-H", header]
    if body == "post":
        command += ["-s", run.path("post.lua")]
    command.append(f"http://127.0.0.1:{port(proxy)}{PATHS[body]}")
    with meter:
        output = subprocess.run(command, capture_output=True, text=True,
                                timeout=seconds + 30).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise NotServed("not every answer was good: " + " ".join(output.split())[-200:])
    figures = {"count": int(re.search(r"(\d+) requests in", output).group(1)),
               "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))}
    for key, label in (("p50_us", "50%"), ("p99_us", "99%")):
        value, unit = re.search(rf"\s{label}\s+([\d.]+)(us|ms|s)\s", output).groups()
        figures[key] = float(value) * {"us": 1, "ms": 1000, "s": 1e6}[unit]
    return figures


def h2load(run, proxy, meter, kind, path, options, seconds, body=None):
    """HTTP/1.1 or HTTP/2 by h2load; every answer must be 2xx."""
    scheme = "https" if kind == "tls" else "http"
    command = ["h2load", "--connect-to", f"127.0.0.1:{port(proxy, kind)}"] + options
    for header in HEADERS if body != "grpc" else ["content-type: application/grpc",
                                                  "te: trailers"]:
        command += ["-H", header]
    if body:
        command += ["-d", run.path(body)]
    command.append(f"{scheme}://{HOST}{path}")
    with meter:
        output = subprocess.run(command, capture_output=True, text=True,
                                timeout=seconds + 60).stdout
    # h2load stops in the middle of requests when the time is over; those count as neither.
    done = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", output)
    if not done or int(done.group(1)) == 0:
        raise NotServed("h2load: " + " ".join(output.split())[-200:])
    count, good, _, errored = map(int, done.groups())
    if good < count or errored:
        raise NotServed("not every answer was good: " + " ".join(output.split())[-300:])
    rate = float(re.search(r"finished in [^,]+, ([\d.]+) req/s", output).group(1))
    return {"count": count, "per_second": rate}


def percentiles(path):
    """p50, p99 and p99.9 of an h2load log, in microseconds."""
    with open(path) as log:
        times = sorted(int(line.split("\t")[2]) for line in log)
    if not times:
        raise NotServed("no answer")
    return {key: times[min(len(times) - 1, int(len(times) * share))]
            for key, share in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999))}


class Storm:
    """Bursts of a hundred new TLS connections at once, one after the other, inside a `with`.

    They run when nobody else wants their processor, so that they do not keep the client that is
    timed from it.
    """

    def __init__(self, proxy):
        self.command = ["chrt", "-i", "0", "h2load", "--h1", "-n100", "-c100", "--connect-to",
                        f"127.0.0.1:{port(proxy, 'tls')}", f"https://{HOST}{PATHS['1k']}"]
        self.connections, self.is_over = 0, False
        self.thread = threading.Thread(target=self.rage)

    def rage(self):
        while not self.is_over:
            output = subprocess.run(self.command, capture_output=True, text=True, timeout=60).stdout
            good = re.search(r"(\d+) succeeded", output)
            self.connections += int(good.group(1)) if good else 0

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()


def timed(seconds, *options):
    return [f"-D{seconds}"] + list(options)


class Workloads:
    """Each method makes one load of one proxy and returns what was counted."""

    def __init__(self, run):
        self.run = run
        self.most = {}  # Requests per second of each proxy in the closed loop, by kind.

    def load(self, name, proxy, seconds, warm_up):
        """Figures of one load; raises NotServed."""
        meter = Meter(self.run.pid(proxy))
        figures = self.by_name(name)(proxy, seconds, meter, warm_up)
        count = figures.pop("count")
        if count:
            figures["cpu_us"] = meter.nanoseconds / 1000 / count
        return figures

    def by_name(self, name):
        run = self.run
        if name.startswith("get-") or name.startswith("post-"):
            body = "post" if name.startswith("post-") else name.split("-")[1]
            return lambda proxy, seconds, meter, _: wrk(run, proxy, seconds, meter, body)
        if name.startswith("tls-"):
            body = {"1k": "1k", "64k": "64k", "post": "post"}[name.split("-")[1]]
            return lambda proxy, seconds, meter, _: h2load(
                run, proxy, meter, "tls", PATHS[body], timed(seconds, "--h1", "-c64"), seconds,
                "post" if body == "post" else None)
        if name in ("h2-1k", "h2c-1k"):
            kind = "tls" if name == "h2-1k" else "h2c"
            return lambda proxy, seconds, meter, _: h2load(
                run, proxy, meter, kind, PATHS["1k"], timed(seconds, "-c10", "-m10"), seconds)
        if name in ("grpc", "grpcs"):
            kind = "tls" if name == "grpcs" else "h2c"
            return lambda proxy, seconds, meter, _: h2load(
                run, proxy, meter, kind, GRPC_PATH, timed(seconds, "-c10", "-m10"), seconds, "grpc")
        if name == "storm":
            return self.storm
        if name in ("rate-1k", "rate-tls-1k"):
            kind = "tls" if name == "rate-tls-1k" else "plain"
            return lambda *arguments: self.fixed_rate(kind, *arguments)
        return {
            "handshake-full": lambda proxy, seconds, meter, _: bench_sockets.handshakes(
                proxy, seconds, meter, HEADERS, resumed=False),
            "handshake-resumed": lambda proxy, seconds, meter, _: bench_sockets.handshakes(
                proxy, seconds, meter, HEADERS, resumed=True),
            "websocket": lambda proxy, seconds, meter, _: bench_sockets.websocket_echo(
                proxy, seconds, meter),
            "tcp": lambda proxy, seconds, meter, _: bench_sockets.tcp_relay(proxy, seconds, meter),
        }[name]

    def storm(self, proxy, seconds, meter, _):
        """Latency of plain requests at a low fixed rate, quiet and while TLS connections storm."""
        def plain():
            log = self.run.path("h2load.log")
            open(log, "w").close()
            options = ["--h1", "-c16", "--rps=60", f"-n{960 * seconds}", f"--log-file={log}"]
            figures = h2load(self.run, proxy, meter, "plain", PATHS["1k"], options, seconds)
            return figures | percentiles(log)

        quiet = plain()
        with Storm(proxy) as storm:
            figures = plain()
        if not storm.connections:
            raise NotServed("no handshake succeeded")
        figures["count"] = 0  # Its processor time is that of the handshakes.
        return figures | {"quiet_p99_us": quiet["p99_us"],
                          "handshakes_per_second": storm.connections / seconds}

    def fixed_rate(self, kind, proxy, seconds, meter, warm_up):
        """Open loop at half of what the slowest proxy reached in the warm-up's closed loop."""
        if warm_up:
            options = timed(seconds, "--h1", "-c64")
            figures = h2load(self.run, proxy, meter, kind, PATHS["1k"], options, seconds)
            self.most.setdefault(kind, {})[proxy] = figures["per_second"]
            return figures
        each = max(1, int(min(self.most[kind].values()) / 2 / 64))
        log = self.run.path("h2load.log")
        open(log, "w").close()
        options = ["--h1", "-c64", f"--rps={each}", f"-n{each * 64 * seconds}",
                   f"--log-file={log}"]
        figures = h2load(self.run, proxy, meter, kind, PATHS["1k"], options, seconds)
        return figures | percentiles(log)


# What one unit of work is called.
UNITS = {"handshake-full": "handshake", "handshake-resumed": "handshake", "websocket": "message",
         "tcp": "GiB"}
ALL = ["get-1k", "get-64k", "post-10k", "tls-1k", "tls-64k", "tls-post-10k", "handshake-full",
       "handshake-resumed", "h2-1k", "h2c-1k", "grpc", "grpcs", "websocket", "tcp", "rate-1k",
       "rate-tls-1k", "storm", "two-workers", "idle-plain", "idle-tls", "idle-ws"]

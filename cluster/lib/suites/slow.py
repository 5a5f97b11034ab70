"""Slow clients: heads, bodies and reads that never end. Others are served; the slow ones are let go."""
import re
import socket
import subprocess
import threading
import time

from .context import HOST, proxies, read_all

LIMIT = 240
NEEDS = ["slowhttptest"]
COUNT, SECONDS = 300, 25
ATTACKS = [("slow heads", ["-H", "-i", "5"], True), ("slow bodies", ["-B", "-i", "5", "-s", "8192"], True),
           ("slow reads", ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"], False)]


def worst(context, seconds):
    """The longest answer to a good request in so many seconds, and how many failed."""
    longest, failed, end = 0.0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        failed += not context.get("/svc3/good", timeout=5).startswith(b"HTTP/1.1 200")
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.02)
    return longest, failed


def attack(context, report, name, options, must_end):
    quiet, _ = worst(context, 1)
    command = ["slowhttptest", *options, "-c", str(COUNT), "-r", "150", "-l", str(SECONDS), "-p", "3",
               "-d", f"127.0.0.1:{context.port()}", "-u", f"http://{HOST}/svc3/size?size=2000000"]
    tool = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            cwd=context.run.folder)
    try:
        time.sleep(3)
        longest, failed = worst(context, 5)
        text = tool.communicate(timeout=SECONDS + 30)[0]
    finally:
        tool.kill()
    report.check(failed == 0, f"{name}: every good request is answered", f"{failed} failed")
    report.check(longest < max(0.5, quiet * 3), f"{name}: good requests are not held up",
                 f"{longest:.3f} s, {quiet:.3f} s when quiet")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    report.check(not re.search(r"service available:\s+NO", text), f"{name}: the service stays available")
    ended = "No open connections left" in text
    took = re.findall(r"Test ended on (\d+)", text)
    report.note(f"{name}: {'all let go' if ended else 'not all let go'} after {' '.join(took)} s")
    if must_end:
        report.check(ended, f"{name}: the slow ones are let go within {SECONDS} s", text[-200:])


def trickle(context, report):
    """A reader of 1 KiB at a time costs no memory of the size of its answer."""
    before = proxies.rss_bytes(context.pid)
    connections = []
    for _ in range(20):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", context.port()))
        connection.sendall(f"GET /svc3/size?size=20000000 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        connections.append(connection)
    time.sleep(2)
    grown = (proxies.rss_bytes(context.pid) - before) >> 20
    report.check(grown < 32, "20 slow readers of 20 MB: less than 32 MiB more", f"{grown} MiB")
    done = []
    threads = [threading.Thread(target=lambda c=connection: done.append(len(drain(c))))
               for connection in connections[:4]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    report.check(done and min(done) > 20_000_000, "they get all of it when they read", done)
    for connection in connections:
        connection.close()


def drain(connection):
    connection.settimeout(5)
    return read_all(connection)


def run(context, report):
    context.start()
    for name, options, must_end in ATTACKS:
        attack(context, report, name, options, must_end)
    trickle(context, report)

"""Where proofs run: folders, binaries, commands, and processes that end with the proof."""
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from fleet import Fleet
from suites.report import Missing


class Place:
    """One run of the proofs."""

    def __init__(self, top, work, binaries):
        self.top, self.work, self.binaries = top, work, binaries
        self.deploy = os.path.join(top, "deploy")
        self.host = os.path.join(work, "host")
        self.processes, self.fleets, self.hosts = [], [], []

    def folder(self, name):
        """An empty folder of that name."""
        path = os.path.join(self.work, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def source(self, *parts):
        return os.path.join(self.deploy, *parts)

    def read(self, *parts):
        with open(self.source(*parts)) as file:
            return file.read()

    def binary(self, name):
        return os.path.join(self.binaries, name)

    def tool(self, name, why=""):
        """The path of a program; the proof is skipped when it is missing."""
        found = shutil.which(name, path=f"{self.work}/venv/bin:/usr/sbin:/sbin:{os.environ['PATH']}")
        if not found:
            raise Missing(f"{name} is not on this machine{why and ': ' + why}")
        return found

    def command(self, *words, timeout=60, environment=None, folder=None, text=None):
        """Status and output, errors included."""
        done = subprocess.run([str(word) for word in words], text=True, cwd=folder, timeout=timeout,
                              input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, **(environment or {})})
        return done.returncode, done.stdout

    def start(self, *words, log, environment=None, folder=None):
        """A process that ends, at the latest, with the proof."""
        with open(log, "a") as output:
            process = subprocess.Popen([str(word) for word in words], stdout=output, stderr=output,
                                       stdin=subprocess.DEVNULL, cwd=folder,
                                       env={**os.environ, **(environment or {})})
        self.processes.append(process)
        return process

    def fleet(self, **options):
        """Five nodes in two regions and a target, all of this proof."""
        fleet = Fleet(self.binaries, **options)
        self.fleets.append(fleet)
        return fleet

    def end_all(self):
        for host in self.hosts:
            host.end()
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        for fleet in self.fleets:
            fleet.__exit__()
        self.processes, self.fleets, self.hosts = [], [], []


def get(url, timeout=5):
    """Status and text; 0 without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, repr(error)


def seconds_until(condition, limit, step=0.05):
    """How long it took; None when it did not come within the limit."""
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if condition():
            return time.monotonic() - began
        time.sleep(step)
    return None

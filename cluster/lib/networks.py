"""A network namespace for each node of a fleet, so that what a node loses it loses on every way."""
import os
import subprocess

HUB = "10.93.0.1"


def is_own():
    """Whether no link leads out of this process's network, so that more may be made in it."""
    links = subprocess.run(["ip", "-o", "link", "show", "up"], capture_output=True, check=True).stdout
    return all(line.split()[1] == b"lo:" for line in links.splitlines())


def call(*command, given=None):
    subprocess.run(command, input=given, check=True, stdout=subprocess.DEVNULL)


class Hub:
    """A bridge with an address from which all places are reached."""

    def __init__(self):
        if not is_own():
            raise SystemExit("this round needs a network namespace of its own: "
                             "unshare --net cluster/bench members …")
        self.places = []
        call("ip", "link", "add", "hub", "type", "bridge")
        call("ip", "address", "add", f"{HUB}/16", "dev", "hub")
        call("ip", "link", "set", "hub", "up")

    def place(self):
        self.places.append(Place(len(self.places) + 1))
        return self.places[-1]

    def end(self):
        for place in self.places:
            call("ip", "link", "delete", place.outer)
            place.holder.kill()
            place.holder.wait()
        call("ip", "link", "delete", "hub")


class Place:
    """A network namespace with one address, held open by a process that waits."""

    def __init__(self, number):
        self.address = f"10.93.1.{number}"
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        inner, outer = f"in{number}", f"out{number}"
        self.outer = outer
        own = os.stat("/proc/self/ns/net").st_ino
        while os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino == own:
            if self.holder.poll() is not None:
                raise SystemExit("this machine gives no network namespaces")
        self.enter = ["nsenter", f"--target={self.holder.pid}", "--net"]
        call("ip", "link", "add", inner, "type", "veth", "peer", "name", outer)
        call("ip", "link", "set", outer, "master", "hub", "up")
        call("ip", "link", "set", inner, "netns", str(self.holder.pid))
        for words in (f"address add {self.address}/16 dev {inner}", f"link set {inner} up",
                      "link set lo up"):
            call(*self.enter, "ip", *words.split())

    def lose(self, percent, way):
        """Drops so much of what comes in (`input`) or goes out (`output`)."""
        end = "iif" if way == "input" else "oif"
        chance = f"numgen random mod 100 < {percent}" if percent < 100 else ""
        rules = (f"table inet faults {{\n chain loss {{\n  type filter hook {way} priority 0\n"
                 f"  {end} != lo {chance} drop\n }}\n}}\n")
        call(*self.enter, "nft", "-f", "-", given=rules.encode())

    def heal(self):
        subprocess.run([*self.enter, "nft", "delete table inet faults"], check=False,
                       stderr=subprocess.DEVNULL)

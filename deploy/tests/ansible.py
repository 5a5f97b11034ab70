"""The playbooks against five hosts, each a Debian system with systemd of its own: from nothing to new keys."""
import glob
import http.client
import json
import os
import re
import shutil
import tarfile
import threading
import time

import yaml

from .host import Host
from .place import seconds_until

LIMIT = 900
# Ansible's "local" connection runs each command by this shell: it steps into the host first.
SHELL = """#!/bin/sh
exec nsenter --target={pid} --mount --pid --ipc --uts --net --cgroup --root --wdns=/ \\
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 /bin/sh "$@"
"""


def run(place, report):
    lint(place, report)
    package = glob.glob(f"{place.work}/package/meshgate_*.deb")
    if not package:
        from .debian import build
        package = [build(place)[0]]
    playbooks = Playbooks(place, report, package[0])
    if playbooks.installed():
        playbooks.refusals()
        playbooks.lives()


def lint(place, report):
    folder = place.folder("ansible-lint") + "/ansible"
    shutil.copytree(place.source("ansible"), folder)
    shutil.copy(f"{folder}/inventory.example.yml", f"{folder}/inventory.yml")
    status, text = place.command(place.tool("ansible-lint"), "--offline", "--profile", "production", timeout=200,
                                 folder=folder, environment=tools(place))
    report.check(status == 0, "ansible-lint, profile production", text[-1500:])
    for name in sorted(glob.glob(f"{folder}/*.yml")):
        if "inventory" not in name:
            status, text = place.command(place.tool("ansible-playbook"), "--syntax-check", name, folder=folder,
                                         environment=tools(place))
            report.equal(status, 0, f"syntax of {os.path.basename(name)}")


def tools(place):
    return {"PATH": f"{place.work}/venv/bin:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": f"{place.work}/ansible-home",
            "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}


class Playbooks:
    """Five hosts on one network, and an inventory of them."""

    def __init__(self, place, report, package):
        self.place, self.report = place, report
        self.folder = place.folder("ansible")
        shutil.copytree(place.source("ansible"), f"{self.folder}/ansible")
        shutil.copy(package, f"{self.folder}/meshgate.deb")
        place.command("sh", "-c", f"umask 077; {place.binary('meshd')} keyring > {self.folder}/keyring")
        place.command("sh", "-c", "ip link add hosts type bridge && ip addr add 192.0.2.254/24 dev hosts && ip link set hosts up")
        self.hosts = {}
        regions = {"eu": {"vars": {"meshgate_region": "eu"}, "hosts": {}},
                   "us": {"vars": {"meshgate_region": "us"}, "hosts": {}}}
        for number in range(1, 6):
            region = "eu" if number < 4 else "us"
            name, address = f"{region}-{number}", f"192.0.2.{number}"
            host = self.hosts[name] = Host(place, self.folder, same_path=True)
            host.connect(name, f"{address}/24", "hosts")
            shell = f"{self.folder}/{name}.sh"
            with open(shell, "w") as file:
                file.write(SHELL.format(pid=host.first()))
            os.chmod(shell, 0o755)
            regions[region]["hosts"][name] = {
                "meshgate_address": address, "ansible_connection": "local", "ansible_shell_executable": shell,
                "ansible_python_interpreter": "/usr/bin/python3", "ansible_remote_tmp": f"{self.folder}/tmp-{name}"}
        self.inventory = {"all": {"vars": {
            "meshgate_cluster": "proof", "meshgate_package": f"{self.folder}/meshgate.deb", "meshgate_keyring": f"{self.folder}/keyring",
            "meshgate_seeds": ["192.0.2.1:7946", "192.0.2.4:7946"], "meshgate_drain_announce": 1,
            "meshgate_settings": {"proxy": {"workers": 1}}}, "children": regions}}
        self.write_inventory(self.inventory)
        self.addresses = [f"192.0.2.{number}" for number in range(1, 6)]

    def write_inventory(self, inventory):
        with open(f"{self.folder}/ansible/inventory.yml", "w") as file:
            yaml.safe_dump(inventory, file)

    def play(self, name, *extra):
        """Status, number of changed tasks, and output."""
        began = time.monotonic()
        status, text = self.place.command(self.place.tool("ansible-playbook"), f"{name}.yml", *extra, timeout=300,
                                          folder=f"{self.folder}/ansible", environment=tools(self.place))
        print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)
        return status, sum(int(count) for count in re.findall(r"changed=(\d+)", text)), text

    def refusals(self):
        for name in ("meshgate_cluster", "meshgate_keyring", "meshgate_seeds", "meshgate_package"):
            lacking = json.loads(json.dumps(self.inventory))
            del lacking["all"]["vars"][name]
            self.write_inventory(lacking)
            status, _, text = self.play("install", "--limit", "eu-1")
            self.report.check(status != 0 and f"{name} is not set" in text, f"refused without {name}", text[-600:])
        self.write_inventory(self.inventory)

    def installed(self):
        """Five hosts from nothing; `False` when that failed."""
        check = self.report.check
        status, changed, text = self.play("install", "-e", "meshgate_serial=5")
        if not check(status == 0 and changed > 0, "install: five hosts from nothing", text[-2500:]):
            return False
        check(self.whole(), "they are a mesh of five in two regions", self.members())
        self.seen_from_one()
        status, changed, text = self.play("install")
        check(status == 0 and changed == 0, "install again: 0 changed", text[-1500:])
        with open(f"{self.folder}/kong.yml", "w") as file:
            file.write('{_format_version: "3.0", services: [{name: a, host: 127.0.0.1, routes: [{name: a, paths: [/a], '
                       'plugins: [{name: request-termination, config: {status_code: 200}}]}]}]}')
        configure = ("configure", "-e", f"meshgate_configuration={self.folder}/kong.yml")
        status, changed, text = self.play(*configure)
        check(status == 0 and changed > 0, "configure: rolled out", text[-1500:])
        status, changed, text = self.play(*configure)
        check(status == 0 and changed == 0, "configure again: 0 changed", text[-1500:])
        return True

    def lives(self):
        """An upgrade under load, new keys, a backup and its return."""
        check = self.report.check
        before = open(f"{self.folder}/keyring").read()
        with Load(self.addresses) as load:
            self.newer_package()
            status, changed, text = self.play("upgrade")
            check(status == 0 and changed > 0 and self.whole(), "upgrade: node by node", text[-1500:])
            versions = {host.run("dpkg-query", "-W", "-f", "${Version}", "meshgate")[1] for host in self.hosts.values()}
            self.report.equal(versions, {"0.1.0+next"}, "all have the new version")
            status, changed, text = self.play("rotate-keys")
            check(status == 0 and self.whole(), "rotate-keys: the mesh stays whole", text[-1500:])
            self.renewed(before, "rotate-keys")
            before = open(f"{self.folder}/keyring").read()
            status, changed, text = self.play("replace-keys")
            check(status == 0 and self.whole(), "replace-keys: three rolling passes", text[-1500:])
            self.renewed(before, "replace-keys")
        check(load.answered > 100 and not load.lost, f"0 of {load.answered} requests lost meanwhile", load.lost[:5])
        self.backup(check)

    def renewed(self, before, what):
        """All have one ring, as it is here, without any key of the one before."""
        rings = {host.run("cat", "/etc/meshgate/keyring")[1] for host in self.hosts.values()}
        old = [word for word in before.split() if len(word) > 40]
        self.report.check(len(rings) == 1 and open(f"{self.folder}/keyring").read() in rings
                          and old and not any(word in ring for word in old for ring in rings),
                          f"{what}: all have the new key, and nobody the old")

    def backup(self, check):
        status, _, text = self.play("backup", "-e", f"meshgate_backup={self.folder}/backup.json")
        check(status == 0 and os.stat(f"{self.folder}/backup.json").st_mode & 0o777 == 0o600, "backup", text[-1500:])
        with open(f"{self.folder}/wrong.yml", "w") as file:
            file.write('{_format_version: "3.0", services: [{name: wrong, host: 127.0.0.1}]}')
        self.play("configure", "-e", f"meshgate_configuration={self.folder}/wrong.yml")
        status, _, text = self.play("restore", "-e", f"meshgate_backup={self.folder}/backup.json")
        check(status == 0, "restore", text[-1500:])
        served = seconds_until(lambda: all(Load.ask(address) == 200 for address in self.addresses), 20)
        check(served is not None, "what was in the backup is served by all")

    def newer_package(self):
        """The same program by another version."""
        status, text = self.place.command("sh", "-ec", """
            dpkg-deb -R meshgate.deb newer
            sed -i 's/^Version: .*/Version: 0.1.0+next/' newer/DEBIAN/control
            dpkg-deb -Znone -b newer meshgate.deb""", folder=self.folder)
        assert status == 0, text

    def seen_from_one(self):
        """Every node's own words by way of one, though all Admin APIs listen at one loopback address."""
        host, names = self.hosts["us-4"], sorted(self.hosts)
        way, archive = "--admin=unix:/run/meshgate/admin.sock", f"{self.folder}/bundle.tar.gz"
        status, text = host.run("meshctl", "bundle", "--file", archive, way)
        found = {}
        if self.report.equal(status, 0, f"meshctl bundle: {text}"):
            with tarfile.open(archive) as bundle:
                for name in names:
                    with bundle.extractfile(f"meshgate-bundle/{name}/status.json") as file:
                        found[name] = json.load(file)["node"]["name"]
        self.report.equal(found, {name: name for name in names}, "it has what each node says of itself")
        status, text = host.run("meshctl", "top", "nodes", "--interval", "1", "-o", "name", way)
        self.report.equal((status, sorted(text.split())), (0, names), "meshctl top counts each node once")

    def members(self):
        return self.hosts["us-4"].run("meshctl", "members", "--admin=unix:/run/meshgate/admin.sock")[1]

    def whole(self):
        return seconds_until(lambda: "5 members: 5 up" in self.members(), 20, step=0.5) is not None


class Load:
    """Clients that ask another node when one refuses the connection, as a balancer does."""

    def __init__(self, addresses):
        self.addresses, self.answered, self.lost, self.stop = addresses, 0, [], False

    @staticmethod
    def ask(address):
        try:
            connection = http.client.HTTPConnection(address, 8000, timeout=5)
            connection.request("GET", "/a")
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status
        except ConnectionRefusedError:
            return None
        except (OSError, http.client.HTTPException) as error:
            return repr(error)

    def send(self, offset):
        turn = offset
        while not self.stop:
            turn += 1
            for try_ in range(len(self.addresses)):
                found = self.ask(self.addresses[(turn + try_) % len(self.addresses)])
                if found is not None:
                    break
            if found == 200:
                self.answered += 1
            else:
                self.lost.append(found)
            time.sleep(0.02)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.send, args=(number,), daemon=True) for number in range(3)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join(10)

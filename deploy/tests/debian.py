"""The package: built, looked at by lintian, installed in a Debian system and run by its systemd."""
import glob
import os
import re

from suites.report import Missing

from .host import Host
from .place import seconds_until

LIMIT = 500


def build(place):
    """The package, built from this tree."""
    folder = place.folder("package")
    status, text = place.command(place.source("debian", "build"), folder, timeout=200,
                                 environment={"MESHGATE_BINARIES": place.binaries})
    found = glob.glob(f"{folder}/meshgate_*.deb")
    return found[0] if status == 0 and found else None, text


def run(place, report):
    package, text = build(place)
    if not report.check(package, "dpkg-buildpackage builds it", text[-800:]):
        return
    report.note(f"the package has {os.path.getsize(package) // 1_000_000} MB")
    status, text = place.command("lintian", "--allow-root", "--fail-on", "error,warning", package, timeout=200)
    report.check(status == 0, "lintian has no error or warning", text)
    for page in ("meshd.8", "meshctl.1"):
        status, text = place.command("sh", "-c", f"dpkg-deb --fsys-tarfile {package} | tar -xO "
                                     f"./usr/share/man/man{page[-1]}/{page}.gz | zcat "
                                     "| mandoc -T lint -W error")
        report.check(status == 0, f"mandoc finds no error in {page}", text)
    documents(place, package, report)
    host = Host(place, os.path.dirname(package))
    install(host, package, report)
    live(host, report)
    succeed(host, report)
    leave(host, package, report)


def documents(place, package, report):
    """What the package has to read leads to nothing that it has not."""
    folder = place.folder("documents")
    place.command("dpkg-deb", "-x", package, folder)
    own, pictures = f"{folder}/usr/share/doc/meshgate", 0
    for article in ("Operations.md", "Configuration.md"):
        if not report.check(os.path.exists(f"{own}/{article}"), f"{article} is in the package", os.listdir(own)):
            continue
        with open(f"{own}/{article}") as file:
            text = file.read()
        links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
        pictures += sum(link.endswith(".png") for link in links)
        broken = [link for link in links if not os.path.exists(f"{own}/{link}")] + re.findall(r"<doc:\w+>", text)
        report.equal(broken, [], f"{article}: pictures and links are in the package")
    report.check(pictures > 0, "pictures among them", pictures)


def install(host, package, report):
    status, text = host.run("dpkg", "--install", f"/mnt/given/{os.path.basename(package)}")
    if not report.check(status == 0, "it installs where only its dependencies are", text[-500:]):
        raise Missing("without the package nothing runs")
    status, text = host.run("ldd", "/usr/bin/meshd")
    report.check("not found" not in text and "/opt/" not in text, "all its libraries are found", text)
    status, text = host.run("meshctl", "--version")
    report.equal(status, 0, "meshctl runs")
    report.check("meshgate" in host.run("getent", "passwd", "meshgate")[1], "the user is there")
    report.equal(host.run("systemctl", "is-enabled", "meshgate")[1].strip(), "disabled",
                 "nothing starts before it is configured")
    status, text = host.run("systemctl", "start", "meshgate")
    seconds_until(lambda: state(host, "ActiveState") == "failed", 10)
    report.equal((state(host, "ActiveState"), state(host, "ExecMainStatus"), state(host, "NRestarts")),
                 ("failed", "78", "0"), "started unconfigured it refuses, once")
    status, text = host.run("journalctl", "-u", "meshgate", "--no-pager")
    report.check("meshd: " in text and " is " in text, "and the journal says what is left out", text)


def state(host, name):
    return host.run("systemctl", "show", "meshgate", "--property", name, "--value")[1].strip()


def ready(host):
    status, text = host.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                            "http://127.0.0.1:8100/status/ready")
    return text == "200"


def live(host, report):
    """The first minutes of an operator, word by word as in deploy/README.md."""
    host.shell(r"""sed -i -e 's/^  region:$/  region: eu/' -e 's/^  cluster:$/  cluster: shop/' \
        -e 's/^  seeds:$/  seeds: "off"/' -e 's/^  advertise:$/  advertise: "127.0.0.1:7946"/' \
        /etc/meshgate/node.yml""")
    host.shell("umask 077 && meshd keyring > /etc/meshgate/keyring && systemd-tmpfiles --create")
    host.shell("""echo '{"_format_version":"3.0","services":[{"name":"a","host":"127.0.0.1","routes":
        [{"name":"a","paths":["/a"],"plugins":[{"name":"request-termination",
        "config":{"status_code":200}}]}]}]}' > /etc/meshgate/kong.json""")
    status, text = host.run("systemctl", "enable", "--now", "meshgate")
    report.check(status == 0, "systemctl enable --now meshgate", text)
    admin = "--admin=unix:/run/meshgate/admin.sock"
    host.run("systemctl", "is-active", "meshgate")
    seconds_until(lambda: host.run("meshctl", "members", admin)[0] == 0, 20)
    status, text = host.run("meshctl", "config", "apply", "/etc/meshgate/kong.json", admin)
    report.check(status == 0, "meshctl applies a configuration by the unix socket", text)
    came = seconds_until(lambda: ready(host), 20)
    report.check(came is not None, "the node is ready in its sandbox",
                 host.run("journalctl", "-u", "meshgate", "--no-pager", "-n", "20")[1])
    for url in ("http://127.0.0.1:8000/a", "https://127.0.0.1:8443/a"):
        _, code = host.run("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", url)
        report.equal(code, "200", f"it serves {url}")
    _, code = host.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket",
                       "/run/meshgate/admin.sock", "http://localhost/mesh/ui")
    report.equal(code, "200", "the dashboard's page is in the package")
    log = "/var/log/meshgate/access.log"
    written = seconds_until(lambda: '"status":200' in host.run("cat", log)[1], 20)
    report.check(written is not None, f"the access log is {log}", host.run("cat", log)[1][-500:])
    _, text = host.shell("stat -c '%U %a' /var/log/meshgate "
                         "/var/lib/meshgate /run/meshgate/admin.sock /etc/meshgate/keyring")
    report.equal(text.splitlines()[-4:], ["meshgate 755", "meshgate 700", "meshgate 660",
                                          "meshgate 600"], "folders and secrets have their modes")
    report.equal(host.run("systemctl", "reload", "meshgate")[0], 0, "systemctl reload")
    report.check(ready(host), "it serves after it")
    before = state(host, "MainPID")
    host.run("systemctl", "kill", "--signal=KILL", "meshgate")
    came = seconds_until(lambda: state(host, "MainPID") not in ("0", before) and ready(host), 20)
    report.check(came is not None, "killed, it is started again and keeps its configuration",
                 host.run("journalctl", "-u", "meshgate", "--no-pager", "-n", "20")[1])
    _, text = host.run("systemctl", "show", "meshgate", "--property=NoNewPrivileges,ProtectSystem")
    report.check("yes" in text and "strict" in text, "systemd applies the sandbox", text)
    pid = state(host, "MainPID")
    _, text = host.shell(f"grep -E 'Seccomp:|NoNewPrivs|CapEff' /proc/{pid}/status; stat -c %U /proc/{pid}")
    report.check(re.search(r"Seccomp:\s*2", text) and re.search(r"CapEff:\s*0*400\b", text)
                 and text.strip().endswith("meshgate"),
                 "the process has the filter, one capability and its own user", text)


LOAD = """
answered=0 refused=0
while [ ! -e /run/enough ]; do
  [ "$(curl -sko /dev/null -m 20 -w '%{http_code}' https://127.0.0.1:8443/)" = 404 ] \\
    && answered=$((answered+1)) || refused=$((refused+1))
done
echo "$answered $refused" > /run/asked
"""


class Asking:
    """A client of the host that opens a connection for each request, until it is told that it is enough."""

    def __init__(self, host, report, what):
        self.host, self.report, self.what = host, report, what

    def __enter__(self):
        self.host.shell("rm -f /run/enough /run/asked")
        self.host.run("systemd-run", "--unit=asking", "--collect", "sh", "-c", LOAD)

    def __exit__(self, *_):
        self.host.shell("touch /run/enough")
        seconds_until(lambda: self.host.run("test", "-s", "/run/asked")[0] == 0, 30)
        words = self.host.run("cat", "/run/asked")[1].split() or ["0", "1"]
        self.report.check(int(words[0]) > 5 and words[1] == "0", self.what, f"answered, refused: {words}")


def succeed(host, report):
    """One process after the other is the node, and none is missed by a client or by systemd."""
    stored = seconds_until(lambda: int(state(host, "NFileDescriptorStore") or 0) > 0, 10)
    report.check(stored is not None, "systemd keeps its sockets", state(host, "NFileDescriptorStore"))
    with Asking(host, report, "systemctl restart refuses no connection"):
        status, text = host.run("systemctl", "restart", "meshgate", timeout=90)
        report.check(status == 0 and seconds_until(lambda: ready(host), 20) is not None,
                     "systemctl restart", text)
    members = ("meshctl", "members", "--admin=unix:/run/meshgate/admin.sock")
    status, text = host.run(*members)
    report.equal(status, 0, f"the Admin API's socket is there again: {text}")
    with Asking(host, report, "USR2 refuses no connection"):
        for number in range(3):
            before = state(host, "MainPID")
            # To every process of the unit, the one that is just starting included.
            host.run("systemctl", "kill", "--signal=USR2", "meshgate")
            came = seconds_until(lambda: state(host, "MainPID") not in ("0", before) and ready(host), 20)
            ended = seconds_until(lambda: host.run("test", "-e", f"/proc/{before}")[0] != 0, 90)
            report.check(came is not None and ended is not None,
                         f"USR2 to the unit starts a successor, time {number + 1}",
                         host.run("journalctl", "-u", "meshgate", "--no-pager", "-n", "20")[1])
    status, text = host.run(*members)
    report.equal(status, 0, f"the Admin API's socket is the successor's: {text}")
    status, text = host.run("systemctl", "stop", "meshgate", timeout=90)
    _, journal = host.run("journalctl", "-u", "meshgate", "--no-pager", "-n", "30")
    report.equal((status, state(host, "Result"), state(host, "ExecMainStatus")), (0, "success", "0"),
                 "systemctl stop drains a successor, too")
    report.check('"event":"node-drains"' in journal and "not our child" not in journal,
                 "systemd takes it for its own", journal[-2000:])
    host.run("systemctl", "start", "meshgate")
    report.check(seconds_until(lambda: ready(host), 20) is not None, "it starts again")


def leave(host, package, report):
    pid = state(host, "MainPID")
    status, text = host.run("dpkg", "--install", f"/mnt/given/{os.path.basename(package)}")
    report.equal(state(host, "MainPID"), pid, "an upgrade of the package leaves the node running")
    report.check("region: eu" in host.run("cat", "/etc/meshgate/node.yml")[1],
                 "and keeps the operator's settings")
    status, text = host.run("systemctl", "restart", "meshgate", timeout=90)
    report.check(status == 0 and seconds_until(lambda: ready(host), 20) is not None,
                 "systemctl restart takes the new program", text)
    status, text = host.run("systemctl", "stop", "meshgate", timeout=90)
    report.equal((status, state(host, "Result"), state(host, "ExecMainStatus")), (0, "success", "0"),
                 "systemctl stop drains and ends it with status 0")
    status, text = host.run("dpkg", "--purge", "meshgate")
    report.check(status == 0 and host.run("test", "-e", "/usr/bin/meshd")[0] != 0, "it can be removed", text)

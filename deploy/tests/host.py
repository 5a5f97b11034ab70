"""A Debian host in a folder: its own processes, network and services, with systemd as the first."""
import os
import subprocess

from suites.report import Missing

from .place import seconds_until

# Everything that is written goes to memory above the folder, which stays as it was made.
BOOT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
cd /mnt/root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
ln -s pts/ptmx dev/ptmx
mkdir -p "./$3"
mount --bind "$2" "./$3"
# Units get file systems of their own, for which this one must be the root, not a folder.
mkdir mnt/outer
pivot_root . mnt/outer
exec env -i container=proof PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c \
  'umount -l /mnt/outer; exec /lib/systemd/systemd --unit=basic.target'
"""


class Host:
    """Runs until the proof ends."""

    def __init__(self, place, given, same_path=False):
        """Boots; the folder `given` is at /mnt/given, or at the path that it has here."""
        if not os.path.exists(f"{place.host}/made"):
            raise Missing("the Debian folder could not be made (debootstrap)")
        self.place = place
        # Hosts of their own share no processes with the proofs; --kill-child ends all of it.
        self.outer = place.start(
            "unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork",
            "--kill-child", "bash", "-c", BOOT, "boot", place.host, given, given if same_path else "/mnt/given",
            log=f"{place.work}/host.log")
        place.hosts.append(self)
        if seconds_until(lambda: self.first() and self.run("systemctl", "is-system-running")[1].strip()
                         in ("running", "degraded"), 40, step=0.3) is None:
            with open(f"{place.work}/host.log") as log:
                raise Missing(f"systemd does not start in a namespace here: {log.read()[-200:].strip()}")
        self.run("ip", "link", "set", "lo", "up")

    def connect(self, name, address, bridge):
        """A cable to a bridge of the proof's network."""
        status, text = self.place.command("sh", "-ec", f"""
            ip link add {name} type veth peer name eth0 netns {self.first()}
            ip link set {name} master {bridge} up""")
        assert status == 0, text
        self.run("ip", "addr", "add", address, "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("hostname", name)

    def first(self):
        """The pid of its first process."""
        try:
            with open(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children") as children:
                return int(children.read().split()[0])
        except (OSError, IndexError):
            return None

    def run(self, *words, timeout=60):
        """Status and output of a command on the host."""
        done = subprocess.run(
            ["nsenter", f"--target={self.first()}", "--mount", "--pid", "--ipc", "--uts", "--net",
             "--cgroup", "--root", "--wdns=/", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
             "DEBIAN_FRONTEND=noninteractive", *words],
            text=True, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout

    def shell(self, text, timeout=60):
        return self.run("sh", "-c", text, timeout=timeout)

    def end(self):
        """Its first process dies, and all others with it."""
        if self.outer.poll() is None:
            self.outer.kill()
            self.outer.wait()

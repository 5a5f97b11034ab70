"""States that the table of recoveries is for, made on a real mesh, and what they look like."""
import datetime
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl

import fleet as mesh
from suites.report import Missing

from .place import get, seconds_until

TLS = 8443
FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def document(is_named=True):
    """Targets without an answer, and one whose name nobody knows."""
    made = mesh.document(["a"], targets=100)
    made["upstreams"][0]["name"] = "up"
    if is_named:
        made["upstreams"].append({"name": "named", "targets": [{"target": "gone.invalid:80"}]})
    return made


def logged(node, event):
    with open(os.path.join(node.folder, "log")) as log:
        return f'"event":"{event}"' in log.read()


def fails(place, node, code):
    """Whether `meshctl check` at the node finds that check wanting."""
    _, text = place.command(place.binary("meshctl"), "check", "-o", "json", environment={
        "MESHCTL_ADMIN": f"http://{node.address}:{mesh.ADMIN}"})
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return any(check["code"] == code and check["outcome"] != "passed" for check in found["checks"])


def clock(place, five, report):
    """A node whose clock is an hour fast is a member as any other, and its writes reach all."""
    library = glob.glob(FAKETIME)
    if not library:
        raise Missing("faketime is not on this machine")
    node = five.nodes[4]
    node.end(signal.SIGTERM)
    node.start({"LD_PRELOAD": library[0], "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    report.check(five.sees_all(), "a node whose clock is an hour fast is a member")
    status, _ = node.ask("PATCH", "/services/a", {"tags": ["early"]})
    report.check(status in (200, 202) and five.agreed(), "and its write is everybody's",
                 (status, [(one.name, one.configuration()[:8]) for one in five.nodes]))
    _, text = place.command(place.binary("meshctl"), "config", "history", environment={
        "MESHCTL_ADMIN": f"http://{five.nodes[0].address}:{mesh.ADMIN}"})
    written = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) +us-5 ", text)
    ahead = [datetime.datetime.fromisoformat(one) - datetime.datetime.now() for one in written]
    report.check(ahead and ahead[0] > datetime.timedelta(minutes=50), "the history tells what its clock says", text)
    node.end(signal.SIGTERM)
    node.start()
    report.check(five.sees_all(), "with a clock that is right it is back")


def replaced(five, report):
    """A machine that lost its disk: a node of the same name and address is let in, as somebody else."""
    node = five.nodes[4]

    def identity():
        status, answer = node.ask("GET", "/mesh/status")
        return answer["node"]["id"] if status == 200 else None
    before, hash = identity(), node.configuration()
    node.end()
    shutil.rmtree(node.data)
    node.start()
    ready = f"http://{node.address}:{mesh.STATUS}/status/ready"
    took = seconds_until(lambda: get(ready)[0] == 200 and node.configuration() == hash, 20)
    report.check(took is not None and five.sees_all(), "a node that starts anew at its address gets name and configuration")
    report.check(identity() not in (None, before), "under another identity", identity())

    def forgotten():
        views = [node.ask("GET", "/mesh/members") for node in five.nodes]
        return all(status == 200 and all(member["state"] == "alive" for member in answer["members"] if member["id"] != before)
                   and not any(member["id"] == before and member["state"] == "suspect" for member in answer["members"])
                   for status, answer in views)
    report.check(seconds_until(forgotten, 30) is not None, "and nobody waits for the one before")


def names(place, five, report):
    report.check(seconds_until(lambda: fails(place, five.nodes[0], "MESH012"), 20) is not None,
                 "a name without an answer is MESH012")


def pair(days):
    """A certificate for gateway.example that ends in so many days, and its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(end - datetime.timedelta(days=30)).not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("gateway.example")]), critical=False)
            .sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def with_certificate(folder, certificate, key):
    made = {**document(), "certificates": [{"cert": certificate, "key": key, "snis": [{"name": "gateway.example"}]}]}
    with open(f"{folder}/kong.yml", "w") as file:
        json.dump(made, file)


def certificates(five, report, folder, meshctl):
    """A bad certificate is refused and changes nothing; an expired one is shown until another is applied."""
    node = five.nodes[0]
    expired, key = pair(-1)
    fresh, other = pair(30)

    def shown():
        context = ssl._create_unverified_context()
        with socket.create_connection((node.address, TLS), 5) as plain, \
                context.wrap_socket(plain, server_hostname="gateway.example") as session:
            return ssl.DER_cert_to_PEM_cert(session.getpeercert(True))
    for command in ("meshctl config validate kong.yml", "meshctl config apply kong.yml --yes"):
        with_certificate(folder, expired, key)
        meshctl(command)
        if "apply" in command:
            report.equal(shown(), expired, "an expired certificate is shown")
        live = node.configuration()
        with_certificate(folder, fresh, key)
        meshctl(command, 65)
        report.equal(node.configuration(), live, "what cannot be used changes nothing")
    with_certificate(folder, fresh, other)
    meshctl("meshctl config apply kong.yml --yes")
    report.equal(shown(), fresh, "another one is shown once it is applied")


def identities(place, five, report):
    """A second node of one name, and a copy of a disk: neither takes part until it is mended."""
    guest, first, third = mesh.Node(five, 6, "eu"), five.nodes[0], five.nodes[2]
    try:
        guest.start({"MESH_NODE_NAME": first.name})
        report.check(seconds_until(lambda: logged(guest, "name-conflict") and fails(place, first, "MESH007"), 20) is not None,
                     "a second node of one name is MESH007")
        report.check(get(f"http://{guest.address}:{mesh.STATUS}/status/ready")[0] != 200, "and is not ready")
        guest.end()
        guest.start()
        report.check(seconds_until(lambda: guest.alive() == 6, 20) is not None, "with a name of its own it is a member")
        guest.end(signal.SIGTERM)
        shutil.rmtree(guest.data)
        shutil.copytree(third.data, guest.data, ignore=shutil.ignore_patterns("*.sock"))
        guest.start({"MESH_NODE_NAME": third.name})
        # Which of the two learns first, and when, is up to whom their peers answer.
        took = seconds_until(lambda: logged(guest, "twin") and fails(place, guest, "MESH013"), 120)
        report.check(took is not None, "a copy of a disk is MESH013")
        report.note(f"a copied disk was noticed after {took or 120:.0f} s")
        states = [get(f"http://{node.address}:{mesh.STATUS}/status/ready")[0] for node in (third, guest)]
        report.equal(states, [200, 503], "the copy takes no traffic, and the node does")
        guest.end()
        shutil.rmtree(guest.data)
        guest.start()
        report.check(seconds_until(lambda: guest.alive() == 6, 20) is not None, "without the copied data it is a member")
    finally:
        guest.end(signal.SIGTERM)
    report.check(five.sees_all(), "five are left")


def descriptors(place, five, report):
    node = five.nodes[3]
    pid = node.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    few = int(len(os.listdir(f"/proc/{pid}/fd")) / 0.8)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, before[1]))
    report.check(seconds_until(lambda: fails(place, node, "MESH041"), 10) is not None, "few descriptors left is MESH041")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    report.check(seconds_until(lambda: not fails(place, node, "MESH041"), 10) is not None, "and not with a higher limit")


def paused(five, report, meshctl):
    """An upgrade whose hook fails waits for an operator, who gives it up."""
    report.check(five.sees_all(), "the fleet is whole")
    meshctl("meshctl upgrade run eu-2 --yes --settle 1 --hook false", 2)
    text = meshctl("meshctl upgrade status", 2)
    report.check("paused" in text and "the hook of eu-2 ended with status 1" in text, "a paused upgrade says why", text)
    meshctl("meshctl upgrade abort")
    meshctl("meshctl resume eu-2")
    ready = f"http://{five.nodes[1].address}:{mesh.STATUS}/status/ready"
    report.check(seconds_until(lambda: get(ready)[0] == 200, 10) is not None, "resumed, the node takes traffic")

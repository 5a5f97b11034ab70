"""TLS as a client sees it: versions, ALPN, names, tickets, clients that misbehave."""
import socket
import ssl
import time

from .context import HOST, meshgate, read_all, wait_until

LIMIT = 120
NEEDS = ["openssl"]


def handshake(context, name=HOST, low=None, high=None, alpn=(), session=None, ciphers=None):
    """The connection after its handshake, or the error."""
    settings = context.tls_context(alpn)
    settings.check_hostname = False
    settings.verify_mode = ssl.CERT_NONE
    if ciphers:
        settings.set_ciphers(ciphers)
    settings.minimum_version = low or ssl.TLSVersion.TLSv1_2
    settings.maximum_version = high or ssl.TLSVersion.MAXIMUM_SUPPORTED
    try:
        return settings.wrap_socket(context.connect("tls"), server_hostname=name, session=session), settings
    except (ssl.SSLError, OSError) as error:
        return error, settings


def names_of(connection):
    from cryptography import x509
    certificate = x509.load_der_x509_certificate(connection.getpeercert(True))
    return certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)


def ask(connection, path="/svc3/tls", host=HOST):
    connection.settimeout(5)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return read_all(connection)


def versions(context, report):
    v = ssl.TLSVersion
    for version, good in ((v.TLSv1, False), (v.TLSv1_1, False), (v.TLSv1_2, True), (v.TLSv1_3, True)):
        found, _ = handshake(context, low=version, high=version,
                             ciphers="ALL:@SECLEVEL=0" if not good else None)
        report.check(isinstance(found, ssl.SSLSocket) == good,
                     f"{version.name} is {'spoken' if good else 'refused'}", found)
    for offered, chosen in ((("h2", "http/1.1"), "h2"), (("http/1.1",), "http/1.1"), ((), None)):
        found, _ = handshake(context, alpn=offered)
        report.check(isinstance(found, ssl.SSLSocket) and found.selected_alpn_protocol() == chosen,
                     f"ALPN {offered} chooses {chosen}", found)
    found, _ = handshake(context, alpn=("nothing",))
    report.check(not isinstance(found, ssl.SSLSocket),
                 "ALPN without a common protocol is refused (RFC 7301 3.2)", found)


def tickets(context, report):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        first, settings = handshake(context, high=version, low=version)
        ask(first)
        session = first.session
        first.close()
        again = settings.wrap_socket(context.connect("tls"), server_hostname=HOST, session=session)
        report.check(again.session_reused, f"{version.name}: a session is resumed")
        report.check(ask(again).startswith(b"HTTP/1.1 200"), f"{version.name}: it works after that")
        try:
            other = settings.wrap_socket(context.connect("tls"), server_hostname="api0.example.com", session=session)
            report.check(ask(other, "/svc0/x", "api0.example.com").startswith(b"HTTP/1.1 "),
                         f"{version.name}: a session under another name does no harm")
        except OSError:
            report.check(True, f"{version.name}: a session under another name does no harm")


def misbehave(context, report):
    for name, data in (("plain HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("nothing", b""),
                       ("a record of 2^16", b"\x16\x03\x01\xff\xff" + b"x" * 70_000),
                       ("half a hello", bytes.fromhex("160301020001")), ("zeros", b"\0" * 5000)):
        with context.connect("tls") as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            connection.settimeout(3)
            read_all(connection)
    good, _ = handshake(context)
    report.check(ask(good).startswith(b"HTTP/1.1 200"), "it serves after clients that speak no TLS")
    idle = [context.connect("tls") for _ in range(200)]
    began = time.monotonic()
    good, _ = handshake(context)
    report.check(ask(good).startswith(b"HTTP/1.1 200") and time.monotonic() - began < 1,
                 "200 handshakes that never begin hold nobody up")
    for connection in idle:
        connection.close()
    big, _ = handshake(context)
    found = ask(big, "/svc3/size?size=5000000")
    report.check(len(found) > 5_000_000, "5,000,000 bytes over TLS", len(found))
    if context.is_ours:
        wrong, _ = handshake(context)
        report.check(ask(wrong, "/svc0/x", "api0.example.com").split(b" ")[1:2] in ([b"421"], [b"200"]),
                     "a Host that is not the SNI's: 421, or one certificate for both")


def names(context, report):
    """Certificates by name: exact, *.x, x.*, default; changed while a connection lives."""
    def entry(sni, key="ec"):
        cert, private = context.certificate([name.replace("*", "any") for name in sni], key)
        return {"cert": cert, "key": private, "snis": [{"name": name} for name in sni]}
    document = meshgate.configuration(context.run.folder, context.run.features, health=False)
    document["certificates"] = [entry(["exact.example.com"]), entry(["*.example.com"], "rsa"),
                                entry(["suffix.*"]), entry(["*"])]
    living, _ = handshake(context)
    status = context.apply(document)
    if not report.check(status in (200, 201), "certificates by name are accepted", status):
        return

    def shown(name):
        found, _ = handshake(context, name=name)
        return names_of(found) if isinstance(found, ssl.SSLSocket) else found
    wait_until(lambda: shown("exact.example.com") == ["exact.example.com"], 5)
    for name, right in (("exact.example.com", "exact.example.com"), ("other.example.com", "any.example.com"),
                        ("EXACT.example.com", "exact.example.com"), ("suffix.test", "suffix.any"),
                        ("a.b.example.com", "any"), ("nobody.test", "any"), (None, "localhost")):
        report.equal(shown(name), [right], f"the certificate for {name}")
    report.check(ask(living).startswith(b"HTTP/1.1 200"), "a connection lives on while certificates change")
    context.apply(meshgate.configuration(context.run.folder, context.run.features, health=False))


def run(context, report):
    context.start()
    context.need("tls")
    versions(context, report)
    tickets(context, report)
    misbehave(context, report)
    if context.is_ours:
        names(context, report)

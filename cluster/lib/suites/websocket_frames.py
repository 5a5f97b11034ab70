"""Frames as Autobahn's sections 1 to 7 send them (RFC 6455): the same comes back with and without the
gateway between."""
import os
import socket
import struct
import time

from .context import HOST, read_all
from .websocket_target import Target

LIMIT = 150
NEEDS = []
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, reserved=0, masked=True):
    mask = b"\x11\x22\x33\x44"
    first = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        length = bytes([bit | size])
    elif size < 65536:
        length = struct.pack(">BH", bit | 126, size)
    else:
        length = struct.pack(">BQ", bit | 127, size)
    if not masked:
        return first + length + payload
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    body = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big") if size else b""
    return first + length + mask + body


def close(code=1000, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def cases():
    """(name, frames to send, bytes of each send or 0)."""
    listed = []
    for kind, opcode, letter in (("text", TEXT, b"*"), ("binary", BINARY, b"\xfe")):
        for size in (0, 125, 126, 127, 128, 65_535, 65_536):
            listed.append((f"1 {kind} of {size}", frame(opcode, letter * size), 0))
        listed.append((f"1 {kind} of 65,536 in sends of 997", frame(opcode, letter * 65_536), 997))
    for size in (0, 1, 125):
        listed.append((f"2 PING of {size}", frame(PING, b"\xfe" * size), 0))
    listed += [
        ("2 PING of 126", frame(PING, b"\xfe" * 126), 0),
        ("2 PING of 125 in sends of one", frame(PING, b"\xfe" * 125), 1),
        ("2 PONG unasked", frame(PONG, b"x") + frame(PING, b"y"), 0),
        ("2 ten PINGs", b"".join(frame(PING, b"%d" % n) for n in range(10)), 0),
        ("2 ten PINGs in sends of one", b"".join(frame(PING, b"%d" % n) for n in range(10)), 1),
    ]
    for bits in range(1, 8):
        listed.append((f"3 reserved bits {bits}", frame(TEXT, b"a") + frame(TEXT, b"b", reserved=bits) + frame(PING), 0))
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        listed.append((f"4 opcode {opcode}", frame(TEXT, b"a") + frame(opcode, b"x") + frame(PING), 0))
    part, last = lambda code, text: frame(code, text, fin=False), lambda text: frame(0, text)
    listed += [
        ("5 PING in two parts", part(PING, b"a") + frame(0, b"b"), 0),
        ("5 PONG in two parts", part(PONG, b"a") + frame(0, b"b"), 0),
        ("5 text in two parts", part(TEXT, b"frag") + last(b"ment"), 0),
        ("5 text in two parts, a PING between", part(TEXT, b"frag") + frame(PING, b"p") + last(b"ment"), 0),
        ("5 the same in sends of one", part(TEXT, b"frag") + frame(PING, b"p") + last(b"ment"), 1),
        ("5 a continuation of nothing", last(b"x") + frame(TEXT, b"a"), 0),
        ("5 an unfinished continuation of nothing", frame(0, b"x", fin=False) + frame(TEXT, b"a"), 0),
        ("5 a text within a text", part(TEXT, b"a") + frame(TEXT, b"b"), 0),
        ("5 five parts and PINGs", part(TEXT, b"1") + part(0, b"2") + frame(PING, b"a") + part(0, b"3") + part(0, b"4") + frame(PING, b"b") + last(b"5"), 0),
        ("5 empty parts", part(TEXT, b"") + part(0, b"") + last(b""), 0),
        ("6 text in several languages", frame(TEXT, "Hello-µ@ßöäüàá-UTF-8!! κόσμε 𐍈".encode()), 0),
        ("6 the same in sends of one", frame(TEXT, "Hello-µ@ßöäüàá-UTF-8!! κόσμε 𐍈".encode()), 1),
        ("6 a letter cut between parts", part(TEXT, "κό".encode()[:3]) + last("κό".encode()[3:]), 0),
    ]
    for name, text in (("a lone continuation byte", b"\x80"), ("an overlong slash", b"\xc0\xaf"),
                       ("a surrogate", b"\xed\xa0\x80"), ("beyond U+10FFFF", b"\xf4\x90\x80\x80"),
                       ("a cut letter", b"\xce"), ("byte FE", b"a\xfeb"), ("byte FF", b"\xff"),
                       ("five bytes", b"\xf8\x88\x80\x80\x80"), ("an overlong NUL", b"\xe0\x80\x80")):
        listed.append((f"6 {name}", frame(TEXT, text), 0))
        listed.append((f"6 {name} in a second part", part(TEXT, b"ok") + last(text), 0))
    for name, text in (("U+FFFF", "\uffff"), ("U+10FFFF", "\U0010ffff"), ("U+0080", "\x80"), ("NUL", "\0")):
        listed.append((f"6 {name} is allowed", frame(TEXT, text.encode()), 0))
    listed += [
        ("7 close", close(), 0),
        ("7 close twice", close() + close(), 0),
        ("7 a PING after close", close() + frame(PING), 0),
        ("7 a text after close", close() + frame(TEXT, b"late"), 0),
        ("7 close between parts", part(TEXT, b"a") + close() + last(b"b"), 0),
        ("7 close without a code", frame(CLOSE), 0),
        ("7 close with half a code", frame(CLOSE, b"\x03"), 0),
        ("7 close with a reason", close(1000, b"bye"), 0),
        ("7 close with the longest reason", close(1000, b"*" * 123), 0),
        ("7 close with a reason too long", close(1000, b"*" * 124), 0),
        ("7 close with a reason that is no UTF-8", close(1000, b"\xce\xba\xff"), 0),
        ("a frame without mask", frame(TEXT, b"a", masked=False), 0),
        ("a length of 2^63", b"\x82\xff" + b"\x80" + b"\0" * 7 + b"mask", 0),
        ("a long message", frame(BINARY, b"x" * 300_000), 0),
    ]
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        listed.append((f"7 close with {code}", close(code), 0))
    for code in (0, 999, 1004, 1005, 1006, 1012, 1016, 1100, 2000, 2999, 5000, 65535):
        listed.append((f"7 close with {code}, which is none", close(code), 0))
    return listed


def talk(connection, data, step, expected=None):
    """What comes back before and after the client's last close.

    The close is sent when all that is expected came, or when nothing came for a while.
    """
    with connection:
        connection.sendall(
            f"GET /ws/echo HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return b"no handshake: " + head, b""
            head += byte
        if b" 101 " not in head:
            return b"no handshake: " + head.split(b"\r\n")[0], b""
        try:
            if step:
                for at in range(0, len(data), step):
                    connection.sendall(data[at:at + step])
            else:
                connection.sendall(data)
        except OSError:
            pass
        before = read_some(connection, expected)
        try:
            connection.sendall(close())
        except OSError:
            pass
        connection.settimeout(5)
        return before, read_all(connection)


def read_some(connection, expected):
    received = b""
    connection.settimeout(0.2 if expected is None else 3)
    try:
        while expected is None or len(received) < len(expected):
            part = connection.recv(1 << 16)
            if not part:
                break
            received += part
    except OSError:
        pass
    return received


def direct():
    connection = socket.create_connection(("127.0.0.1", 29003), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def run(context, report):
    context.start()
    with Target():
        ways = [("through the gateway", context.connect)]
        if report.check(context.serves("tls"), "wss has a port to be served on"):
            ways.append(("through TLS", context.connect_tls))
        for name, data, step in cases():
            expected = talk(direct(), data, step)
            for way, connect in ways:
                found = talk(connect(), data, step, expected[0])
                report.check(found == expected, f"{name}: the same {way}",
                             f"{expected[0][:40]!r} {expected[1]!r}, there {found[0][:40]!r} {found[1]!r}")
        # A client that goes away without a close: the target must notice.
        before = len(os.listdir(f"/proc/{context.pid}/fd")) if context.is_ours else 0
        for _ in range(20):
            connection = context.connect()
            connection.sendall(f"GET /ws/echo HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            connection.recv(1000)
            connection.close()
        time.sleep(1)
        if context.is_ours:
            after = len(os.listdir(f"/proc/{context.pid}/fd"))
            report.check(after <= before + 4, "clients that vanish leave no descriptor",
                         f"{before} before, {after} after")

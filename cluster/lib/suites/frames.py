"""HTTP/2 written frame by frame, without a library that would correct it (RFC 9113)."""
import socket
import struct
import time

from .context import HOST

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, \
    FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, \
    ENHANCE_YOUR_CALM = range(12)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_LIST = range(1, 7)


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, prefix, first):
    """An HPACK integer (RFC 7541 5.1)."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def block(fields):
    """Literal fields without indexing or Huffman coding (RFC 7541 6.2.2)."""
    out = b""
    for name, value in fields:
        name, value = (text.encode("latin-1") if isinstance(text, str) else text
                       for text in (name, value))
        out += b"\0" + integer(len(name), 7, 0) + name + integer(len(value), 7, 0) + value
    return out


def request(path="/svc3/h2", method="GET", more=(), scheme="http"):
    return [(":method", method), (":scheme", scheme), (":path", path),
            (":authority", HOST)] + list(more)


def setting(name, value):
    return struct.pack(">HI", name, value)


class Connection:
    """One connection: sends anything, and keeps what comes back as (kind, flags, stream, payload)."""

    def __init__(self, open_socket, greet=True, settings=b""):
        self.socket = open_socket
        self.socket.settimeout(3)
        self.buffer, self.closed = b"", False
        self.received = []
        self.server_settings = {}
        if greet:
            self.send(PREFACE + frame(SETTINGS, payload=settings))
            self.wait(lambda got: any(kind == SETTINGS and not flags & ACK
                                      for kind, flags, _, _ in got))
            self.send(frame(SETTINGS, ACK))

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def headers(self, stream, fields, flags=END_STREAM | END_HEADERS):
        self.send(frame(HEADERS, flags, stream, block(fields)))

    def read(self, end):
        """Reads once; False when the connection ended or the time is over."""
        try:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            part = self.socket.recv(1 << 18)
        except TimeoutError:
            return False
        except OSError:
            part = b""
        if not part:
            self.closed = True
            return False
        self.buffer += part
        while len(self.buffer) >= 9:
            size = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + size:
                break
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
            self.received.append((kind, flags, stream & 0x7fffffff, payload))
            if kind == SETTINGS and not flags & ACK:
                for at in range(0, len(payload) - 5, 6):
                    name, value = struct.unpack(">HI", payload[at:at + 6])
                    self.server_settings[name] = value
        return True

    def wait(self, condition, seconds=2.0):
        """Reads until `condition` of all received frames holds, the end, or the time is over."""
        end = time.monotonic() + seconds
        while not condition(self.received) and not self.closed and time.monotonic() < end:
            self.read(end)
        return condition(self.received)

    def find(self, kind, stream=None):
        return [item for item in self.received
                if item[0] == kind and (stream is None or item[2] == stream)]

    def ping(self, text=b"pingpong", seconds=2.0):
        """Whether the connection still answers."""
        self.send(frame(PING, payload=text))
        return self.wait(lambda got: any(kind == PING and flags & ACK and payload == text
                                         for kind, flags, _, payload in got), seconds)

    def status(self, stream):
        """The status of an answer, as far as its first field is indexed or literal; else None."""
        for kind, flags, _, payload in self.find(HEADERS, stream):
            return decode_status(payload, flags)
        return None

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
DIGITS = {0b00000: "0", 0b00001: "1", 0b00010: "2", 0b011001: "3", 0b011010: "4", 0b011011: "5",
          0b011100: "6", 0b011101: "7", 0b011110: "8", 0b011111: "9"}


def huffman_digits(data):
    bits = "".join(f"{byte:08b}" for byte in data)
    text = ""
    while len(text) < 3 and len(bits) >= 5:
        size = 5 if int(bits[:5], 2) < 3 else 6
        text, bits = text + DIGITS.get(int(bits[:size], 2), "?"), bits[size:]
    return text


def decode_status(payload, flags):
    """`:status` comes first, and its name is in the static table or written out."""
    if flags & PADDED:
        payload = payload[1:]
    if flags & PRIORITIZED:
        payload = payload[5:]
    while payload and payload[0] & 0xe0 == 0x20:  # A change of the table's size.
        payload = payload[1 if payload[0] & 0x1f < 31 else 1 + (payload[1] > 127) + 1:]
    if not payload:
        return None
    first = payload[0]
    if first & 0x80:
        return STATIC_STATUS.get(first & 0x7f, "indexed")
    at = 1
    if first & (0x3f if first & 0x40 else 0x0f) == 0:
        at = 2 + (payload[1] & 0x7f)
    size = payload[at] & 0x7f
    value = payload[at + 1:at + 1 + size]
    text = huffman_digits(value) if payload[at] & 0x80 else value.decode("latin-1")
    return int(text) if text.isdigit() else text

"""Frames that a server of HTTP/2 must accept or refuse, by section of RFC 9113 and 7541.

Each case is (name, function of the connection, what must happen). What may happen:
  Broken(codes)   the connection ends; a GOAWAY, if one came, has one of these codes
  Reset(codes)    stream 1 (or `stream`) is reset with one of these codes, or Broken(codes)
  Malformed()     as Reset(PROTOCOL_ERROR), or an answer 4xx (RFC 9113 8.1.1)
  Good(status)    stream 1 (or `stream`) is answered so, and the connection lives
  Alive()         the connection answers a PING, and nothing was refused
"""
from dataclasses import dataclass, field
from struct import pack

from .frames import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                     ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS,
                     INITIAL_WINDOW, MAX_FRAME, NO_ERROR, PADDED, PING, PREFACE, PRIORITIZED,
                     PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS,
                     STREAM_CLOSED, WINDOW_UPDATE, block, frame, integer, request, setting)


@dataclass
class Broken:
    codes: tuple


@dataclass
class Reset:
    codes: tuple
    stream: int = 1


@dataclass
class Malformed:
    stream: int = 1


@dataclass
class Good:
    status: int = 200
    stream: int = 1


@dataclass
class Alive:
    answered: tuple = field(default_factory=tuple)


PROTOCOL, SIZE, FLOW, CLOSED, PACKED = (PROTOCOL_ERROR,), (FRAME_SIZE_ERROR,), \
    (FLOW_CONTROL_ERROR,), (STREAM_CLOSED,), (COMPRESSION_ERROR,)
BOTH = END_STREAM | END_HEADERS
GET, POST = request(), request(method="POST")
CASES = []


def case(name, expected, greet=True):
    def keep(function):
        CASES.append((name, function, expected, greet))
        return function
    return keep


def sends(name, expected, *frames, greet=True):
    """A case that only sends."""
    CASES.append((name, lambda c: c.send(b"".join(frames)), expected, greet))


def ask(fields, stream=1, flags=BOTH, pad=b"", first=b""):
    return frame(HEADERS, flags, stream, first + block(fields) + pad)


def malformed(name, fields, stream=1):
    sends(name, Malformed(stream), ask(fields))


def with_body(name, expected, length, *parts):
    fields = request(method="POST", more=[("content-length", str(length))])
    flow = [ask(fields, flags=END_HEADERS)]
    flow += [frame(DATA, END_STREAM if part is parts[-1] else 0, 1, part) for part in parts]
    sends(name, expected, *flow)


# 3.4 The preface.
sends("3.4 a preface that is none", Broken(PROTOCOL), b"INVALID CONNECTION PREFACE\r\n\r\n", greet=False)
sends("3.4 a preface cut by other bytes", Broken(PROTOCOL), PREFACE[:18] + b"XX\r\n\r\n", frame(SETTINGS), greet=False)
sends("3.4 a first frame that is no SETTINGS", Broken(PROTOCOL), PREFACE, frame(PING, payload=b"12345678"), greet=False)
sends("3.4 a first SETTINGS that is an ACK", Broken(PROTOCOL), PREFACE, frame(SETTINGS, ACK), ask(GET), greet=False)
sends("3.4 a request right behind the preface", Good(), PREFACE, frame(SETTINGS), ask(GET), greet=False)

# 4.1 Frames.
sends("4.1 an unknown frame type is ignored", Good(), frame(0xfa, 0xff, 0, b"x" * 8), ask(GET))
sends("4.1 an unknown frame type on a stream is ignored", Good(), frame(0xfa, 0, 1, b"x"), ask(GET))
sends("4.1 flags without meaning are ignored", Alive(), frame(PING, 0xfe, 0, b"12345678"))
sends("4.1 the reserved bit is ignored", Good(), frame(HEADERS, BOTH, 0x80000001, block(GET)))
sends("4.2 a DATA frame longer than allowed", Reset(SIZE), ask(POST, flags=END_HEADERS), frame(DATA, END_STREAM, 1, b"x" * 16385))
sends("4.2 a HEADERS frame longer than allowed", Broken(SIZE), frame(HEADERS, BOTH, 1, block(request(more=[("x-a", "x" * 17000)]))))
sends("4.2 a SETTINGS frame longer than allowed", Broken(SIZE), frame(SETTINGS, payload=setting(0xff, 1) * 3000))
sends("4.2 a DATA frame of the longest size", Good(), ask(POST, flags=END_HEADERS), frame(DATA, END_STREAM, 1, b"x" * 16384))
sends("4.2 an unknown frame longer than allowed", Broken(SIZE), frame(0xfa, 0, 0, b"x" * 20000))

# 4.3, RFC 7541: field compression.
sends("4.3 an index that is not in the tables", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\xff\x80\x10"))
sends("7541 6.1 index 0", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x80"))
sends("7541 2.3.3 a name's index that is not in the tables", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x0f\x70\x01x"))
sends("7541 4.2 a table size larger than allowed", Broken(PACKED), frame(HEADERS, BOTH, 1, integer(1 << 20, 5, 0x20) + block(GET)))
sends("7541 4.2 a table size after a field", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x20"))
sends("7541 4.2 a table size that is allowed", Good(), frame(HEADERS, BOTH, 1, b"\x20" + block(GET)))
sends("7541 5.1 an integer without end", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x7f" + b"\xff" * 20))
sends("7541 5.2 a string longer than the block", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x00\x03x-a\x7fab"))
sends("7541 5.2 Huffman padding longer than 7 bits", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"))
sends("7541 5.2 Huffman padding of zeros", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"))
sends("7541 5.2 Huffman with the end symbol", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f"))
sends("7541 6.2.1 a field from the dynamic table", Good(), frame(HEADERS, BOTH, 1, block(GET) + b"\x40\x03x-a\x011\xbe"))
sends("7541 6.2.3 a field never indexed", Good(), frame(HEADERS, BOTH, 1, block(GET) + b"\x10\x03x-a\x011"))
sends("7541 6.1 indexed pseudo-fields", Good(), frame(HEADERS, BOTH, 1, b"\x82\x86" + block(GET[2:])))
sends("4.3 a block that ends in a field", Broken(PACKED), frame(HEADERS, BOTH, 1, block(GET)[:-3]))

# 5.1 States of streams.
sends("5.1 DATA on an idle stream", Broken(PROTOCOL + CLOSED), frame(DATA, END_STREAM, 1, b"x"))
sends("5.1 RST_STREAM on an idle stream", Broken(PROTOCOL), frame(RST_STREAM, 0, 1, pack(">I", CANCEL)))
sends("5.1 WINDOW_UPDATE on an idle stream", Broken(PROTOCOL), frame(WINDOW_UPDATE, 0, 1, pack(">I", 100)))
sends("5.1 CONTINUATION on an idle stream", Broken(PROTOCOL), frame(CONTINUATION, END_HEADERS, 1, block(GET)))
sends("5.1 PRIORITY on an idle stream is ignored", Good(stream=3), frame(PRIORITY, 0, 1, pack(">IB", 0, 10)), ask(GET, 3))
sends("5.1 DATA on a stream that the client ended", Reset(CLOSED + PROTOCOL), ask(request("/svc3/hang")), frame(DATA, END_STREAM, 1, b"x"))
sends("5.1 HEADERS on a stream that the client ended", Reset(CLOSED + PROTOCOL), ask(request("/svc3/hang")), ask(GET))
sends("5.1 CONTINUATION on a stream that the client ended", Broken(PROTOCOL + CLOSED), ask(request("/svc3/hang")), frame(CONTINUATION, END_HEADERS, 1, block([("x-a", "1")])))
sends("5.1 HEADERS on a stream that the client reset", Broken(CLOSED + PROTOCOL), ask(request("/svc3/hang"), flags=END_HEADERS), frame(RST_STREAM, 0, 1, pack(">I", CANCEL)), ask(GET))
sends("5.1 WINDOW_UPDATE on a stream that was reset is ignored", Good(stream=3), ask(request("/svc3/hang")), frame(RST_STREAM, 0, 1, pack(">I", CANCEL)), frame(WINDOW_UPDATE, 0, 1, pack(">I", 10)), ask(GET, 3))
sends("5.1 PRIORITY on a closed stream is ignored", Good(stream=3), ask(request("/svc3/hang")), frame(RST_STREAM, 0, 1, pack(">I", CANCEL)), frame(PRIORITY, 0, 1, pack(">IB", 0, 10)), ask(GET, 3))


@case("5.1 DATA on a stream that was answered", Reset(CLOSED + PROTOCOL))
def data_after_answer(c):
    c.send(ask(GET))
    c.wait(lambda got: any(flags & END_STREAM and stream == 1 and kind in (DATA, HEADERS)
                           for kind, flags, stream, _ in got))
    c.send(frame(DATA, END_STREAM, 1, b"x"))


@case("5.1 HEADERS on a stream that was answered", Broken(CLOSED + PROTOCOL))
def headers_after_answer(c):
    c.send(ask(GET))
    c.wait(lambda got: any(flags & END_STREAM and stream == 1 and kind in (DATA, HEADERS)
                           for kind, flags, stream, _ in got))
    c.send(ask(GET))


sends("5.1.1 an even stream", Broken(PROTOCOL), ask(GET, 2))
sends("5.1.1 a stream smaller than one before", Broken(PROTOCOL + CLOSED), ask(GET, 5), ask(GET, 3))


@case("5.1.2 more streams than allowed", Reset((REFUSED_STREAM, PROTOCOL_ERROR, ENHANCE_YOUR_CALM), -1))
def too_many_streams(c):
    most = c.server_settings.get(3, 1000)
    c.send(b"".join(ask(request("/svc3/hang"), 1 + 2 * n) for n in range(most + 5)))


sends("5.3 a stream that depends on itself does no harm", Alive((PROTOCOL_ERROR,)), frame(HEADERS, BOTH | PRIORITIZED, 1, pack(">IB", 1, 10) + block(GET)))
sends("5.3 a priority in HEADERS", Good(), frame(HEADERS, BOTH | PRIORITIZED, 1, pack(">IB", 0, 10) + block(GET)))
sends("5.5 an unknown frame within a field block", Broken(PROTOCOL), frame(HEADERS, END_STREAM, 1, block(GET)), frame(0xfa, 0, 1, b"x"), frame(CONTINUATION, END_HEADERS, 1, block([("x-a", "1")])))
sends("5.5 an unknown setting is ignored", Good(), frame(SETTINGS, payload=setting(0xff, 1)), ask(GET))

# 6.1 DATA.
sends("6.1 DATA on stream 0", Broken(PROTOCOL), frame(DATA, END_STREAM, 0, b"x"))
sends("6.1 padding as long as the payload", Broken(PROTOCOL), ask(POST, flags=END_HEADERS), frame(DATA, END_STREAM | PADDED, 1, b"\x05hell"))
sends("6.1 a padded DATA without payload", Broken(PROTOCOL + SIZE), ask(POST, flags=END_HEADERS), frame(DATA, END_STREAM | PADDED, 1, b""))
sends("6.1 DATA with padding", Good(), ask(POST, flags=END_HEADERS), frame(DATA, END_STREAM | PADDED, 1, b"\x03hello\0\0\0"))
sends("6.1 DATA of nothing but padding", Good(), ask(POST, flags=END_HEADERS), frame(DATA, PADDED, 1, b"\x03\0\0\0"), frame(DATA, END_STREAM, 1, b""))

# 6.2 HEADERS.
sends("6.2 HEADERS on stream 0", Broken(PROTOCOL), ask(GET, 0))
sends("6.2 HEADERS with padding", Good(), frame(HEADERS, BOTH | PADDED, 1, b"\x03" + block(GET) + b"\0\0\0"))
sends("6.2 padding longer than the payload", Broken(PROTOCOL), frame(HEADERS, BOTH | PADDED, 1, b"\xff" + block(GET[:2])))
sends("6.2 a frame of another stream within a field block", Broken(PROTOCOL), frame(HEADERS, END_STREAM, 1, block(GET)), ask(GET, 3))
sends("6.2 DATA within a field block", Broken(PROTOCOL), frame(HEADERS, 0, 1, block(POST)), frame(DATA, END_STREAM, 1, b"x"))
sends("6.2 PING within a field block", Broken(PROTOCOL), frame(HEADERS, END_STREAM, 1, block(GET)), frame(PING, payload=b"12345678"))
sends("6.2 a priority that is cut", Broken(SIZE + PROTOCOL), frame(HEADERS, BOTH | PRIORITIZED, 1, b"\0\0"))

# 6.3 PRIORITY.
sends("6.3 PRIORITY on stream 0", Broken(PROTOCOL), frame(PRIORITY, 0, 0, pack(">IB", 0, 10)))
sends("6.3 PRIORITY of 4 bytes", Reset(SIZE), ask(request("/svc3/hang")), frame(PRIORITY, 0, 1, b"\0\0\0\0"))

# 6.4 RST_STREAM.
sends("6.4 RST_STREAM on stream 0", Broken(PROTOCOL), frame(RST_STREAM, 0, 0, pack(">I", CANCEL)))
sends("6.4 RST_STREAM of 3 bytes", Broken(SIZE), ask(request("/svc3/hang")), frame(RST_STREAM, 0, 1, b"\0\0\0"))
sends("6.4 RST_STREAM leaves other streams alone", Good(stream=3), ask(request("/svc3/hang")), ask(GET, 3), frame(RST_STREAM, 0, 1, pack(">I", CANCEL)))

# 6.5 SETTINGS.
sends("6.5 an ACK with a payload", Broken(SIZE), frame(SETTINGS, ACK, payload=setting(3, 1)))
sends("6.5 SETTINGS on a stream", Broken(PROTOCOL), frame(SETTINGS, 0, 1, setting(3, 100)))
sends("6.5 SETTINGS of 3 bytes", Broken(SIZE), frame(SETTINGS, payload=b"\0\3\0"))
sends("6.5.2 ENABLE_PUSH of 2", Broken(PROTOCOL), frame(SETTINGS, payload=setting(2, 2)))
sends("6.5.2 INITIAL_WINDOW_SIZE beyond 2^31 - 1", Broken(FLOW), frame(SETTINGS, payload=setting(INITIAL_WINDOW, 1 << 31)))
sends("6.5.2 MAX_FRAME_SIZE below 16,384", Broken(PROTOCOL), frame(SETTINGS, payload=setting(MAX_FRAME, 16383)))
sends("6.5.2 MAX_FRAME_SIZE beyond 2^24 - 1", Broken(PROTOCOL), frame(SETTINGS, payload=setting(MAX_FRAME, 1 << 24)))
sends("6.5.2 a header table of 0", Good(), frame(SETTINGS, payload=setting(1, 0)), ask(GET))


@case("6.5.3 SETTINGS are acknowledged", Alive())
def settings_ack(c):
    c.send(frame(SETTINGS, payload=setting(3, 100)))
    if not c.wait(lambda got: sum(kind == SETTINGS and bool(flags & ACK)
                                  for kind, flags, _, _ in got) >= 2):
        c.problem = "no second ACK"


sends("6.6 PUSH_PROMISE from a client", Broken(PROTOCOL), ask(request("/svc3/hang")), frame(PUSH_PROMISE, END_HEADERS, 1, pack(">I", 2) + block(GET)))

# 6.7 PING.
sends("6.7 PING on a stream", Broken(PROTOCOL), frame(PING, 0, 1, b"12345678"))
sends("6.7 PING of 6 bytes", Broken(SIZE), frame(PING, payload=b"123456"))


@case("6.7 an ACK of a PING is not answered", Alive())
def ping_ack(c):
    c.send(frame(PING, ACK, payload=b"unwanted"))
    c.wait(lambda got: any(kind == PING for kind, *_ in got), 0.3)
    if any(payload == b"unwanted" for _, _, _, payload in c.find(PING)):
        c.problem = "it was answered"


# 6.8 GOAWAY.
sends("6.8 GOAWAY on a stream", Broken(PROTOCOL), frame(GOAWAY, 0, 1, pack(">II", 0, NO_ERROR)))
sends("6.8 a request under way is answered after the client's GOAWAY", Good(), ask(GET), frame(GOAWAY, payload=pack(">II", 0, NO_ERROR)))

# 6.9 WINDOW_UPDATE and flow control.
sends("6.9 an increment of 0 for the connection", Broken(PROTOCOL), frame(WINDOW_UPDATE, 0, 0, pack(">I", 0)))
sends("6.9 an increment of 0 for a stream", Reset(PROTOCOL), ask(request("/svc3/hang")), frame(WINDOW_UPDATE, 0, 1, pack(">I", 0)))
sends("6.9 WINDOW_UPDATE of 3 bytes", Broken(SIZE), frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"))
sends("6.9.1 a connection's window beyond 2^31 - 1", Broken(FLOW), frame(WINDOW_UPDATE, 0, 0, pack(">I", 0x7fffffff)) * 2)
sends("6.9.1 a stream's window beyond 2^31 - 1", Reset(FLOW), ask(request("/svc3/hang")), frame(WINDOW_UPDATE, 0, 1, pack(">I", 0x7fffffff)) * 2)
sends("6.9.2 a change of the first window that overflows a stream's", Reset(FLOW), ask(request("/svc3/hang")), frame(WINDOW_UPDATE, 0, 1, pack(">I", 0x7fff0000)), frame(SETTINGS, payload=setting(INITIAL_WINDOW, 0x7fffffff)))


def data_bytes(c, stream=1):
    return sum(len(payload) for kind, _, _, payload in c.find(DATA, stream))


@case("6.9.1 no DATA beyond a window of 1 byte", Good())
def window_of_one(c):
    c.send(frame(SETTINGS, payload=setting(INITIAL_WINDOW, 1)))
    c.send(ask(request("/svc3/size?size=5")))
    c.wait(lambda got: data_bytes(c) >= 1)
    c.wait(lambda got: data_bytes(c) > 1, 0.3)
    if data_bytes(c) != 1:
        c.problem = f"{data_bytes(c)} bytes in a window of 1"
    c.send(frame(WINDOW_UPDATE, 0, 1, pack(">I", 100)))
    if not c.wait(lambda got: data_bytes(c) == 5):
        c.problem = f"{data_bytes(c)} of 5 bytes after the window opened"


@case("6.9.2 DATA when a window of 0 grows by SETTINGS", Good())
def window_grows(c):
    c.send(frame(SETTINGS, payload=setting(INITIAL_WINDOW, 0)))
    c.send(ask(request("/svc3/size?size=5")))
    c.wait(lambda got: data_bytes(c) > 0, 0.3)
    if data_bytes(c):
        c.problem = "DATA in a window of 0"
    c.send(frame(SETTINGS, payload=setting(INITIAL_WINDOW, 3)))
    if not c.wait(lambda got: data_bytes(c) == 3):
        c.problem = f"{data_bytes(c)} bytes in a window of 3"
    c.send(frame(WINDOW_UPDATE, 0, 1, pack(">I", 2)))
    c.wait(lambda got: data_bytes(c) == 5)


@case("6.9.2 a window that has become negative", Good())
def window_negative(c):
    c.send(frame(SETTINGS, payload=setting(INITIAL_WINDOW, 3)))
    c.send(ask(request("/svc3/size?size=9")))
    c.wait(lambda got: data_bytes(c) == 3)
    c.send(frame(SETTINGS, payload=setting(INITIAL_WINDOW, 2)))
    c.send(frame(WINDOW_UPDATE, 0, 1, pack(">I", 1)))
    c.wait(lambda got: data_bytes(c) > 3, 0.3)
    if data_bytes(c) != 3:
        c.problem = f"{data_bytes(c)} bytes while the window was not above 0"
    c.send(frame(WINDOW_UPDATE, 0, 1, pack(">I", 50)))
    c.wait(lambda got: data_bytes(c) == 9)


@case("6.9.1 the connection's window bounds all streams", Good())
def connection_window(c):
    c.send(frame(SETTINGS, payload=setting(INITIAL_WINDOW, 1 << 20)))
    c.send(ask(request("/svc3/size?size=100000")))
    c.wait(lambda got: data_bytes(c) >= 65535)
    c.wait(lambda got: data_bytes(c) > 65535, 0.3)
    if data_bytes(c) != 65535:
        c.problem = f"{data_bytes(c)} bytes in a connection's window of 65,535"
    c.send(frame(WINDOW_UPDATE, 0, 0, pack(">I", 100000)))
    if not c.wait(lambda got: data_bytes(c) == 100000):
        c.problem = f"{data_bytes(c)} of 100,000 bytes"


@case("6.9.1 DATA beyond the server's window", Reset(FLOW))
def beyond_window(c):
    c.send(ask(request("/svc3/stall", "POST"), flags=END_HEADERS))
    for _ in range(1200):  # More than any window a server would give without reading.
        c.send(frame(DATA, 0, 1, b"x" * 16384))
        if c.closed or c.find(GOAWAY) or c.find(RST_STREAM):
            break
        c.wait(lambda got: False, 0.0005)


# 6.10 CONTINUATION.
SPLIT = [block(GET)[:20], block(GET)[20:]]
sends("6.10 a block in two frames", Good(), frame(HEADERS, END_STREAM, 1, SPLIT[0]), frame(CONTINUATION, END_HEADERS, 1, SPLIT[1]))
sends("6.10 a block in many frames", Good(), frame(HEADERS, END_STREAM, 1, SPLIT[0]), *[frame(CONTINUATION, 0, 1, SPLIT[1][n:n + 10]) for n in range(0, len(SPLIT[1]), 10)], frame(CONTINUATION, END_HEADERS, 1))
sends("6.10 CONTINUATION on stream 0", Broken(PROTOCOL), frame(HEADERS, END_STREAM, 1, SPLIT[0]), frame(CONTINUATION, END_HEADERS, 0, SPLIT[1]))
sends("6.10 CONTINUATION of another stream", Broken(PROTOCOL), frame(HEADERS, END_STREAM, 1, SPLIT[0]), frame(CONTINUATION, END_HEADERS, 3, SPLIT[1]))
sends("6.10 CONTINUATION after END_HEADERS", Broken(PROTOCOL + CLOSED), ask(request("/svc3/hang"), flags=END_HEADERS), frame(CONTINUATION, END_HEADERS, 1, block([("x-a", "1")])))
sends("6.10 CONTINUATION after DATA", Broken(PROTOCOL + CLOSED), ask(POST, flags=END_HEADERS), frame(DATA, 0, 1, b"x"), frame(CONTINUATION, END_HEADERS, 1, block([("x-a", "1")])))

# 8.1 Messages.
sends("8.1 HEADERS again without END_STREAM", Malformed(), ask(POST, flags=END_HEADERS), frame(DATA, 0, 1, b"x"), ask([("x-trailer", "1")], flags=END_HEADERS))
sends("8.1 trailers", Good(), ask(POST, flags=END_HEADERS), frame(DATA, 0, 1, b"x"), ask([("x-trailer", "1")]))
sends("8.1 a pseudo-field in trailers", Malformed(), ask(POST, flags=END_HEADERS), frame(DATA, 0, 1, b"x"), ask([(":method", "GET")]))
sends("8.1 an upper-case field in trailers", Malformed(), ask(POST, flags=END_HEADERS), frame(DATA, 0, 1, b"x"), ask([("X-Trailer", "1")]))
malformed("8.2.1 an upper-case field", request(more=[("X-Upper", "1")]))
malformed("8.2.1 a space in a name", request(more=[("x a", "1")]))
malformed("8.2.1 a colon in a name", request(more=[("x:a", "1")]))
malformed("8.2.1 a NUL in a name", request(more=[("x\0a", "1")]))
malformed("8.2.1 an empty name", request(more=[("", "1")]))
malformed("8.2.1 a byte outside ASCII in a name", request(more=[("x-\xe4", "1")]))
malformed("8.2.1 a NUL in a value", request(more=[("x-a", "1\0002")]))
malformed("8.2.1 an LF in a value", request(more=[("x-a", "1\nx-b: 2")]))
malformed("8.2.1 a CR in a value", request(more=[("x-a", "1\r2")]))
malformed("8.2.1 CR LF in a value", request(more=[("x-a", "1\r\n\r\nGET /svc3/hidden HTTP/1.1\r\nHost: api3.example.com\r\n\r\n")]))
malformed("8.2.1 a space before a value", request(more=[("x-a", " 1")]))
malformed("8.2.1 a space after a value", request(more=[("x-a", "1 ")]))
malformed("8.2.2 Connection", request(more=[("connection", "keep-alive")]))
malformed("8.2.2 Connection: close", request(more=[("connection", "close")]))
malformed("8.2.2 Proxy-Connection", request(more=[("proxy-connection", "keep-alive")]))
malformed("8.2.2 Keep-Alive", request(more=[("keep-alive", "timeout=5")]))
malformed("8.2.2 Transfer-Encoding", request(more=[("transfer-encoding", "chunked")]))
malformed("8.2.2 Upgrade", request(more=[("upgrade", "websocket")]))
malformed("8.2.2 TE that is not trailers", request(more=[("te", "trailers, deflate;q=0.5")]))
sends("8.2.2 TE: trailers", Good(), ask(request(more=[("te", "trailers")])))
sends("8.2.3 cookies in parts", Good(), ask(request(more=[("cookie", "a=1"), ("cookie", "b=2")])))
malformed("8.3 an unknown pseudo-field", request()[:4] + [(":unknown", "1")])
malformed("8.3 an answer's pseudo-field", request()[:4] + [(":status", "200")])
malformed("8.3 a pseudo-field after a field", [("x-a", "1")] + request())
malformed("8.3.1 no :method", request()[1:])
malformed("8.3.1 no :scheme", request()[:1] + request()[2:])
malformed("8.3.1 no :path", request()[:2] + request()[3:])
malformed("8.3.1 an empty :path", request(""))
malformed("8.3.1 a :path without a slash", request("svc3/x"))
malformed("8.3.1 two :method", request()[:1] + request())
malformed("8.3.1 two :scheme", request()[:2] + request()[1:])
malformed("8.3.1 two :path", request()[:3] + request()[2:])
malformed("8.3.1 two :authority", request() + request()[3:])
malformed("8.3.1 a space in :path", request("/svc3/a b"))
malformed("8.3.1 CR LF in :path", request("/svc3/a HTTP/1.1\r\nX-B: 1\r\n\r\n"))
malformed("8.3.1 a space in :method", request(method="GET /svc3/hidden HTTP/1.1"))
malformed("8.3.1 an :authority with user information", request()[:3] + [(":authority", "me@api3.example.com")])
malformed("8.3.1 neither :authority nor Host", request()[:3])
malformed("8.3.1 a Host that contradicts :authority", request(more=[("host", "other.example.com")]))
sends("8.3.1 Host without :authority", Good(), ask(request()[:3] + [("host", "api3.example.com")]))
sends("8.3.1 * with OPTIONS is no attack", Alive((PROTOCOL_ERROR,)), ask(request("*", "OPTIONS")))
malformed("8.5 CONNECT with :path and :scheme", request(method="CONNECT"))
with_body("8.1.1 content-length larger than the body", Malformed(), 2, b"x")
with_body("8.1.1 content-length smaller than the body", Malformed(), 1, b"xy")
with_body("8.1.1 content-length smaller than two frames", Malformed(), 1, b"x", b"yz")
with_body("8.1.1 content-length that is right", Good(), 3, b"x", b"yz")
sends("8.1.1 content-length and no body", Malformed(), ask(request(method="POST", more=[("content-length", "1")])))
malformed("8.1.1 two content-lengths", request(method="POST", more=[("content-length", "0"), ("content-length", "1")]))
malformed("8.1.1 a content-length that is no number", request(method="POST", more=[("content-length", "+1")]))
sends("8.1 an empty DATA frame ends the body", Good(), ask(POST, flags=END_HEADERS), frame(DATA, 0, 1, b"x"), frame(DATA, END_STREAM, 1))
sends("8.1 HEAD", Good(), ask(request(method="HEAD")))
sends("10.5.1 fields longer than any limit", Reset((PROTOCOL_ERROR, ENHANCE_YOUR_CALM, REFUSED_STREAM, COMPRESSION_ERROR, 2, CANCEL, FRAME_SIZE_ERROR)), frame(HEADERS, END_STREAM, 1, block(GET)), *[frame(CONTINUATION, 0, 1, block([("x-%d" % n, "x" * 8000)])) for n in range(60)], frame(CONTINUATION, END_HEADERS, 1))

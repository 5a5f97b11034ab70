"""grpcio as client and server with the gateway between: unary, streams, deadlines, errors."""
import concurrent.futures
import threading
import time

import grpc

from .context import HOST
from .report import NotServed

LIMIT = 120
NEEDS = []


class Echo(grpc.GenericRpcHandler):
    """Handlers of bytes, without generated code."""

    def __init__(self):
        self.cancelled = threading.Event()

    def service(self, details):
        method = details.method.rsplit("/", 1)[1]
        function = getattr(self, method.lower(), None)
        if method in ("Unary", "Fail", "Slow", "Metadata"):
            return grpc.unary_unary_rpc_method_handler(function)
        if method in ("Down", "Endless", "FailLate"):
            return grpc.unary_stream_rpc_method_handler(function)
        if method == "Up":
            return grpc.stream_unary_rpc_method_handler(function)
        return grpc.stream_stream_rpc_method_handler(function) if method == "Both" else None

    def unary(self, request, _):
        return request

    def fail(self, request, context):
        context.set_trailing_metadata([("x-why", "told so"), ("x-raw-bin", b"\0\xff")])
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "täglich 100 %")

    def slow(self, request, context):
        time.sleep(3)
        return request

    def metadata(self, request, context):
        got = dict(context.invocation_metadata())
        context.send_initial_metadata([("x-first", got.get("x-a", "none"))])
        context.set_trailing_metadata([("x-last", got.get("x-a", "none")),
                                       ("x-raw-bin", got.get("x-raw-bin", b""))])
        return b"%d" % int(context.time_remaining() or -1)

    def down(self, request, _):
        for number in range(int(request)):
            yield b"%d" % number

    def faillate(self, request, context):
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "late")

    def endless(self, request, context):
        context.add_callback(self.cancelled.set)
        while context.is_active():
            yield b"x"
            time.sleep(0.02)

    def up(self, requests, _):
        return b",".join(requests)

    def both(self, requests, _):
        for request in requests:
            yield request + b"!"


class Calls:
    def __init__(self, channel):
        self.channel = channel

    def unary(self, name):
        return self.channel.unary_unary("/echo.Echo/" + name)

    def down(self, name="Down"):
        return self.channel.unary_stream("/echo.Echo/" + name)


def code_of(call):
    try:
        call()
        return "no error", ""
    except grpc.RpcError as error:
        return error.code(), error


def try_unary(report, kind, calls):
    for size in (0, 1, 100, 16_384, 100_000, 3_000_000):
        body = b"x" * size
        report.check(calls.unary("Unary")(body, timeout=10) == body, f"{kind}: unary of {size} bytes")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        bodies = [b"%d" % n for n in range(500)]
        found = list(pool.map(lambda body: calls.unary("Unary")(body, timeout=10), bodies))
    report.check(found == bodies, f"{kind}: 500 unary calls at once, each with its own answer")
    code, error = code_of(lambda: calls.unary("Fail")(b"", timeout=5))
    if report.equal(code, grpc.StatusCode.FAILED_PRECONDITION, f"{kind}: a status comes through"):
        report.equal(error.details(), "täglich 100 %", f"{kind}: its message comes through")
        trailers = dict(error.trailing_metadata())
        report.equal((trailers.get("x-why"), trailers.get("x-raw-bin")), ("told so", b"\0\xff"),
                     f"{kind}: trailing metadata of errors")
    answer, call = calls.unary("Metadata").with_call(
        b"", timeout=7, metadata=[("x-a", "1"), ("x-raw-bin", b"\x00\x01")])
    report.equal(dict(call.initial_metadata()).get("x-first"), "1", f"{kind}: initial metadata")
    trailers = dict(call.trailing_metadata())
    report.equal((trailers.get("x-last"), trailers.get("x-raw-bin")), ("1", b"\x00\x01"),
                 f"{kind}: trailing metadata")
    report.check(3 <= int(answer) <= 7, f"{kind}: the deadline reaches the target", answer)
    began = time.monotonic()
    code, _ = code_of(lambda: calls.unary("Slow")(b"", timeout=0.5))
    report.equal(code, grpc.StatusCode.DEADLINE_EXCEEDED, f"{kind}: a deadline that passes")
    report.check(time.monotonic() - began < 1.5, f"{kind}: it passes in time")
    code, _ = code_of(lambda: calls.unary("Nothing")(b"", timeout=5))
    report.equal(code, grpc.StatusCode.UNIMPLEMENTED, f"{kind}: a method that the target lacks")
    code, _ = code_of(lambda: calls.channel.unary_unary("/no.Such/Route")(b"", timeout=5))
    report.check(code in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND),
                 f"{kind}: no route", code)


def try_streams(report, kind, calls, target):
    found = list(calls.down()(b"1000", timeout=20))
    report.check(found == [b"%d" % n for n in range(1000)], f"{kind}: a stream of 1,000 answers",
                 len(found))
    up = calls.channel.stream_unary("/echo.Echo/Up")
    parts = [b"%d" % n for n in range(1000)]
    report.check(up(iter(parts), timeout=20) == b",".join(parts), f"{kind}: a stream of 1,000 requests")
    turn = threading.Semaphore(1)

    def requests():
        for n in range(50):
            turn.acquire()
            yield b"%d" % n

    count = 0
    for answer in calls.channel.stream_stream("/echo.Echo/Both")(requests(), timeout=20):
        count += answer == b"%d!" % count
        turn.release()
    report.equal(count, 50, f"{kind}: both ways in turns, no message held back")
    received = []

    def late():
        for part in calls.down("FailLate")(b"", timeout=5):
            received.append(part)
    code, _ = code_of(late)
    report.equal((code, received), (grpc.StatusCode.DATA_LOSS, [b"one"]), f"{kind}: a status after answers")
    target.cancelled.clear()
    call = calls.down("Endless")(b"", timeout=20)
    next(call)
    call.cancel()
    report.check(target.cancelled.wait(3), f"{kind}: a cancelled call ends at the target")


def start_target():
    """The server that answers, and its handlers."""
    target = Echo()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32), handlers=[target])
    if server.add_insecure_port("127.0.0.1:29004") != 29004:
        raise NotServed("port 29004 is in use")
    server.start()
    return server, target


def run(context, report):
    context.start()
    server, target = start_target()
    try:
        plain = Calls(grpc.insecure_channel(f"127.0.0.1:{context.port('h2c')}",
                                            options=[("grpc.default_authority", HOST)]))
        try:
            plain.unary("Unary")(b"first", timeout=5)
        except grpc.RpcError as error:
            raise NotServed(f"gRPC on the plain port: {error.code()} {error.details()}") from None
        kinds = [("h2c", plain)]
        if report.check(context.serves("tls"), "grpcs has a port to be served on"):
            with open(context.run.path("cert.pem"), "rb") as file:
                credentials = grpc.ssl_channel_credentials(file.read())
            kinds.append(("tls", Calls(grpc.secure_channel(
                f"127.0.0.1:{context.port('tls')}", credentials,
                options=[("grpc.ssl_target_name_override", HOST),
                         ("grpc.default_authority", HOST)]))))
        for kind, calls in kinds:
            try_unary(report, kind, calls)
            try_streams(report, kind, calls, target)
        server.stop(0).wait()
        code, _ = code_of(lambda: plain.unary("Unary")(b"x", timeout=5))
        report.check(code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL),
                     "a target that is gone is UNAVAILABLE", code)
    finally:
        server.stop(0)

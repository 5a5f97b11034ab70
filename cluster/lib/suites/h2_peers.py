"""The Python `h2` library as a client, on the plain port and by ALPN over TLS."""
import time

import h2.config
import h2.connection
import h2.events

from .context import HOST
from .report import NotServed

LIMIT = 90
NEEDS = []


class Client:
    """A blocking client of HTTP/2 with any number of streams."""

    def __init__(self, connection):
        self.socket = connection
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()
        self.answers, self.ended, self.problem, self.waiting = {}, set(), None, {}

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, path, method="GET", body=b"", more=(), scheme="http"):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", scheme), (":path", path), (":authority", HOST)]
        self.h2.send_headers(stream, fields + list(more), end_stream=not body)
        self.answers[stream] = {"status": None, "body": b"", "fields": {}, "trailers": {}, "reset": None}
        self.waiting[stream] = body
        self.push(stream)
        return stream

    def push(self, stream):
        """Sends as much of the body as the windows allow."""
        body = self.waiting.get(stream, b"")
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room <= 0:
                break
            part, body = body[:room], body[room:]
            self.h2.send_data(stream, part, end_stream=not body)
        self.waiting[stream] = body
        self.flush()

    def wait(self, seconds=10):
        """Until every stream has ended."""
        end = time.monotonic() + seconds
        while set(self.answers) - self.ended and time.monotonic() < end and not self.problem:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                break
            if not data:
                self.problem = "closed"
                break
            for event in self.h2.receive_data(data):
                self.take(event)
            self.flush()
        return self.answers

    def take(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.ResponseReceived):
            fields = dict(event.headers)
            self.answers[stream] |= {"status": int(fields[":status"]), "fields": fields}
        elif isinstance(event, h2.events.DataReceived):
            self.answers[stream]["body"] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.TrailersReceived):
            self.answers[stream]["trailers"] = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(stream)
        elif isinstance(event, h2.events.StreamReset):
            self.answers[stream]["reset"] = event.error_code
            self.ended.add(stream)
        elif isinstance(event, h2.events.WindowUpdated):
            for waiting in list(self.waiting) if stream in (0, None) else [stream]:
                if self.waiting.get(waiting):
                    self.push(waiting)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.problem = f"GOAWAY {event.error_code}"


def try_one(context, report, kind, connect):
    scheme = "https" if kind == "tls" else "http"

    def answer(path, **options):
        client = Client(connect())
        stream = client.ask(path, scheme=scheme, **options)
        return client.wait()[stream]

    first = answer("/svc3/h2")
    if first["status"] is None:
        raise NotServed(f"no HTTP/2 on the {kind} port")
    report.equal(first["status"], 200, f"{kind}: GET")
    names = {name for name in first["fields"]}
    report.check(not names & {"connection", "keep-alive", "transfer-encoding", "upgrade"},
                 f"{kind}: no fields of HTTP/1's connection in answers (8.2.2)", names)
    report.check(all(name == name.lower() for name in names), f"{kind}: names in lower case", names)
    for size in (0, 1, 10_000, 200_000, 3_000_000):
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        found = answer("/svc3/echo", method="POST", body=body)
        report.check(found["body"] == body and found["status"] == 200,
                     f"{kind}: POST of {size} bytes comes back", (found["status"], len(found["body"])))
    report.equal(answer("/svc3/h2", method="HEAD")["body"], b"", f"{kind}: HEAD has no body")
    report.equal(answer("/nowhere")["status"], 404, f"{kind}: no route is 404")
    context.recorder.forget()
    answer("/svc3/cookies", more=[("cookie", "a=1"), ("cookie", "b=2")])
    report.check(bool(context.recorder.seen(b"a=1; b=2")),
                 f"{kind}: cookies are joined for HTTP/1 (8.2.3)", context.recorder.seen(b"cookies"))
    client = Client(connect())
    streams = [client.ask(f"/svc3/size?size={1000 + n}", scheme=scheme) for n in range(90)]
    answers = client.wait(20)
    report.check(all(len(answers[s]["body"]) == 1000 + n for n, s in enumerate(streams)),
                 f"{kind}: 90 streams at once, each with its own answer",
                 [(answers[s]["status"], len(answers[s]["body"])) for s in streams][:5])
    report.check(client.problem is None, f"{kind}: no GOAWAY", client.problem)


def run(context, report):
    context.start()
    context.need("h2c")
    try_one(context, report, "h2c", lambda: context.connect("h2c"))
    context.need("tls")
    over_tls = context.connect_tls(("h2", "http/1.1"))
    if report.equal(over_tls.selected_alpn_protocol(), "h2", "tls: ALPN chooses h2"):
        try_one(context, report, "tls", lambda: context.connect_tls(("h2",)))
    both = context.connect_tls(("http/1.1",))
    report.equal(both.selected_alpn_protocol(), "http/1.1", "tls: ALPN chooses http/1.1")

"""The Python `h11` library as client and as target: a strict second reader on both sides."""
import threading

import h11

from .context import HOST

LIMIT = 60
NEEDS = []


def exchange(connection, state, request, body=b"", chunked=False):
    """One request and its answer: the head, the body, interim statuses."""
    connection.sendall(state.send(request))
    step = 1000 if chunked else max(1, len(body))
    for at in range(0, len(body), step):
        connection.sendall(state.send(h11.Data(body[at:at + step])))
    connection.sendall(state.send(h11.EndOfMessage()))
    head, parts, interim = None, [], []
    while True:
        event = state.next_event()
        if event is h11.NEED_DATA:
            state.receive_data(connection.recv(65536))
        elif isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
        else:
            return head, b"".join(parts), interim


def serve(connection, first):
    """A target by h11: answers with what it read, chunked when asked for."""
    state = h11.Connection(h11.SERVER)
    state.receive_data(first)
    with connection:
        head, body = None, b""
        while True:
            event = state.next_event()
            if event is h11.NEED_DATA:
                part = connection.recv(65536)
                state.receive_data(part)
            elif isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                chunked = b"chunked" in head.target
                fields = [("transfer-encoding", "chunked")] if chunked \
                    else [("content-length", str(len(body)))]
                data = state.send(h11.Response(status_code=200, headers=fields))
                for at in range(0, len(body), 7000):
                    data += state.send(h11.Data(body[at:at + 7000]))
                connection.sendall(data + state.send(h11.EndOfMessage()))
                if state.our_state is h11.MUST_CLOSE:
                    return
                state.start_next_cycle()
            else:
                return


def client(context, report, where):
    connection = context.connect() if where == "plain" else context.connect_tls()
    connection.settimeout(10)
    with connection:
        state = h11.Connection(h11.CLIENT)
        for number, (method, size, chunked) in enumerate([
                ("GET", 0, False), ("POST", 0, False), ("POST", 10, False), ("POST", 100_000, False),
                ("POST", 100_000, True), ("PUT", 5_000, True), ("DELETE", 3, False), ("HEAD", 0, False)]):
            for path in ("/svc3/h11", "/svc3/h11-chunked"):
                fields = [("Host", HOST)]
                if chunked:
                    fields.append(("Transfer-Encoding", "chunked"))
                elif method not in ("GET", "HEAD"):
                    fields.append(("Content-Length", str(size)))
                body = bytes([number + 65]) * size
                request = h11.Request(method=method, target=path, headers=fields)
                head, found, _ = exchange(connection, state, request, body, chunked)
                report.check(head.status_code == 200 and found == body,
                             f"{where}: {method} of {size}{' in chunks' if chunked else ''}, {path}",
                             (head.status_code, len(found)))
                names = [bytes(name).lower() for name, _ in head.headers]
                report.check(names.count(b"content-length") + names.count(b"transfer-encoding") <= 1,
                             f"{where}: one framing", names)
                report.check(b"date" in names, f"{where}: Date is set (RFC 9110 6.6.1)", names)
                if state.our_state is not h11.DONE or state.their_state is not h11.DONE:
                    report.check(False, f"{where}: the connection stays open", state.states)
                    return
                state.start_next_cycle()


def run(context, report):
    context.start()
    context.recorder.takers["/svc3/h11"] = serve
    client(context, report, "plain")
    answers = []

    def one():
        with context.connect() as connection:
            state = h11.Connection(h11.CLIENT)
            for _ in range(50):
                request = h11.Request(method="GET", target="/svc3/h11", headers=[("Host", HOST)])
                answers.append(exchange(connection, state, request)[0].status_code)
                state.start_next_cycle()
    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    report.check(answers == [200] * 1000, "1,000 requests on 20 connections", len(answers))
    context.need("tls")
    client(context, report, "tls")

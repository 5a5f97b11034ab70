"""Targets behind the gateway: a recorder that keeps every byte, and answers as told."""
import socket
import threading


class Recorder:
    """An HTTP/1 target on 29001 and 29002 that keeps what arrives, byte by byte.

    `answers` maps a path to the raw bytes of its answer; `takers` maps a path prefix to a function
    that takes the connection over with the bytes read so far. Any other request gets 200 with its
    own body, or with the number of bytes that ?size= names.
    """

    def __init__(self, ports=(29001, 29002)):
        self.lock = threading.Lock()
        self.requests, self.answers, self.takers, self.taken = [], {}, {}, []
        self.listeners = []
        for port in ports:
            listener = socket.create_server(("127.0.0.1", port), backlog=1024)
            self.listeners.append(listener)
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def close(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)  # Wakes the thread that accepts.
            listener.close()

    def accept(self, listener):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def forget(self):
        with self.lock:
            self.requests.clear()

    def release(self):
        """Forgets all that a suite set up, and ends the connections that it took over."""
        self.forget()
        self.answers.clear()
        self.takers.clear()
        while self.taken:
            try:
                self.taken.pop().shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def seen(self, text):
        """Requests whose bytes hold `text`."""
        with self.lock:
            return [request for request in self.requests if text in request]

    def serve(self, connection):
        buffer = b""
        try:
            with connection:
                while True:
                    head, buffer = read_head(connection, buffer)
                    if head is None:
                        return
                    path = head.split(b" ", 2)[1].split(b"?")[0].decode("latin-1")
                    taker = next((function for prefix, function in self.takers.items()
                                  if path.startswith(prefix)), None)
                    if taker:
                        self.taken.append(connection)
                        taker(connection, head + buffer)
                        return
                    body, raw, buffer = read_body(connection, head, buffer)
                    with self.lock:
                        self.requests.append(head + raw)
                    answer = self.answers.get(path)
                    connection.sendall(default_answer(head, body) if answer is None else answer)
                    if answer is not None and b"connection: close" in answer.lower():
                        return
        except (OSError, ValueError):
            pass


def default_answer(head, body):
    target = head.split(b" ", 2)[1]
    if b"size=" in target:
        body = b"x" * int(target.split(b"size=")[1].split(b"&")[0])
    text = b"" if head.startswith(b"HEAD ") else body
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" \
        % len(body) + text


def read_head(connection, buffer):
    while b"\r\n\r\n" not in buffer:
        part = connection.recv(65536)
        if not part:
            return None, buffer
        buffer += part
    end = buffer.index(b"\r\n\r\n") + 4
    return buffer[:end], buffer[end:]


def field(head, name):
    """The value of the first field of that name, or None."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return None


def fill(connection, buffer, count):
    while len(buffer) < count:
        part = connection.recv(1 << 18)
        if not part:
            raise ValueError("the body was cut")
        buffer += part
    return buffer


def read_body(connection, head, buffer):
    """The plain body, its bytes as they came, and what follows."""
    if (field(head, b"transfer-encoding") or b"").lower() == b"chunked":
        plain, start = b"", 0
        while True:
            while b"\r\n" not in buffer[start:]:
                buffer = fill(connection, buffer, len(buffer) + 1)
            end = buffer.index(b"\r\n", start)
            size = int(buffer[start:end].split(b";")[0], 16)
            start = end + 2
            if size == 0:
                while b"\r\n\r\n" not in buffer[end:]:
                    buffer = fill(connection, buffer, len(buffer) + 1)
                end = buffer.index(b"\r\n\r\n", end) + 4
                return plain, buffer[:end], buffer[end:]
            buffer = fill(connection, buffer, start + size + 2)
            plain += buffer[start:start + size]
            start += size + 2
    size = int(field(head, b"content-length") or 0)
    buffer = fill(connection, buffer, size)
    return buffer[:size], buffer[:size], buffer[size:]

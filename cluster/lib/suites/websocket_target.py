"""A WebSocket echo by the `websockets` library on port 29003."""
import logging
import threading

from websockets.sync.server import serve

logging.getLogger("websockets").setLevel(logging.CRITICAL)


def echo(connection):
    for message in connection:
        connection.send(message)


def choose(_, offered):
    return "superchat" if "superchat" in offered else None


class Target:
    """Echoes every message, whole and uncompressed; limits 16 MiB."""

    def __init__(self):
        self.server = serve(echo, "127.0.0.1", 29003, compression=None, max_size=1 << 24,
                            ping_interval=None, select_subprotocol=choose)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()

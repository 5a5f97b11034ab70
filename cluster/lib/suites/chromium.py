"""A headless Chromium, spoken to by its DevTools protocol over two pipes."""
import base64
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
import zlib


class Browser:
    """One browser with one page; everything it complains about is kept."""

    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory(prefix="meshgate-chromium-", ignore_cleanup_errors=True)
        take, self.out = os.pipe()
        self.back, give = os.pipe()
        with open(os.path.join(self.profile.name, "log"), "w") as log:
            # The browser reads commands from 3 and writes answers to 4.
            self.process = subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{take} 4>&{give}', "bash", program, "--headless=new",
                 "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-extensions", "--disable-background-networking", "--hide-scrollbars",
                 "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}/data", "about:blank"],
                pass_fds=(take, give), stdout=log, stderr=log, start_new_session=True)
        os.close(take)
        os.close(give)
        self.number, self.answers, self.session = 0, queue.Queue(), None
        self.problems, self.requests = [], []
        threading.Thread(target=self._read, daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.call("Browser.close", seconds=5)
            self.process.wait(10)
        except (TimeoutError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(10)
        os.close(self.out)
        self.profile.cleanup()

    def _read(self):
        kept = b""
        while True:
            try:
                part = os.read(self.back, 1 << 16)
            except OSError:
                return
            if not part:
                return
            *whole, kept = (kept + part).split(b"\0")
            for text in whole:
                self._take(json.loads(text))

    def _take(self, message):
        if "id" in message:
            self.answers.put(message)
        elif message["method"] == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif message["method"] == "Runtime.consoleAPICalled" and message["params"]["type"] == "error":
            self.problems.append(str(message["params"]["args"]))
        elif message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.problems.append(message["params"]["entry"]["text"])
        elif message["method"] == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])

    def call(self, method, seconds=30, **parameters):
        """One command and its result."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.out, json.dumps(command).encode() + b"\0")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                answer = self.answers.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                break
            if answer["id"] == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
        raise TimeoutError(f"{method} is not answered in {seconds} s")

    def open(self, url):
        self.call("Page.navigate", url=url)

    def value(self, expression):
        """What an expression of the page is; awaited when it is a promise."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get(
                "description", result["exceptionDetails"]["text"]))
        return result["result"].get("value")

    def wait(self, expression, seconds):
        """How long it took until an expression was true; None when it never was."""
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            try:
                if self.value(f"!!({expression})"):
                    return time.monotonic() - began
            except RuntimeError:
                pass  # The page may be changing.
            time.sleep(0.05)
        return None

    def key(self, key, text=None):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode={"Enter": 13, "Escape": 27, "Tab": 9}.get(key, 0),
                      **({"text": text} if text and kind == "keyDown" else {}))

    def look(self, width, height, theme):
        """Sets the size of the page and the colour scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": theme}])

    def picture(self, width, height, scale=1.0):
        """A PNG of what is seen."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip)["data"])


def colours(png):
    """How many pixels have which colour, for PNGs of 8 bits a channel."""
    place, width, height, channels, packed = 8, 0, 0, 0, b""
    while place < len(png):
        length, kind = int.from_bytes(png[place:place + 4], "big"), png[place + 4:place + 8]
        content = png[place + 8:place + 8 + length]
        if kind == b"IHDR":
            width, height = (int.from_bytes(content[n:n + 4], "big") for n in (0, 4))
            channels = {2: 3, 6: 4}[content[9]]
        elif kind == b"IDAT":
            packed += content
        place += length + 12
    raw, size, found = zlib.decompress(packed), width * channels, {}
    before = bytearray(size)
    for row in range(height):
        start = row * (size + 1)
        line = unfiltered(raw[start], bytearray(raw[start + 1:start + 1 + size]), before, channels)
        for x in range(0, size, channels):
            colour = bytes(line[x:x + 3])
            found[colour] = found.get(colour, 0) + 1
        before = line
    return found


def unfiltered(kind, line, above, channels):
    """Undoes a PNG row filter (PNG specification, section 9)."""
    for x in range(len(line)):
        left = line[x - channels] if x >= channels else 0
        corner = above[x - channels] if x >= channels else 0
        if kind == 1:
            line[x] = (line[x] + left) & 255
        elif kind == 2:
            line[x] = (line[x] + above[x]) & 255
        elif kind == 3:
            line[x] = (line[x] + (left + above[x]) // 2) & 255
        elif kind == 4:
            guess = left + above[x] - corner
            by = sorted(((abs(guess - left), 0, left), (abs(guess - above[x]), 1, above[x]),
                         (abs(guess - corner), 2, corner)))
            line[x] = (line[x] + by[0][2]) & 255
    return line

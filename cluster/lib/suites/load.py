"""h2load with every protocol: every request is answered 200 and whole."""
import re

from .context import HOST

LIMIT = 150
NEEDS = ["h2load"]


def run(context, report):
    context.start(workers=2)
    body = context.run.path("load.body")
    with open(body, "wb") as file:
        file.write(b"x" * 10_000)
    kinds = [("plain", "http", ["--h1"]), ("h2c", "http", []), ("tls", "https", ["--h1"]), ("tls", "https", [])]
    for kind, scheme, options in kinds:
        name = f"{'HTTP/1.1' if options else 'HTTP/2'} {kind}"
        if not report.check(context.serves(kind), f"{name}: served"):
            continue
        for what, more, count, path in (
                ("1 KB", [], 4000, "/svc3/size?size=1000"), ("200 KB", [], 300, "/svc3/size?size=200000"),
                ("POST 10 KB", ["-d", body], 2000, "/svc3/echo")):
            streams = [] if options else ["-m", "10"]
            _, text = context.command("h2load", f"-n{count}", "-c20", "-t1", *options, *streams, *more,
                                      "--connect-to", f"127.0.0.1:{context.port(kind)}",
                                      f"{scheme}://{HOST}{path}", timeout=60)
            good = re.search(rf"{count} succeeded, 0 failed, 0 errored", text)
            report.check(good is not None and f"{count} 2xx" in text, f"{name}: {what}, {count} times",
                         " ".join(re.findall(r"(?:requests|status codes):.*", text)) or text[-200:])

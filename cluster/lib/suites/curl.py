"""curl as people use it: HTTP/1.1, HTTP/2, uploads, resumed transfers."""
from .context import HOST

LIMIT = 60
NEEDS = ["curl"]


def run(context, report):
    context.start()
    plain, tls = context.port("h2c"), context.port("tls")
    common = ["curl", "-sS", "-m", "10", "--cacert", context.run.path("cert.pem"),
              "-w", "%{http_version} %{http_code} %{size_download} %{errormsg}", "-o", "/dev/null"]

    def ask(what, expected, *options, scheme="http", port=None, path="/svc3/curl?size=1000"):
        _, text = context.command(*common, *options, "--connect-to", f"{HOST}::127.0.0.1:{port}",
                                  f"{scheme}://{HOST}:{port}{path}", timeout=20)
        report.check(text.startswith(expected), what, text)
    ask("HTTP/1.1", "1.1 200 1000", "--http1.1", port=context.port())
    ask("HTTP/1.0", "1.1 200 1000", "--http1.0", port=context.port())
    ask("an upload", "1.1 200 6", "--http1.1", "-d", "a=b&c=", port=context.port(), path="/svc3/curl")
    ask("an upload that expects 100", "1.1 200 6", "--http1.1", "-H", "Expect: 100-continue", "-d", "a=b&c=",
        port=context.port(), path="/svc3/curl")
    ask("HTTP/2 with prior knowledge", "2 200 1000", "--http2-prior-knowledge", port=plain)
    context.need("tls")
    ask("HTTPS, HTTP/1.1", "1.1 200 1000", "--http1.1", scheme="https", port=tls)
    ask("HTTPS, HTTP/2", "2 200 1000", "--http2", scheme="https", port=tls)
    ask("HTTPS, HTTP/2, an upload", "2 200 6", "--http2", "-d", "a=b&c=", scheme="https", port=tls, path="/svc3/curl")
    ask("HTTPS, TLS 1.2", "2 200 1000", "--http2", "--tls-max", "1.2", scheme="https", port=tls)
    ask("HTTPS, ten megabytes", "2 200 10000000", "--http2", scheme="https", port=tls, path="/svc3/curl?size=10000000")

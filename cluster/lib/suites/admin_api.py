"""The Admin API as strangers use it: schemathesis on /openapi.json, and aio-kong, a client of Kong's."""
import asyncio
import os
import re
import tempfile

from .context import meshgate
from .report import Missing

LIMIT = 240
NEEDS = []
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# The first never ends, the others take the gateway away from what follows.
EXCLUDED = "^/mesh/events$|^/mesh/board/changes$|/drain$|/resume$|^/status|^/config$|^/mesh/config$"


def run(context, report):
    if not context.is_ours:
        raise Missing("an Admin API to try")
    context.start()
    url = f"http://127.0.0.1:{meshgate.ADMIN}"
    asyncio.run(kong_client(url, report))
    schemathesis(context, url, report)
    report.check(context.alive(), "the gateway lives")


async def kong_client(url, report):
    from kong.client import Kong, KongResponseError

    async with Kong(url) as kong:
        service = await kong.services.create(name="stranger", host="example.com", port=8080)
        report.equal((service.name, service.host), ("stranger", "example.com"), "create a service")
        route = await service.routes.create(name="stranger", paths=["/stranger"], methods=["GET"])
        report.equal(route.data["service"]["id"], service.id, "create a route of a service")
        await service.plugins.create(name="correlation-id", config={"generator": "uuid"})
        report.equal(len(await service.plugins.get_list()), 1, "list the plugins of a service")
        await kong.services.update("stranger", host="other.example.com")
        report.equal((await kong.services.get("stranger")).host, "other.example.com", "update by name")
        applied = await kong.apply_json({"services": [{
            "name": "applied", "host": "applied.example.com",
            "routes": [{"name": "applied", "paths": ["/applied"]}],
            "plugins": [{"name": "prometheus"}]}]})
        report.equal([entry["name"] for entry in applied["services"]], ["applied"], "apply services")
        again = await kong.apply_json({"services": [{"name": "applied", "host": "applied.example.com"}]})
        report.equal(again["services"][0]["host"], "applied.example.com", "apply services again")
        try:
            await kong.services.create(name="stranger", host="example.com")
            report.check(False, "refuse a name that is taken")
        except KongResponseError as refused:
            report.equal(refused.status, 409, "refuse a name that is taken")
        for name in ("stranger", "applied"):
            await kong.services.delete(name)
            report.check(not await kong.services.has(name), f"delete the service '{name}'")


def schemathesis(context, url, report):
    folder = os.path.dirname(context.venv and os.path.join(context.venv, "bin", "python"))
    with tempfile.TemporaryDirectory() as working:
        status, text = context.command(
            os.path.join(folder, "schemathesis"), "run", f"{url}/openapi.json", "--checks", CHECKS,
            "--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--seed", "1", "--workers", "2",
            "--max-time", "120", "--exclude-path-regex", EXCLUDED, "--no-shrink", "--warnings", "off",
            "--generation-database", "none", "--no-color", timeout=220, cwd=working)
    tail = re.sub(r"\s+", " ", text[-2000:])
    report.check(status == 0, "schemathesis finds nothing", tail)

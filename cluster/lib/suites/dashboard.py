"""The dashboard in a real browser: what happens to the mesh is seen in time, at every size and theme."""
import http.client
import json
import os
import shutil
import subprocess
import time

import fleet

from . import chromium
from .report import Missing

LIMIT = 300
NEEDS = []
VIEWS = ["overview", "topology", "health", "traffic", "latency", "config", "upgrade"]
SIZES = [(1280, 720), (390, 844)]
THEMES = ["light", "dark"]
# Seconds in which the page shows it, as the documentation says.
NODE, TARGET, REGION, SERVER, BACK = 8, 10, 10, 3, 20
HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=2</script>&lt;b&gt;"


def run(context, report):
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        raise Missing("chromium")
    folder = os.environ.get("MESHGATE_SCREENSHOTS", "")
    with fleet.Fleet(context.run.binaries, keep=context.run.keep) as mesh:
        with Targets(mesh, 2) as targets, chromium.Browser(program) as browser:
            report.check(mesh.start(), "five nodes see each other")
            status, answer = mesh.nodes[0].ask("POST", "/mesh/config?message=" + quoted(HOSTILE),
                                               document(targets))
            report.check(status in (200, 201, 202), "a configuration is taken", (status, answer))
            report.check(mesh.agreed(), "all nodes route by it")
            traffic(mesh.nodes[0])
            pages(mesh, browser, report)
            streams(mesh.nodes[0], report)
            keyboard(browser, report)
            lanes(mesh, browser, report)
            hostile(browser, report)
            pictures(browser, report, folder)
            report.equal(browser.problems, [], "the page has no error")
            upgrade(mesh, browser, report)
            changes(mesh, targets, browser, report)
            tokens(mesh, browser, report)


def quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


class Targets:
    """Further targets beside the fleet's own."""

    def __init__(self, mesh, count):
        self.mesh, self.count, self.processes, self.names = mesh, count, [], []

    def __enter__(self):
        for number in range(self.count):
            name = f"127.0.8.{41 + number}:{fleet.TARGET}"
            self.names.append(name)
            self.processes.append(subprocess.Popen(
                [os.path.join(self.mesh.binaries, "meshecho"), "--listen", name, "--name", name],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def document(targets):
    check = {"interval": 0.5, "http_failures": 2, "tcp_failures": 2, "timeouts": 2}
    own = f"{fleet.TARGET_ADDRESS}:{fleet.TARGET}"
    return {"_format_version": "3.0", "upstreams": [{
        "name": "shop", "targets": [{"target": name} for name in [own, *targets.names]],
        "healthchecks": {"active": {"http_path": "/", "timeout": 1,
                                    "healthy": {"interval": 0.5, "successes": 2}, "unhealthy": check}}}],
        "services": [
            {"name": "checkout", "host": "shop", "routes": [{"name": "checkout", "paths": ["/checkout"]}]},
            {"name": "search", "url": f"http://{own}", "routes": [{"name": "search", "paths": ["/search"]}],
             "plugins": [{"name": "request-termination", "config": {"status_code": 503, "message": HOSTILE}}]}]}


def traffic(node, seconds=7):
    """Some requests, for longer than one step of the charts takes."""
    connection, end = http.client.HTTPConnection(node.address, fleet.PLAIN, timeout=5), time.monotonic() + seconds
    while time.monotonic() < end:
        for path in ("/checkout", "/checkout", "/search"):
            node.routes(path, connection)
        time.sleep(0.02)


def url(node, view=""):
    return f"http://{node.address}:{fleet.ADMIN}/mesh/ui#{view}"


def pages(mesh, browser, report):
    """Every node serves the page, as it sees the mesh."""
    for node in (mesh.nodes[4], mesh.nodes[2], mesh.nodes[0]):
        browser.requests.clear()
        browser.open(url(node, "overview"))
        shown = browser.wait(f"document.title.startsWith('{node.name} ') && "
                             "document.querySelector('.tile strong')?.textContent === '5 of 5'", 15)
        report.check(shown is not None, f"{node.name} serves the page, and sees five nodes",
                     browser.value("document.body.innerText"))
        strangers = [one for one in browser.requests
                     if not one.startswith((f"http://{node.address}:{fleet.ADMIN}/", "about:"))]
        report.equal(strangers, [], f"{node.name}: no request leaves the origin")
    report.equal(browser.value("[...document.querySelectorAll('#viewpoint option')].map(o => o.text)"),
                 [node.name for node in mesh.nodes], "every node can be chosen as the viewpoint")
    browser.requests.clear()
    look(browser, "us-4")
    report.check(browser.wait("document.title.startsWith('us-4 ')", 10) is not None,
                 "choosing us-4 shows the mesh as us-4 sees it")
    own = f"http://{mesh.nodes[0].address}:{fleet.ADMIN}/"
    report.check(browser.requests and all(one.startswith(own) for one in browser.requests),
                 "through the node that serves the page", browser.requests[:5])
    report.check(browser.wait("document.querySelector('.through') && "
                              "document.querySelector('.tile strong')?.textContent === '5 of 5'", 10)
                 is not None, "it says so, and is whole")
    look(browser, "eu-1")
    report.check(browser.wait("document.title.startsWith('eu-1 ') && !document.querySelector('.through')",
                              10) is not None, "and back again")
    policy = head(mesh.nodes[0], "/mesh/ui").get("Content-Security-Policy", "")
    report.check(policy.startswith("default-src 'self';"), "the page loads nothing from elsewhere", policy)


def look(browser, name):
    """Chooses another viewpoint."""
    browser.value("(() => { const s = document.getElementById('viewpoint'); s.focus();"
                  f" s.value = [...s.options].find(o => o.text === '{name}').value;"
                  " s.dispatchEvent(new Event('change')); })()")


def head(node, path):
    connection = http.client.HTTPConnection(node.address, fleet.ADMIN, timeout=5)
    connection.request("HEAD", path)
    return connection.getresponse().headers


def streams(node, report):
    """A stream that is resumed tells only what is new."""
    def first(mark):
        connection = http.client.HTTPConnection(node.address, fleet.ADMIN, timeout=10)
        connection.request("GET", "/mesh/board/changes", headers={"Last-Event-ID": mark} if mark else {})
        answer = connection.getresponse()
        line = b""
        while not line.startswith(b"data: "):
            line = answer.readline()
        connection.close()
        return json.loads(line[6:])

    whole = first("")
    later = first(whole["mark"])
    report.check(whole["reset"] and len(whole["set"]) > 12, "a stream begins with everything", whole["mark"])
    report.check(not later["reset"] and len(later["set"]) < len(whole["set"]) / 2,
                 "a resumed stream tells what is new", (later["reset"], len(later["set"])))
    report.check(first("nonsense-1")["reset"], "a strange mark begins again")


def keyboard(browser, report):
    for number, view in enumerate(VIEWS, 1):
        browser.key(str(number), str(number))
        report.check(browser.wait(f"document.getElementById('main').dataset.view === '{view}'", 5) is not None,
                     f"key {number} shows {view}")
    browser.key("3", "3")
    browser.wait("document.querySelector('td.cell')", 5)
    browser.value("document.querySelector('td.cell').focus()")
    browser.key("ArrowRight")
    browser.key("ArrowDown")
    place = ("[document.activeElement.cellIndex, document.activeElement.parentElement.rowIndex]")
    report.equal(browser.value(place), [3, 2], "arrows move the cell of the health matrix")
    time.sleep(1.5)
    report.equal(browser.value(place), [3, 2], "and news leave it where it is")
    browser.key("2", "2")
    browser.wait("document.querySelector('[data-node=us-5]')", 5)
    browser.value("document.querySelector('[data-node=us-5]').focus()")
    browser.key("Enter", "\r")
    report.check(browser.wait("document.getElementById('card').open && "
                              "document.getElementById('card').innerText.includes('Drain us-5')", 5) is not None,
                 "Enter opens a node, with what may be done to it")
    browser.key("Escape")
    report.check(browser.wait("!document.getElementById('card').open", 5) is not None, "Escape closes it")


def lanes(mesh, browser, report):
    """When each node came to the configuration that all route by."""
    browser.value("location.hash = 'config'")
    mesh.nodes[0].ask("PATCH", "/services/search", {"retries": 1})
    newest = mesh.nodes[0].ask("GET", "/mesh/config/status")[1]["config"]
    words = f"{newest['version']} {newest['hash'][:4]} running"
    drawn = ("[...document.querySelectorAll('#lanes .lane')].filter(lane => lane.querySelectorAll('rect').length > 1"
             f" && [...lane.querySelectorAll('title')].pop().textContent.includes('{words}')).length === 5")
    report.check(browser.wait(drawn, 10) is not None, "the timeline shows all five nodes come to a new configuration",
                 browser.value("document.getElementById('lanes')?.textContent"))


def hostile(browser, report):
    """Names are text, whatever they contain."""
    browser.value("location.hash = 'config'")
    browser.wait("document.querySelector('.history button')", 5)
    browser.value("[...document.querySelectorAll('.history button')].pop().click()")
    found = browser.wait("document.getElementById('diff').innerText.includes('onerror=')", 5)
    report.check(found is not None, "a message and a field that are markup are shown as they are",
                 browser.value("document.getElementById('diff').innerText"))
    made = browser.value("""(async () => {
      const text = %s, model = await import('/mesh/ui/model.js'), mesh = await import('/mesh/ui/mesh-views.js');
      const config = { version: text, hash: text };
      const member = { id: text, name: text, region: text, zone: text, address: text, admin_address: text, state: 'failed',
        mode: text, version: text, config, is_asked: true, incarnation: 1, load: 1, in_flight: 1, rtt_ms: null, note: text };
      const facts = new Map(Object.entries({
        node: { name: text, region: text, version: text, cluster: text, ready: false, readiness: text, config, config_agreed: false,
          config_file_differs: true, troubles: [{ kind: text, subject: text, message: text }] },
        'member/1': member, ['region/' + text]: { name: text, state: 'down', members: 1, alive: 0, usable: 0, in_flight: 0, targets: 1, healthy_targets: 0, note: text },
        'target/1': { upstream: text, order: 0, target: text, address: text, weight: 1, region: text, verdict: text, factor: 0, reason: text, observers: 2,
          cells: [{ node: text, state: 'failed', failures: 3, why: text }] },
        'event/1': { id: 1, time: new Date().toISOString(), kind: text, type: text, subject: text, message: text },
        'step/1': { number: 1, at: Date.now(), seconds: 5, all: [1, 1, 1, 1], services: [{ name: text, figures: [1, 1, 1, 1] }] },
        'changeset/1': { order: 0, changeset: { id: text, config, node: text, at: text, author: text, message: text, outcome: text, conflicts: 0, nodes: [], summary: {} } },
        'lane/1': { name: text, changes: [{ at: Date.now() - 60000, config, state: 'pending' }, { at: Date.now() - 30000, config, state: 'running' }] },
        'standing/1': { name: text, region: text, member: text, state: text, config, reason: text },
        upgrade: { state: text, nodes: [{ name: text, wave: 1, step: text }], target: text, driver: text, reason: text },
        'roll-out': { phase: text, reason: text, wave: 1, waves: [{ nodes: [text], active: [] }], guarding: text, waits_for: text },
      }));
      const feed = { facts, all: (kind) => [...facts].filter(([key]) => key.startsWith(kind + '/')).map(([, value]) => value) };
      const [curves, changes] = [await import('/mesh/ui/traffic-views.js'), await import('/mesh/ui/change-views.js')];
      const box = document.createElement('div');
      const drawn = [mesh.overview(feed), mesh.topology(feed, () => 0), mesh.health(feed, {}, () => 0), curves.traffic(feed),
        curves.latency(feed), changes.config(feed, {}, () => 0), changes.upgrade(feed)];
      const without = drawn.filter((view) => { const part = document.createElement('div'); part.append(...view.flat(9).filter(Boolean)); box.append(part); return !part.textContent.includes(text.slice(0, 4)); });
      document.body.append(box);
      await new Promise((done) => setTimeout(done, 200));
      const strange = [...box.querySelectorAll('img, script, b[src]')].length;
      box.remove();
      return { strange, without: without.length, hacked: window.hacked ?? null, alarms: model.alarms(feed).length };
    })()""" % json.dumps(HOSTILE))
    report.equal(made, {"strange": 0, "without": 0, "hacked": None, "alarms": 7},
                 "every view shows hostile names as text")


def pictures(browser, report, folder):
    """Every view in both themes and sizes is drawn, fits, and can be read."""
    grounds = {}
    for width, height in SIZES:
        for theme in THEMES:
            browser.look(width, height, theme)
            for view in VIEWS:
                name = f"{view}-{theme}-{width}"
                browser.value(f"location.hash = '{view}'")
                drawn = browser.wait(f"document.getElementById('main').dataset.view === '{view}'", 5)
                browser.value("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")
                fits = browser.value("document.documentElement.scrollWidth <= innerWidth")
                report.check(drawn is not None and fits, f"{name} fits its width",
                             browser.value("document.documentElement.scrollWidth"))
                pixels = chromium.colours(browser.picture(width, height, 0.25))
                ground = max(pixels, key=pixels.get)
                share = 1 - pixels[ground] / sum(pixels.values())
                report.check(len(pixels) > 40 and share > 0.03, f"{name} is drawn",
                             f"{len(pixels)} colours, {share:.3f} not ground")
                grounds.setdefault(theme, set()).add(max(ground) > 127)
                faint = browser.value(CONTRAST)
                report.equal(faint, [], f"{name} has a contrast of 4.5 to 1")
                if folder:
                    os.makedirs(folder, exist_ok=True)
                    with open(os.path.join(folder, name + ".png"), "wb") as file:
                        file.write(browser.picture(width, height))
    report.equal(grounds, {"light": {True}, "dark": {False}}, "themes are light and dark")
    browser.look(1280, 720, "light")


# Text whose colour is too near to what is behind it (WCAG 2.2, section 1.4.3).
CONTRAST = """(() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (node) => { for (let one = node; one; one = one.parentElement) { const c = parse(getComputedStyle(one).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const faint = new Set();
  for (const node of document.querySelectorAll('body *')) {
    if (node.closest('svg, dialog, [hidden], noscript, .skip, option') || ![...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim()) || !node.getClientRects().length) continue;
    const front = parse(getComputedStyle(node).color), back = behind(node);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.add(`${node.className || node.tagName}: ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return [...faint];
})()"""


def upgrade(mesh, browser, report):
    """An upgrade that `meshctl` carries out is seen while it runs, and how its hook's failure pauses it."""
    go = os.path.join(mesh.folder, "go")
    run = subprocess.Popen([os.path.join(mesh.binaries, "meshctl"), "upgrade", "run", "eu-2", "us-4", "--yes",
                            "--settle", "1", "--hook", f"while [ ! -e {go} ]; do sleep 0.1; done; exit 7",
                            "--admin", f"http://{mesh.nodes[0].address}:{fleet.ADMIN}"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        browser.value("location.hash = 'upgrade'")
        said = "document.getElementById('upgrade')?.innerText.replace(/\\s+/g, ' ')"
        shown = browser.wait(f"/running 0 of 2 nodes · by .* working eu-2 .* waiting us-4/.test({said})", 20)
        report.check(shown is not None, "an upgrade that runs is seen, and which node has its turn", browser.value(said))
        with open(go, "w"):
            pass
        shown = browser.wait(f"/paused 0 of 2 nodes.*the hook of eu-2 ended with status 7 .* working eu-2 .*meshctl upgrade resume/"
                             f".test({said})", 10)
        report.check(shown is not None, "that it is paused is seen, why, and what goes on with it", browser.value(said))
        status = run.wait(10)
        report.equal(status, 2, f"its run has ended so ({run.stderr.read()[-200:]})")
    finally:
        run.kill()
        run.wait()
    for words in (["upgrade", "abort"], ["resume", "eu-2"]):
        done = subprocess.run([os.path.join(mesh.binaries, "meshctl"), *words, "--admin",
                               f"http://{mesh.nodes[0].address}:{fleet.ADMIN}"], capture_output=True, text=True, timeout=30)
        report.equal(done.returncode, 0, f"meshctl {' '.join(words)} ({done.stderr[-200:]})")
    shown = browser.wait(f"/aborted 0 of 2 nodes/.test({said})", 10)
    report.check(shown is not None, "that it was given up is seen", browser.value(said))


def tokens(mesh, browser, report):
    """A node with tokens: without one it shows nothing, with one to read it drains nobody."""
    node, path = mesh.nodes[4], os.path.join(mesh.folder, "tokens")
    reader, writer = "reader-token-0123456789", "writer-token-0123456789"
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write(f"read looker {reader}\nwrite doer {writer}\n")
    node.end()
    node.start({"MESH_ADMIN_TOKENS_FILE": path})
    report.check(fleet.wait_until(lambda: answers(node), 20), "a node with tokens answers nobody without one")
    browser.problems.clear()
    browser.open("about:blank")
    for token, role in ((reader, "read only"), (writer, "may write")):
        browser.open(url(node, "topology"))
        browser.wait("document.querySelector('form.locked')", 10)
        # The token of before is kept for the tab.
        browser.value("sessionStorage.clear()")
        browser.call("Page.reload")
        locked = browser.wait("document.querySelector('form.locked') && !document.querySelector('.node')", 10)
        report.check(locked is not None, "without a token the page shows nothing of the mesh")
        browser.value("(() => { const input = document.querySelector('form.locked input');"
                      f" input.value = '{token}'; input.form.requestSubmit(); }})()")
        shown = browser.wait("document.querySelectorAll('.node.good').length === 5 && "
                             f"document.querySelector('.session').innerText === '{role}'", 10)
        report.check(shown is not None, f"with a token it is shown: {role}", browser.value("document.body.innerText")[:500])
        browser.value("document.querySelector('[data-node=eu-2]').focus()")
        browser.key("Enter", "\r")
        browser.wait("document.getElementById('card').open", 5)
        card = browser.value("document.getElementById('card').innerText")
        drains = browser.value("[...document.querySelectorAll('#card button')].filter(b => b.textContent === 'Drain eu-2').length")
        if token == reader:
            report.check(drains == 0 and "need a write token" in card, "a reader finds no button that drains, and why", card)
            report.equal(asked(node, reader), 403, "and what the button would ask is refused")
        else:
            report.check(drains == 1, "a writer finds the button", card)
        browser.key("Escape")
    strange = [one for one in browser.problems if "401" not in one]
    report.equal(strange, [], "the page has no error but that it was asked for a token")


def answers(node):
    return asked(node, "", "GET", "/mesh/members") == 401


def asked(node, token, method="POST", path="/mesh/nodes/eu-2/drain"):
    connection = http.client.HTTPConnection(node.address, fleet.ADMIN, timeout=5)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def changes(mesh, targets, browser, report):
    """What dies is seen in time, and the page comes back with its node."""
    def within(expression, seconds, what):
        took = browser.wait(expression, seconds)
        report.check(took is not None, f"{what} is seen within {seconds} s",
                     browser.value("document.body.innerText")[:1500] if took is None else "")
        if took is not None:
            report.note(f"{what} was seen after {took:.1f} s")

    browser.value("location.hash = 'topology'")
    browser.wait("document.querySelector('[data-node=us-5]')", 5)
    mesh.nodes[4].end()
    within("document.querySelector('[data-node=us-5]').classList.contains('bad')", NODE, "a node that is killed")
    browser.value("location.hash = 'overview'")
    within("document.getElementById('alarms').innerText.includes('us-5 is down')", 2, "its alarm")
    browser.value("location.hash = 'health'")
    row = f"document.querySelector('tr[data-target=\"{targets.names[1]}\"]')"
    browser.wait(row, 5)
    targets.processes[1].kill()
    within(f"{row}.innerText.includes('EX')", TARGET, "a target that is killed")
    mesh.nodes[3].end()
    browser.value("location.hash = 'topology'")
    within("[...document.querySelectorAll('.region')].some(r => r.textContent.includes('us') && /DN|UR/.test(r.textContent))",
           REGION, "a region that is killed")
    for node in mesh.nodes[3:]:
        node.start()
    within("document.querySelectorAll('.node.good').length === 5", BACK, "the region's return")
    report.check(browser.value("document.getElementById('bar').hidden"), "nothing is said of a lost node before")
    mesh.nodes[0].end()
    within("!document.getElementById('bar').hidden", SERVER, "the loss of the node that serves the page")
    mesh.nodes[0].start()
    within("document.getElementById('bar').hidden && document.getElementById('main').dataset.state === 'live'",
           BACK, "the return of the node that serves the page")
    strange = [one for one in browser.problems if "net::ERR" not in one]
    report.equal(strange, [], "the page has no error but lost connections")

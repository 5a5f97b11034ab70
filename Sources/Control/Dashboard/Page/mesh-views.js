// Overview, topology and health.
import { badge, card, clock, h, plural, s, short, span } from "./dom.js";
import { spark } from "./charts.js";
import * as model from "./model.js";

const tile = (name, kind, title, value, more, extra) =>
  h("a", { class: `tile ${kind}`, href: `#${name}`, "data-focus": `tile-${title}` },
    h("span", { class: "title" }, title), h("strong", {}, value), h("span", { class: "more" }, more), extra);

export function overview(feed) {
  const members = model.members(feed).filter((one) => one.state !== "left");
  const usable = members.filter((one) => one.state === "alive" && one.mode === "normal").length;
  const regions = model.regions(feed).filter((one) => one.members > 0);
  const live = regions.filter((one) => one.usable > 0).length;
  const targets = model.targets(feed);
  const serving = targets.filter((one) => one.factor > 0).length;
  const node = feed.facts.get("node");
  const alive = members.filter((one) => one.state === "alive");
  const same = alive.filter((one) => one.config.hash === node.config.hash).length;
  const steps = model.steps(feed);
  const now = model.recent(steps, 15), minute = model.recent(steps, 60);
  const last = steps.slice(-90);
  const alarms = model.alarms(feed);
  return [
    h("div", { class: "tiles" },
      tile("topology", usable === members.length ? "good" : "bad", "Nodes", `${usable} of ${members.length}`, "take traffic"),
      tile("topology", live === regions.length ? "good" : "bad", "Regions", `${live} of ${regions.length}`, "serve"),
      tile("health", serving === targets.length ? "good" : "warn", "Targets", `${serving} of ${targets.length}`, "in use"),
      tile("config", same === alive.length ? "good" : "warn", "Configuration", node.config.version || "none", `on ${same} of ${alive.length} alive`),
      tile("traffic", "plain", "Requests", `${short(now.rate)} /s`, `at ${node.name}`, spark(last.map((one) => one.all[0] / one.seconds), "requests per second over the last minutes")),
      tile("traffic", minute.share >= 0.01 ? "bad" : "plain", "Errors", `${short(minute.share * 100)} %`, "5xx in 1 min", spark(last.map((one) => (one.all[0] ? one.all[1] / one.all[0] : 0)), "share of 5xx over the last minutes")),
      tile("latency", "plain", "p99", span(minute.p99), "worst of 1 min", spark(last.map((one) => one.all[3]), "99th percentile over the last minutes"))),
    h("div", { class: "columns" },
      card(alarms.length ? `Needs attention (${alarms.length})` : "Needs attention", { id: "alarms" },
        alarms.length
          ? h("ul", { class: "alarms" }, alarms.slice(0, 50).map((one) => h("li", { class: one.kind },
            badge(one.kind, one.kind === "bad" ? "!!" : "!", ""), h("a", { href: `#${one.view}`, "data-focus": `alarm-${one.what}` }, one.what), one.more ? h("p", {}, one.more) : null)))
          : h("p", { class: "fine" }, badge("good", "OK", ""), " Nothing. All nodes, regions and targets are well.")),
      card("Latest events", { id: "events" }, eventList(model.events(feed).slice(0, 14)))),
  ];
}

export const eventList = (events) => events.length
  ? h("ol", { class: "events" }, events.map((event) => h("li", {},
    h("time", { datetime: event.time }, clock(event.time)), h("span", { class: `kind ${event.kind}` }, event.kind), h("span", { class: "words" }, event.message || event.subject))))
  : h("p", { class: "quiet" }, "Nothing has happened since the node started.");

/// Regions as boxes, nodes as cells, lines from the node that is asked to all others.
export function topology(feed, open) {
  const members = model.members(feed).filter((one) => one.state !== "left");
  const known = new Map(model.regions(feed).map((one) => [one.name, one]));
  const names = [...new Set(members.map((one) => one.region))];
  const wide = Math.min(1180, document.documentElement.clientWidth - 40);
  const narrow = wide < 620;
  const cell = { w: 138, h: 62, gap: 14 };
  const boxes = new Map(), places = new Map();
  const columns = narrow ? 1 : Math.min(names.length, 3);
  const boxWidth = (wide - (columns - 1) * 56) / Math.max(1, columns);
  const perRow = Math.max(1, Math.floor((boxWidth - 32 + cell.gap) / (cell.w + cell.gap)));
  let y = 0, rowHeight = 0;
  names.forEach((name, index) => {
    const column = index % columns;
    if (column === 0 && index > 0) { y += rowHeight + 56; rowHeight = 0; }
    const inside = members.filter((one) => one.region === name);
    const box = { x: column * (boxWidth + 56), y, w: boxWidth, h: 50 + Math.ceil(inside.length / perRow) * (cell.h + cell.gap) + 14 };
    rowHeight = Math.max(rowHeight, box.h);
    boxes.set(name, box);
    const row = Math.min(perRow, inside.length), w = Math.min(230, (boxWidth - 32 - (row - 1) * cell.gap) / row);
    inside.forEach((one, n) => places.set(one.id, { w, x: box.x + 16 + (n % perRow) * (w + cell.gap), y: box.y + 46 + Math.floor(n / perRow) * (cell.h + cell.gap) }));
  });
  const asked = members.find((one) => one.is_asked);
  const centre = (id) => ({ x: places.get(id).x + places.get(id).w / 2, y: places.get(id).y + cell.h / 2 });
  // In one row a line would run behind the cells: it bows out below them.
  const path = (from, to) => (Math.abs(from.y - to.y) > 1 ? `M${from.x} ${from.y}L${to.x} ${to.y}`
    : `M${from.x} ${from.y}C${from.x} ${from.y + 62},${to.x} ${to.y + 62},${to.x} ${to.y}`);
  const showEdges = asked && members.length <= 40;
  const edges = showEdges ? members.filter((one) => one !== asked).map((one) => {
    const from = centre(asked.id), to = centre(one.id), { kind } = model.standing(one);
    return s("path", { class: `edge ${kind}`, d: path(from, to) }, s("title", {}, `${asked.name} to ${one.name}: ${one.rtt_ms === null ? "no answer yet" : span(one.rtt_ms)}`));
  }) : [];
  const regionBoxes = names.map((name) => {
    const box = boxes.get(name), region = known.get(name);
    const state = region ? model.regionStanding(region) : { code: "??", word: "", kind: "idle" };
    const inside = members.filter((one) => one.region === name);
    return s("g", { class: `region ${state.kind}` },
      s("rect", { x: box.x, y: box.y, width: box.w, height: box.h, rx: 12 }),
      s("text", { class: "name", x: box.x + 16, y: box.y + 28 }, name || "no region"),
      s("text", { class: `state ${state.kind}`, x: box.x + box.w - 16, y: box.y + 28, "text-anchor": "end" }, `${state.code} ${state.word}, ${inside.filter((one) => one.state === "alive").length} of ${inside.length}`));
  });
  const cells = members.map((one) => {
    const place = places.get(one.id), state = model.standing(one);
    const shown = one.name.length > 14 ? `${one.name.slice(0, 6)}…${one.name.slice(-6)}` : one.name;
    const label = `${one.name}, ${state.word}`;
    return s("g", { class: `node ${state.kind}`, tabindex: 0, role: "button", "aria-label": label, "data-focus": `node-${one.id}`, "data-node": one.name,
      transform: `translate(${place.x} ${place.y})`, onclick: () => open(one),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(one); } } },
    s("title", {}, label),
    s("rect", { width: place.w, height: cell.h, rx: 8 }),
    s("rect", { class: "stripe", width: 5, height: cell.h, rx: 2.5 }),
    s("text", { class: "code", x: 16, y: 25 }, state.code),
    s("text", { class: "name", x: 44, y: 25 }, shown),
    s("text", { class: "more", x: 16, y: 47 }, one.is_asked ? `asked · load ${percent(one.load)}` : one.state === "alive" ? `${one.rtt_ms === null ? "–" : span(one.rtt_ms)} · load ${percent(one.load)}` : state.word));
  });
  return [
    card("Topology", { class: "card flat" },
      h("p", { class: "hint" }, `As ${feed.facts.get("node").name} sees it. Lines go from it to every other node; a node opens with Enter.`),
      members.length > 40 ? h("p", { class: "hint" }, `${plural(members.length, "node")}: lines are left out.`) : null,
      s("svg", { class: "topology", viewBox: `-2 -2 ${wide + 4} ${y + rowHeight + 4}`, width: wide + 4, height: y + rowHeight + 4, role: "group", "aria-label": "nodes by region" }, regionBoxes, edges, cells)),
    targetsOnly(model.regions(feed)),
  ];
}

const percent = (load) => (load === null ? "–" : `${Math.round(load * 100)} %`);

const targetsOnly = (regions) => {
  const rows = regions.filter((one) => one.targets > 0 || one.members > 0);
  return card("Regions", {}, h("div", { class: "wide", "data-scroll": "regions" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Region", "State", "Nodes", "In flight", "Targets in use", ""].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map((one) => {
      const state = model.regionStanding(one);
      return h("tr", {}, h("th", { scope: "row" }, one.name), h("td", {}, badge(state.kind, state.code, state.word)), h("td", {}, `${one.usable} of ${one.members}`),
        h("td", {}, short(one.in_flight)), h("td", {}, `${one.healthy_targets} of ${one.targets}`), h("td", {}, one.note));
    })))));
};

const codes = { ok: ["ok", "good"], failing: ["fail", "warn"], failed: ["FAIL", "bad"], unknown: ["–", "idle"] };

/// Targets by rows, nodes by columns; arrows move between cells.
export function health(feed, state, redraw) {
  const members = model.members(feed).filter((one) => one.state !== "left");
  const names = members.map((one) => one.name);
  const rows = model.targets(feed);
  if (state.sort === "disagreement") {
    const weight = (one) => (model.disagrees(one) ? 2 : 0) + (model.against(one).length ? 1 : 0) + (one.factor === 0 ? 0.5 : 0);
    rows.sort((a, b) => weight(b) - weight(a));
  }
  if (!rows.length) return [card("Health", {}, h("p", { class: "quiet" }, "No upstream has targets. Add one: meshctl config apply, or POST /upstreams."))];
  const full = members.length <= 100;
  const cellOf = (target, name) => target.cells.find((cell) => cell.node === name) || { state: full || !target.observers ? "unknown" : "ok", failures: 0, why: "" };
  const body = rows.map((target, row) => {
    const { code, word, kind } = model.verdict(target);
    return h("tr", { "data-target": target.target }, 
      h("th", { scope: "row" }, h("span", { class: "target" }, target.target), h("span", { class: "of" }, `${target.upstream}${target.region ? ` · ${target.region}` : ""} · weight ${target.weight}`)),
      h("td", { class: "verdict" }, badge(kind, code, word), target.reason ? h("span", { class: "why" }, target.reason) : null),
      names.map((name, column) => {
        const cell = cellOf(target, name), [text, colour] = codes[cell.state] || ["?", "idle"];
        const shown = cell.state === "ok" || !cell.failures ? text : `${text} ${cell.failures > 99 ? "99+" : cell.failures}`;
        return h("td", { class: `cell ${colour}`, tabindex: row === 0 && column === 0 ? 0 : -1, "data-focus": `cell-${target.upstream}/${target.target}/${target.address}/${name}`,
          title: `${name}: ${cell.state}${cell.why ? `, ${cell.why}` : ""}` }, shown);
      }));
  });
  const sort = (name, title) => h("button", { type: "button", class: "choice", "aria-pressed": String(state.sort === name), "data-focus": `sort-${name}`, onclick: () => { state.sort = name; redraw(); } }, title);
  return [card("Health", { class: "card flat" },
    h("div", { class: "tools" }, h("span", {}, "Order"), sort("name", "as configured"), sort("disagreement", "by disagreement")),
    h("p", { class: "hint" }, "What every node has seen of every target, and what this node makes of it. Arrow keys move the cell."),
    h("div", { class: "wide", "data-scroll": "health" }, h("table", { class: "matrix", onkeydown: moveCell },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Target"), h("th", { scope: "col" }, "Verdict"), members.map((one) => h("th", { scope: "col", class: model.standing(one).kind === "good" ? "" : "away" }, one.name)))),
      h("tbody", {}, body))))];
}

function moveCell(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const cell = event.target.closest("td.cell");
  if (!step || !cell) return;
  const row = cell.parentElement, column = [...row.children].indexOf(cell);
  const rows = [...row.parentElement.children];
  const next = rows[rows.indexOf(row) + step[0]]?.children[column + step[1]];
  if (!next?.classList.contains("cell")) return;
  event.preventDefault();
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

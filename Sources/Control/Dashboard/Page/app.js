// The frame: who is asked, which view, whether the node is there; redraws when the feed changes.
import { badge, h, plural, show, span } from "./dom.js";
import { Feed } from "./feed.js";
import * as model from "./model.js";
import { health, overview, topology } from "./mesh-views.js";
import { latency, traffic } from "./traffic-views.js";
import { config, upgrade } from "./change-views.js";

const views = [
  ["overview", "Overview"], ["topology", "Topology"], ["health", "Health"], ["traffic", "Traffic"],
  ["latency", "Latency"], ["config", "Configuration"], ["upgrade", "Upgrades"],
];
const state = { sort: "name", changeset: "", detail: null, problem: "" };
const main = document.getElementById("main"), bar = document.getElementById("bar");
const top = document.getElementById("top"), card = document.getElementById("card");
let waiting = false, drawnLocked = false, shownView = "";

const feed = new Feed(() => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
});

const chosen = () => views.find(([name]) => `#${name}` === location.hash)?.[0] || "overview";

function draw() {
  drawBar();
  if (feed.state === "locked") return drawLocked();
  drawnLocked = false;
  const node = feed.facts.get("node");
  if (!node) return;
  document.title = `${node.name} · meshgate`;
  drawTop(node);
  drawViews();
  const redraw = () => draw();
  show(main, {
    overview: () => overview(feed), topology: () => topology(feed, open), health: () => health(feed, state, redraw),
    traffic: () => traffic(feed), latency: () => latency(feed), config: () => config(feed, state, redraw), upgrade: () => upgrade(feed),
  }[chosen()]());
  main.dataset.view = chosen();
  main.dataset.state = feed.state;
}

function drawViews() {
  const alarms = model.alarms(feed).length;
  show(document.getElementById("views"), views.map(([name, title]) =>
    h("a", { href: `#${name}`, "aria-current": name === chosen() ? "page" : null, "data-focus": `view-${name}` }, title,
      name === "overview" && alarms ? h("span", { class: "count", "aria-label": plural(alarms, "alarm") }, alarms) : null)));
  if (shownView === chosen()) return;
  shownView = chosen();
  document.querySelector("#views [aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
}

/// The node's name picks the viewpoint: the mesh as another node sees it, asked through the one that serves the page.
function drawTop(node) {
  const members = model.members(feed).filter((one) => one.state !== "left");
  const picker = h("select", { id: "viewpoint", "aria-label": "viewpoint", "data-focus": "viewpoint", onchange: (event) => {
    const other = members.find((one) => one.id === event.target.value);
    event.target.blur();
    if (other && !other.is_asked) feed.look(other.id);
  } }, members.map((one) => h("option", { value: one.id, selected: one.is_asked, disabled: !one.is_asked && one.state !== "alive" && one.id !== feed.home },
    `${one.name}${model.standing(one).kind === "good" ? "" : ` (${model.standing(one).word})`}`)));
  if (document.activeElement?.id === "viewpoint") return;
  const live = { live: ["good", "LIVE", ""], lost: ["bad", "LOST", ""], connecting: ["warn", "…", ""] }[feed.state];
  show(top, h("a", { class: "brand", href: "#overview" }, h("img", { src: "/mesh/ui/icon.svg", alt: "", width: 26, height: 26 }), h("span", {}, "meshgate")),
    h("label", { class: "viewpoint" }, h("span", {}, "as seen by"), picker),
    feed.viewpoint ? h("span", { class: "through" }, "asked through the mesh") : null,
    h("span", { class: "cluster" }, `${node.cluster} · ${node.region} · ${node.version}`),
    h("span", { class: "session" }, feed.session.role === "write" ? "may write" : "read only"),
    badge(...live));
}

function drawBar() {
  bar.hidden = feed.state !== "lost";
  if (feed.state === "lost") show(bar, h("b", {}, "Not connected. "), `${feed.facts.get("node")?.name || "The node"} has not answered for ${span(Date.now() - feed.lostAt)}; what is shown is older. Trying again …`);
}

function drawLocked() {
  if (drawnLocked) return;
  drawnLocked = true;
  const input = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, "aria-label": "token" });
  show(main, h("form", { class: "locked card", onsubmit: (event) => { event.preventDefault(); feed.token = input.value.trim(); feed.follow(); } },
    h("h2", {}, "This node asks for a token"), h("p", { class: "hint" }, "One of admin.tokens. It stays in this tab until it is closed. A read token suffices to look."),
    feed.token ? h("p", { class: "why" }, "The token is not known here.") : null, input, h("button", { type: "submit" }, "Look")));
  feed.token = "";
  input.focus();
}

/// A node's card, with what may be done to it by those who may write.
function open(member) {
  const draw = (note) => {
    const one = feed.facts.get(`member/${member.id}`) || member, { code, word, kind } = model.standing(one);
    const rows = [["State", badge(kind, code, word)], ["Region", `${one.region}${one.zone ? ` / ${one.zone}` : ""}`], ["Version", one.version], ["Configuration", model.version(one.config)],
      ["Gossip", one.address], ["Admin API", one.admin_address || "not told"], ["Round trip", one.is_asked ? "self" : span(one.rtt_ms)], ["In flight", one.in_flight ?? "–"], ["Incarnation", one.incarnation], ["Note", one.note || "–"]];
    const drains = one.mode === "normal";
    show(card, h("h2", {}, one.name), h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      feed.session.role === "write" && one.state === "alive" ? h("div", { class: "act" },
        h("p", { class: "hint" }, drains ? "Drain: balancers and clients are sent elsewhere, what is in flight ends, the node stays a member. The same: " : "Resume: it takes traffic again. The same: ", h("code", {}, `meshctl ${drains ? "drain" : "resume"} ${one.name}`)),
        h("button", { type: "button", class: drains ? "danger" : "", "data-focus": "act", onclick: async (event) => {
          event.target.disabled = true;
          try { await feed.ask(`/mesh/nodes/${encodeURIComponent(one.id)}/${drains ? "drain" : "resume"}`, "POST"); draw("Asked for."); } catch (problem) { draw(problem.message); }
        } }, drains ? `Drain ${one.name}` : `Resume ${one.name}`)) : h("p", { class: "hint" }, feed.session.role === "write" ? "It is not there to be told anything." : "Read only: drain and resume need a write token."),
      note ? h("p", { class: "why", role: "status" }, note) : null,
      h("form", { method: "dialog" }, h("button", { "data-focus": "close" }, "Close")));
  };
  draw();
  if (!card.open) card.showModal();
}

addEventListener("hashchange", () => { draw(); main.scrollTop = 0; scrollTo(0, 0); });
addEventListener("resize", () => draw());
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
  const view = views[Number(event.key) - 1];
  if (view) location.hash = view[0];
});
setInterval(() => { if (feed.state === "lost") drawBar(); }, 1000);
feed.follow();

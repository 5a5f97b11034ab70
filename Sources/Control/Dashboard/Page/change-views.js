// The configuration's history, roll-outs and upgrades.
import { colours, lanes, legend, width } from "./charts.js";
import { badge, card, clock, h, plural } from "./dom.js";
import * as model from "./model.js";

const standing = { running: ["OK", "good"], pending: ["..", "warn"], rejected: ["RE", "bad"], unknown: ["??", "idle"] };

export function config(feed, state, redraw) {
  const changesets = model.changesets(feed), node = feed.facts.get("node");
  return [
    card("Who runs what", {}, h("p", { class: "hint" }, `Newest at ${node.name}: ${model.version(node.config)}. ${node.config_agreed ? "All nodes that are alive run it." : "Not all nodes run it yet."}`),
      h("ul", { class: "lanes" }, model.standings(feed).map((one) => {
        const [code, kind] = standing[one.state] || ["..", "warn"];
        return h("li", {}, h("b", {}, one.name), badge(kind, code, one.member === "alive" ? one.state : one.member), h("span", { class: "mono" }, model.version(one.config)), one.reason ? h("span", { class: "why" }, one.reason) : null);
      }))),
    timeline(feed),
    h("div", { class: "columns" },
      card("History", { id: "history" }, changesets.length ? h("ol", { class: "history" }, changesets.map((one) => h("li", {},
        h("button", { type: "button", "aria-pressed": String(state.changeset === one.id), "data-focus": `changeset-${one.id}`, onclick: () => choose(feed, state, one, redraw) },
          h("b", { class: "mono" }, model.version(one.config)), h("span", {}, one.message || "no message"),
          h("small", {}, `${clock(one.at)} · ${one.author || "unknown"} at ${one.node} · +${one.summary.created} ~${one.summary.updated} −${one.summary.deleted}${one.outcome === "applied" ? "" : ` · ${one.outcome}`}${one.conflicts ? ` · ${plural(one.conflicts, "conflict")}` : ""}${one.nodes.length ? ` · on ${plural(one.nodes.length, "node")}` : ""}`)))))
        : h("p", { class: "quiet" }, "No change yet. The first: meshctl config apply kong.yml")),
      card("What changed", { id: "diff" }, difference(state))),
  ];
}

/// One lane per node over the last quarter of an hour: which configuration when.
function timeline(feed) {
  // What was before the first configuration is a gap.
  const found = model.lanes(feed).map((one) => ({ ...one, changes: one.changes.map((change) => (change.config.version ? change : { ...change, state: "none" })) }));
  // A version keeps its colour: by its place among all that are seen, the oldest first.
  const versions = [...new Map(found.flatMap((one) => one.changes).filter((change) => change.config.version).sort((a, b) => a.at - b.at).map((one) => [one.config.hash, model.version(one.config)]))];
  const colour = new Map(versions.map(([hash], index) => [hash, index % colours]));
  const rows = found.map((one) => ({ name: one.name, pieces: one.changes.map((change) => ({
    at: change.at, colour: colour.get(change.config.hash), word: model.version(change.config), state: change.state })) }));
  return card("The last quarter of an hour", { id: "lanes" }, found.length ? [
    lanes({ rows, width: width(), label: `Configurations of ${plural(found.length, "node")} over the last 15 minutes` }),
    legend(versions.slice(-12).map(([hash, name]) => ({ name, colour: colour.get(hash) }))),
    h("p", { class: "hint" }, "As this node has seen it. Pale: not there yet. Red: rejected. Gap: not alive, or without a configuration."),
  ] : h("p", { class: "quiet" }, "Nothing was seen yet."));
}

async function choose(feed, state, one, redraw) {
  state.changeset = one.id;
  state.detail = null;
  state.problem = "";
  redraw();
  try {
    const detail = await feed.ask(`/mesh/config/changesets/${encodeURIComponent(one.id)}`);
    if (state.changeset === one.id) state.detail = detail;
  } catch (problem) {
    state.problem = problem.message;
  }
  redraw();
}

function difference(state) {
  if (!state.changeset) return h("p", { class: "quiet" }, "Choose a change on the left.");
  if (state.problem) return h("p", { class: "quiet" }, state.problem);
  if (!state.detail) return h("p", { class: "quiet" }, "Loading …");
  const { changeset, changes } = state.detail;
  const sign = { create: "+", update: "~", delete: "−" };
  return [
    h("p", { class: "hint" }, `${model.version(changeset.config)}: ${changeset.message || "no message"}`),
    changes.length ? h("ul", { class: "diff" }, changes.map((one) => h("li", { class: one.action },
      h("b", {}, `${sign[one.action] || "?"} ${one.kind} ${one.name || one.id}`),
      one.fields.map((field) => h("div", { class: "field" }, h("span", {}, field.path),
        field.old === null || field.old === undefined ? null : h("del", {}, String(field.old)),
        field.new === null || field.new === undefined ? null : h("ins", {}, String(field.new)))))))
      : h("p", { class: "quiet" }, "It changes no entity."),
    h("p", { class: "hint" }, h("code", {}, `meshctl config rollback ${changeset.config.version}`), " brings this configuration back."),
  ];
}

const steps = { done: ["OK", "good"], working: [">>", "warn"], waiting: ["..", "idle"] };

export function upgrade(feed) {
  const held = feed.facts.get("upgrade"), rollOut = feed.facts.get("roll-out");
  const versions = new Map();
  for (const one of model.members(feed)) if (one.state === "alive") versions.set(one.version, (versions.get(one.version) || 0) + 1);
  return [
    card("Versions", {}, h("ul", { class: "lanes" }, [...versions].sort().map(([version, count]) => h("li", {}, h("b", { class: "mono" }, version || "unknown"), h("span", {}, plural(count, "node")))))),
    card("Upgrade of the fleet", { id: "upgrade" }, held ? [
      h("p", {}, badge({ running: "warn", paused: "bad", aborted: "idle", finished: "good" }[held.state], held.state.slice(0, 2).toUpperCase(), held.state), ` ${held.nodes.filter((one) => one.step === "done").length} of ${held.nodes.length} nodes`, held.target ? ` to ${held.target}` : "", held.driver ? ` · by ${held.driver}` : ""),
      held.reason ? h("p", { class: "why" }, held.reason) : null,
      waves(held.nodes.map((one) => ({ wave: one.wave, name: one.name, mark: steps[one.step] || ["??", "idle"], word: one.step }))),
      h("p", { class: "hint" }, held.state === "paused" ? h("code", {}, "meshctl upgrade resume --hook …") : h("code", {}, "meshctl upgrade status")),
    ] : h("p", { class: "quiet" }, "None was begun. See what one would do: ", h("code", {}, "meshctl upgrade plan"))),
    card("Roll-out of a configuration", { id: "roll-out" }, rollOut ? [
      h("p", {}, badge({ running: "warn", paused: "bad", aborted: "idle", finished: "good" }[rollOut.phase], rollOut.phase.slice(0, 2).toUpperCase(), rollOut.phase), ` wave ${rollOut.wave} of ${rollOut.waves.length}`, rollOut.guarding ? ` · guarded by ${rollOut.guarding}` : "", rollOut.waits_for ? ` · waits for ${rollOut.waits_for}` : ""),
      rollOut.reason ? h("p", { class: "why" }, rollOut.reason) : null,
      waves(rollOut.waves.flatMap((wave, index) => wave.nodes.map((name) => ({ wave: index + 1, name, mark: wave.active.includes(name) ? steps.done : index < rollOut.wave ? steps.working : steps.waiting, word: wave.active.includes(name) ? "runs it" : "waits" })))),
    ] : h("p", { class: "quiet" }, "None was begun. Begin one: ", h("code", {}, "meshctl config apply kong.yml --guard 'errors<1%'"))),
  ];
}

const waves = (nodes) => {
  const numbers = [...new Set(nodes.map((one) => one.wave))].sort((a, b) => a - b);
  return h("ol", { class: "waves" }, numbers.map((number) => h("li", {}, h("h3", {}, `Wave ${number}`),
    nodes.filter((one) => one.wave === number).map((one) => h("div", { class: "turn" }, badge(one.mark[1], one.mark[0], one.word), h("span", {}, one.name))))));
};

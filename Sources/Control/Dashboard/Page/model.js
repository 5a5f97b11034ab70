// What the facts mean: pure functions over the feed, without any element.

/// A member's two letters, as meshctl prints them, with its word and how much it matters.
export function standing(member) {
  const first = { alive: "U", suspect: "S", failed: "D", left: "L" }[member.state] || "?";
  const second = { normal: "N", draining: "D", maintenance: "M" }[member.mode] || "?";
  if (member.state === "failed") return { code: first + second, word: "down", kind: "bad" };
  if (member.state === "suspect") return { code: first + second, word: "suspect", kind: "warn" };
  if (member.state === "left") return { code: first + second, word: "left", kind: "idle" };
  if (member.mode !== "normal") return { code: first + second, word: member.mode, kind: "warn" };
  return { code: first + second, word: "up", kind: "good" };
}

export function verdict(target) {
  const known = {
    healthy: ["OK", "healthy", "good"], healthchecks_off: ["OK", "not checked", "idle"], lowered: ["LO", "lowered", "warn"],
    excluded: ["EX", "excluded", "bad"], draining: ["DR", "draining", "warn"], disabled: ["DI", "disabled", "idle"],
    dns_error: ["NA", "no address", "bad"],
  }[target.verdict] || ["??", target.verdict, "idle"];
  return { code: known[0], word: known[1], kind: known[2] };
}

export const regionStanding = (region) => ({
  up: { code: "UP", word: "up", kind: "good" }, degraded: { code: "DG", word: "degraded", kind: "warn" },
  down: { code: "DN", word: "down", kind: "bad" }, unreachable: { code: "UR", word: "unreachable", kind: "bad" },
}[region.state] || { code: "??", word: region.state, kind: "idle" });

const text = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export const members = (feed) =>
  feed.all("member").sort((a, b) => text(a.region, b.region) || text(a.name, b.name) || text(a.id, b.id));

export const regions = (feed) => feed.all("region").sort((a, b) => text(a.name, b.name));

export const targets = (feed) =>
  feed.all("target").sort((a, b) => text(a.upstream, b.upstream) || a.order - b.order);

export const steps = (feed) => feed.all("step").sort((a, b) => a.number - b.number);

export const events = (feed) => feed.all("event").sort((a, b) => b.id - a.id);

export const changesets = (feed) => feed.all("changeset").sort((a, b) => a.order - b.order).map((one) => one.changeset);

export const lanes = (feed) => feed.all("lane").sort((a, b) => text(a.name, b.name));

export const standings = (feed) =>
  feed.all("standing").sort((a, b) => text(a.region, b.region) || text(a.name, b.name));

/// Cells of a target that are not fine.
export const against = (target) => target.cells.filter((cell) => cell.state === "failed" || cell.state === "failing");

/// Whether the nodes say different things of a target.
export const disagrees = (target) => {
  const failed = target.cells.filter((cell) => cell.state === "failed").length;
  return failed > 0 && failed < target.observers;
};

/// Requests, errors and latency over the last seconds.
export function recent(steps, seconds) {
  const end = steps.length ? steps[steps.length - 1].at : 0;
  const inside = steps.filter((step) => step.at > end - seconds * 1000);
  const requests = inside.reduce((sum, step) => sum + step.all[0], 0);
  const errors = inside.reduce((sum, step) => sum + step.all[1], 0);
  const time = inside.reduce((sum, step) => sum + step.seconds, 0);
  const busy = inside.filter((step) => step.all[0] > 0);
  return {
    rate: time ? requests / time : 0, share: requests ? errors / requests : 0, requests, errors,
    p99: busy.length ? Math.max(...busy.map((step) => step.all[3])) / 1000 : null,
  };
}

/// What asks for an operator, the worst first: { kind, what, more, view }.
export function alarms(feed) {
  const found = [];
  const add = (kind, what, more, view) => found.push({ kind, what, more, view });
  const node = feed.facts.get("node");
  for (const region of regions(feed)) {
    if (region.members === 0) continue;
    if (region.state === "down" || region.state === "unreachable") add("bad", `Region ${region.name} is ${region.state}`, `${region.alive} of ${region.members} nodes alive`, "topology");
  }
  for (const member of members(feed)) {
    const { kind, word } = standing(member);
    if (kind === "bad" || kind === "warn") add(kind, `Node ${member.name} is ${word}`, member.note, "topology");
  }
  for (const target of targets(feed)) {
    const { kind, word } = verdict(target);
    if (kind === "bad" || kind === "warn") add(kind, `Target ${target.target} of ${target.upstream} is ${word}`, target.reason, "health");
    else if (disagrees(target)) add("warn", `Nodes disagree about ${target.target} of ${target.upstream}`, `${against(target).map((cell) => cell.node).join(", ")} against it`, "health");
  }
  if (node && !node.config_agreed) add("warn", "Configurations differ", `${node.name} runs ${version(node.config)}`, "config");
  for (const one of standings(feed)) if (one.state === "rejected") add("bad", `Node ${one.name} rejects the configuration`, one.reason, "config");
  const minute = recent(steps(feed), 60);
  if (minute.errors > 0 && minute.share >= 0.01) add("bad", `${Math.round(minute.share * 1000) / 10} % of the requests at ${node.name} fail`, `${minute.errors} of ${minute.requests} in the last minute were answered with 5xx`, "traffic");
  if (node && !node.ready) add("warn", `Node ${node.name} is not ready`, node.readiness, "overview");
  for (const trouble of node ? node.troubles : []) add(trouble.kind === "certificate-ends" ? "warn" : "bad", `${trouble.kind}: ${trouble.subject}`, trouble.message, "overview");
  const upgrade = feed.facts.get("upgrade");
  if (upgrade && upgrade.state === "paused") add("warn", "The upgrade is paused", upgrade.reason, "upgrade");
  const rollOut = feed.facts.get("roll-out");
  if (rollOut && rollOut.phase === "paused") add("warn", "The roll-out is paused", rollOut.reason, "upgrade");
  const weight = { bad: 0, warn: 1 };
  return found.sort((a, b) => weight[a.kind] - weight[b.kind]);
}

/// A configuration in short: `g12 7c1e`.
export const version = (config) => (config.version ? `${config.version} ${config.hash.slice(0, 4)}` : "none");

/// Events that a chart over time marks.
export const markers = (feed) => {
  const wanted = { config: true, drain: true, region: true };
  return events(feed).filter((event) => wanted[event.kind] && event.type !== "config-received"
    || event.kind === "membership" && ["failed", "left", "joined", "alive"].includes(event.type)
    || event.kind === "node" && event.type.startsWith("upgrade-")
    || event.kind === "health" && /^(target-|panic|upstream-)/.test(event.type));
};

// Traffic and latency of the node that serves the page, over a quarter of an hour.
import { card, clock, h, short, span } from "./dom.js";
import { chart, colours, legend, width } from "./charts.js";
import * as model from "./model.js";

/// Services by name, so that colours stay.
function services(steps) {
  const names = [...new Set(steps.flatMap((step) => step.services.map((one) => one.name)))].sort();
  const index = new Map(names.map((name, n) => [name, n]));
  const series = names.map((name, n) => ({ name: name || "no service", colour: n % colours, values: steps.map(() => 0), p50: steps.map(() => null), p99: steps.map(() => null), requests: 0, errors: 0 }));
  steps.forEach((step, i) => {
    for (const one of step.services) {
      const into = series[index.get(one.name)];
      into.values[i] = one.figures[0] / step.seconds;
      into.p50[i] = one.figures[2] / 1000;
      into.p99[i] = one.figures[3] / 1000;
      into.requests += one.figures[0];
      into.errors += one.figures[1];
    }
  });
  return series;
}

const marks = (feed) => model.markers(feed).map((event) => ({ at: Date.parse(event.time), kind: event.kind, text: event.message || event.type }));

const marked = (feed) => {
  const found = model.markers(feed).slice(0, 8);
  return found.length ? h("ol", { class: "events" }, found.map((event) => h("li", {}, h("time", { datetime: event.time }, clock(event.time)), h("span", { class: `kind ${event.kind}` }, event.kind), h("span", { class: "words" }, event.message || event.subject))))
    : h("p", { class: "quiet" }, "None in this time.");
};

const table = (series) => h("div", { class: "wide", "data-scroll": "services" }, h("table", {},
  h("thead", {}, h("tr", {}, ["Service", "Requests", "5xx", "p50", "p99"].map((text, n) => h("th", { scope: "col", class: n ? "number" : "" }, text)))),
  h("tbody", {}, series.map((one) => h("tr", {}, h("th", { scope: "row" }, h("i", { class: `swatch c${one.colour}` }), one.name),
    h("td", { class: "number" }, one.requests.toLocaleString("en-US")), h("td", { class: "number" }, one.requests ? `${short((one.errors / one.requests) * 100)} %` : "–"),
    h("td", { class: "number" }, span(latest(one.p50))), h("td", { class: "number" }, span(latest(one.p99))))))));

const latest = (values) => values.filter((v) => v !== null).pop() ?? null;

export function traffic(feed) {
  const steps = model.steps(feed), series = services(steps), times = steps.map((one) => one.at);
  const name = feed.facts.get("node").name;
  const errors = [{ name: "5xx per second", colour: "bad", values: steps.map((one) => one.all[1] / one.seconds) }];
  return [
    card("Requests per second", {}, h("p", { class: "hint" }, `Answered by ${name}, by service, over 15 minutes. Flags are events.`),
      chart({ times, series, stacked: true, unit: "", label: `requests per second by service at ${name}`, marks: marks(feed), width: width() }), legend(series)),
    card("Errors per second", {}, chart({ times, series: errors, stacked: true, unit: "", label: `answers of 500 and above per second at ${name}`, width: width(), height: 130 })),
    h("div", { class: "columns" }, card("Services", {}, table(series)), card("Events in the chart", {}, marked(feed))),
  ];
}

export function latency(feed) {
  const steps = model.steps(feed), series = services(steps), times = steps.map((one) => one.at);
  const name = feed.facts.get("node").name;
  const all = [
    { name: "p50", colour: 0, values: steps.map((one) => (one.all[0] ? one.all[2] / 1000 : null)) },
    { name: "p99", colour: 1, values: steps.map((one) => (one.all[0] ? one.all[3] / 1000 : null)) },
  ];
  const by = series.map((one) => ({ name: one.name, colour: one.colour, values: one.p99 }));
  return [
    card("Latency of all requests", {}, h("p", { class: "hint" }, `From the first byte of a request to the last of its answer at ${name}.`),
      chart({ times, series: all, unit: "ms", label: `50th and 99th percentile at ${name}`, marks: marks(feed), width: width() }), legend(all)),
    card("p99 by service", {}, chart({ times, series: by, unit: "ms", label: `99th percentile by service at ${name}`, width: width(), height: 200 }), legend(by)),
    card("Round trips", {}, h("p", { class: "hint" }, `Measured by ${name} in its probes, the best of a region first. Empty means not measured, never zero.`), roundTrips(feed)),
  ];
}

/// One row per region, one cell per node, darker when farther.
function roundTrips(feed) {
  const others = model.members(feed).filter((one) => !one.is_asked && one.state !== "left");
  if (!others.length) return h("p", { class: "quiet" }, "This node is alone.");
  const regions = [...new Set(others.map((one) => one.region))];
  const worst = Math.max(...others.map((one) => one.rtt_ms || 0), 0.01), best = Math.min(...others.filter((one) => one.rtt_ms).map((one) => one.rtt_ms), worst);
  const step = (ms) => (worst <= best ? 1 : 1 + Math.round((Math.log(ms / best) / Math.log(worst / best)) * 4));
  return h("div", { class: "heat" }, regions.map((region) => h("div", { class: "row" }, h("b", {}, region || "no region"),
    others.filter((one) => one.region === region).sort((a, b) => (a.rtt_ms ?? 1e9) - (b.rtt_ms ?? 1e9)).map((one) =>
      h("span", { class: one.rtt_ms && one.state === "alive" ? `warm w${step(one.rtt_ms)}` : "warm none" }, h("span", {}, one.name), h("b", {}, one.rtt_ms && one.state === "alive" ? span(one.rtt_ms) : model.standing(one).word === "up" ? "–" : model.standing(one).word))))));
}

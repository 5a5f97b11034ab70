// Drawings as SVG, whose text tests and screen readers can read.
import { h, s, short, span, clock } from "./dom.js";

export const colours = 8;

/// A small line without axes.
export function spark(values, label) {
  const width = 160, height = 36, top = Math.max(...values, 1e-9);
  const x = (i) => (values.length < 2 ? width : (i / (values.length - 1)) * width);
  const points = values.map((v, i) => `${x(i).toFixed(1)},${(height - 3 - (v / top) * (height - 6)).toFixed(1)}`);
  return s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    points.length > 1 ? s("polygon", { points: `0,${height} ${points.join(" ")} ${width},${height}` }) : null,
    points.length > 1 ? s("polyline", { points: points.join(" ") }) : null);
}

const nice = (top) => {
  if (!(top > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= top) || top;
};

/// How wide a drawing is that fills its card, so that its text keeps its size.
export const width = () => Math.max(320, Math.min(1180, document.documentElement.clientWidth - 72));

const ago = (age) => (age >= 120000 ? `−${(age / 60000).toFixed(age % 60000 < 3000 ? 0 : 1)} min` : `−${Math.round(age / 1000)} s`);

/// A chart over the last quarter of an hour.
///
/// - series: [{ name, values: [y or null per time], colour }]; stacked or as lines.
export function chart({ times, series, stacked, unit, label, marks = [], width = 900, height = 240 }) {
  const left = 52, right = 10, top = 22, bottom = 24;
  const w = width - left - right, tall = height - top - bottom;
  const end = times.length ? times[times.length - 1] : Date.now();
  // A node that has not run for long fills the chart, too.
  const start = Math.max(end - 15 * 60 * 1000, Math.min(times[0] ?? 0, end - 2 * 60 * 1000));
  const x = (t) => left + ((t - start) / (end - start)) * w;
  const sums = times.map((_, i) => series.reduce((sum, one) => sum + (one.values[i] || 0), 0));
  const highest = stacked ? Math.max(0, ...sums) : Math.max(0, ...series.flatMap((one) => one.values.map((v) => v || 0)));
  const limit = nice(highest);
  const y = (v) => top + tall - (v / limit) * tall;
  const number = unit === "ms" ? span : short;
  const grid = [0, 0.5, 1].map((part) => [
    s("line", { class: "grid", x1: left, x2: width - right, y1: y(limit * part), y2: y(limit * part) }),
    s("text", { class: "axis", x: left - 6, y: y(limit * part) + 4, "text-anchor": "end" }, number(limit * part)),
  ]);
  const ticks = width < 500 ? 3 : 5;
  const ages = Array.from({ length: ticks + 1 }, (_, n) => {
    const age = ((end - start) * (ticks - n)) / ticks;
    return s("text", { class: "axis", x: x(end - age), y: height - 6, "text-anchor": n === ticks ? "end" : n === 0 ? "start" : "middle" },
      n === ticks ? clock(end) : ago(age));
  });
  const base = times.map(() => 0);
  const shapes = series.map((one) => {
    if (!stacked) {
      const runs = [[]];
      one.values.forEach((v, i) => (v === null ? runs.push([]) : runs[runs.length - 1].push(`${x(times[i]).toFixed(1)},${y(v).toFixed(1)}`)));
      return runs.filter((run) => run.length).map((run) => run.length === 1
        ? s("circle", { class: `dot c${one.colour}`, cx: run[0].split(",")[0], cy: run[0].split(",")[1], r: 2 })
        : s("polyline", { class: `line c${one.colour}`, points: run.join(" ") }));
    }
    const low = times.map((t, i) => `${x(t).toFixed(1)},${y(base[i]).toFixed(1)}`).reverse();
    one.values.forEach((v, i) => { base[i] += v || 0; });
    const high = times.map((t, i) => `${x(t).toFixed(1)},${y(base[i]).toFixed(1)}`);
    return times.length > 1 ? s("polygon", { class: `area c${one.colour}`, points: [...high, ...low].join(" ") }) : null;
  });
  const flags = marks.filter((mark) => mark.at >= start && mark.at <= end).map((mark) => s("g", { class: "mark" },
    s("title", {}, `${clock(mark.at)} ${mark.text}`),
    s("line", { x1: x(mark.at), x2: x(mark.at), y1: top - 6, y2: top + tall }),
    s("path", { class: mark.kind, d: `M${x(mark.at) - 5} ${top - 14}h10l-5 9z` })));
  return s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    grid, s("g", {}, shapes), ages, flags,
    highest > 0 ? null : s("text", { class: "empty", x: left + w / 2, y: top + tall / 2, "text-anchor": "middle" }, "nothing in the last 15 minutes"));
}

/// One lane per row over the last quarter of an hour, in pieces that last until the next one.
///
/// - rows: [{ name, pieces: [{ at, colour, word, state }] }]; `running` is drawn in full, `rejected` in
///   red, what is not alive not at all.
export function lanes({ rows, label, width }) {
  const left = width < 500 ? 84 : 120, right = 10, tall = 24, bottom = 22, most = width < 500 ? 10 : 15, height = rows.length * tall + bottom;
  const end = Date.now(), first = Math.min(...rows.flatMap((row) => row.pieces.map((piece) => piece.at)));
  const start = Math.max(end - 15 * 60 * 1000, Math.min(first, end - 2 * 60 * 1000));
  const x = (t) => left + ((Math.max(t, start) - start) / (end - start)) * (width - left - right);
  const drawn = rows.map((row, index) => s("g", { class: "lane" },
    s("text", { x: left - 8, y: index * tall + 16, "text-anchor": "end" }, row.name.length > most ? `${row.name.slice(0, most - 1)}…` : row.name),
    row.pieces.map((piece, n) => {
      const until = row.pieces[n + 1]?.at ?? end, from = x(piece.at), wide = Math.max(x(until) - from, 1);
      if (until <= start || !["running", "pending", "rejected"].includes(piece.state)) return null;
      return s("g", { class: piece.state },
        s("title", {}, `${row.name}: ${piece.word} ${piece.state} from ${clock(piece.at)}`),
        s("rect", { class: `area ${piece.state === "rejected" ? "cbad" : `c${piece.colour}`}`, x: from.toFixed(1), y: index * tall + 3, width: wide.toFixed(1), height: tall - 6, rx: 3 }),
        wide > 70 ? s("text", { class: "word", x: (from + 6).toFixed(1), y: index * tall + 16 }, piece.word) : null);
    })));
  const ages = [0, 0.5, 1].map((part) => s("text", { class: "axis", x: left + (width - left - right) * part, y: height - 5, "text-anchor": part === 1 ? "end" : part ? "middle" : "start" },
    part === 1 ? clock(end) : ago((end - start) * (1 - part))));
  return s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, drawn, ages);
}

export const legend = (series) => h("ul", { class: "legend" },
  series.map((one) => h("li", {}, h("i", { class: `c${one.colour}`, "aria-hidden": "true" }), one.name)));

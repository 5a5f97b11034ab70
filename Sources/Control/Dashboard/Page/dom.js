// Makes elements. Text goes in by textContent alone, so that a name is text whatever it contains.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/// An HTML element: h("div", { class: "x", onclick: f }, "text", other).
export const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

/// An SVG element.
export const s = (name, attributes, ...children) => fill(document.createElementNS(svgSpace, name), attributes, children);

/// Puts new content into an element, and the focus back to where it was by `data-focus`.
export function show(node, ...children) {
  const held = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
  const scrolls = new Map([...node.querySelectorAll("[data-scroll]")].map((one) => [one.dataset.scroll, one.scrollLeft]));
  node.replaceChildren(...children.flat(Infinity).filter(Boolean));
  for (const one of node.querySelectorAll("[data-scroll]")) one.scrollLeft = scrolls.get(one.dataset.scroll) || 0;
  if (held === undefined) return;
  for (const one of document.querySelectorAll("[data-focus]")) {
    if (one.dataset.focus === held) { one.focus({ preventScroll: true }); break; }
  }
}

/// A badge: a two-letter code with its word, never colour alone.
export const badge = (kind, code, word) =>
  h("span", { class: `badge ${kind}`, title: word }, h("b", {}, code), word ? h("span", {}, word) : null);

/// A card with a heading.
export const card = (title, attributes, ...children) =>
  h("section", { class: "card", ...attributes }, h("h2", {}, title), ...children);

export const count = (n) => n.toLocaleString("en-US");

export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/// A number with up to three digits: 0.42, 4.2, 42, 420, 4.2 k.
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (value >= 1e6) return `${(value / 1e6).toPrecision(2)} M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)} k`;
  if (value >= 100 || Number.isInteger(value)) return count(Math.round(value));
  if (value >= 10) return value.toFixed(0);
  return value >= 1 ? value.toFixed(1) : value.toFixed(2);
}

/// A time span from milliseconds.
export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export const clock = (time) =>
  new Date(time).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// Small SVG charts in the page's own colours: stacked days, bars and hours. Each can be saved as a picture.

import { button, h, svg } from "./dom.js";
import { t } from "./i18n.js";
import { save } from "./fleet.js";

const H = 240, LEFT = 40, BOTTOM = 26, TOP = 10;
const HALF = 760, WHOLE = 1500; // drawn widths, so that text has one size beside and across

// series: [{name, colour, values}], labels: one for each value.
export function stacked(labels, series, { wide: whole = false } = {}) {
  const W = whole ? WHOLE : HALF;
  const totals = labels.map((_, i) => series.reduce((sum, s) => sum + s.values[i], 0));
  const top = niceTop(Math.max(1, ...totals));
  const step = (W - LEFT) / Math.max(1, labels.length), wide = Math.max(2, Math.min(38, step * 0.7));
  const y = (value) => H - BOTTOM - (H - BOTTOM - TOP) * value / top;
  const parts = axis(W, top, y);
  const every = Math.max(1, Math.ceil(labels.length / 12));
  labels.forEach((label, i) => {
    let base = 0;
    const x = LEFT + step * i + (step - wide) / 2;
    for (const s of series) {
      if (s.values[i]) parts.push(svg("rect", { x, y: y(base + s.values[i]), width: wide, height: Math.max(1, y(base) - y(base + s.values[i])), fill: s.colour }, svg("title", {}, `${label} · ${s.name}: ${s.values[i]}`)));
      base += s.values[i];
    }
    if (i % every === 0) parts.push(svg("text", { x: x + wide / 2, y: H - 8, "text-anchor": "middle", class: "tick" }, label));
  });
  return svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img" }, parts);
}

export function line(labels, series, { percent = false } = {}) {
  const W = HALF;
  const top = percent ? Math.max(1, ...series.flatMap((s) => s.values)) : niceTop(Math.max(1, ...series.flatMap((s) => s.values.filter((v) => v !== null))));
  const x = (i) => LEFT + (W - LEFT - 10) * (labels.length > 1 ? i / (labels.length - 1) : 0.5);
  const y = (value) => H - BOTTOM - (H - BOTTOM - TOP) * value / top;
  const parts = axis(W, top, y, percent);
  const every = Math.max(1, Math.ceil(labels.length / 12));
  const last = labels.length - 1; // at the edge, where half of it would be cut off
  labels.forEach((label, i) => { if (i % every === 0) parts.push(svg("text", { x: x(i), y: H - 8, "text-anchor": i === last && last ? "end" : "middle", class: "tick" }, label)); });
  for (const s of series) {
    const points = s.values.map((v, i) => (v === null ? null : [x(i), y(v)])).filter(Boolean);
    if (points.length > 1) parts.push(svg("polyline", { points: points.map((p) => p.join(",")).join(" "), fill: "none", stroke: s.colour, "stroke-width": 2.2, "stroke-linejoin": "round" }));
    s.values.forEach((v, i) => { if (v !== null) parts.push(svg("circle", { cx: x(i), cy: y(v), r: 3, fill: s.colour }, svg("title", {}, `${labels[i]} · ${s.name}: ${percent ? `${Math.round(v * 100)} %` : v}`))); });
  }
  return svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img" }, parts);
}

export function bars(rows) {
  const top = Math.max(1, ...rows.map((row) => row.value));
  return h("ul", { class: "bars" }, rows.map((row) => {
    const fillBar = h("i", {});
    fillBar.style.width = `${100 * row.value / top}%`;
    return h("li", {}, h("span", { class: "clip", title: row.label }, row.label), h("span", { class: "bar" }, fillBar), h("b", {}, row.value), h("span", { class: "tiny muted" }, row.note ?? ""));
  }));
}

function axis(W, top, y, percent = false) {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    svg("line", { x1: LEFT, x2: W, y1: y(top * share), y2: y(top * share), class: "grid" }),
    svg("text", { x: LEFT - 6, y: y(top * share) + 4, "text-anchor": "end", class: "tick" }, percent ? `${share * 100}%` : Number((top * share).toFixed(1)))]);
}

function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return Math.max(4, [1, 2, 4, 5, 8, 10].find((step) => step * power >= value) * power);
}

export function chartCard(title, chart, legend = [], name = "chart") {
  const isSvg = chart.namespaceURI?.endsWith("svg");
  if (isSvg) chart.setAttribute("aria-label", title);
  return h("section", { class: "card chart-card" }, h("div", { class: "line wrap" }, h("h2", { class: "grow" }, title),
    legend.map((s) => { const dot = h("i", { class: "dot" }); dot.style.background = s.colour; return h("span", { class: "line tiny muted" }, dot, s.name); }),
    isSvg && button("PNG", { kind: "flat s", title: t("save_png"), onclick: () => savePng(chart, name) })), chart);
}

// Styles are written into a copy, so that the picture looks as the page does.
async function savePng(chart, name) {
  const [, , W] = chart.getAttribute("viewBox").split(" ").map(Number);
  const copy = chart.cloneNode(true), style = getComputedStyle(document.documentElement);
  const colour = (key) => style.getPropertyValue(`--${key}`).trim();
  for (const text of copy.querySelectorAll(".tick")) { text.setAttribute("fill", colour("muted")); text.setAttribute("font-size", "11"); text.setAttribute("font-family", "sans-serif"); }
  for (const rule of copy.querySelectorAll(".grid")) rule.setAttribute("stroke", colour("line"));
  for (const shape of copy.querySelectorAll("[fill^='var('], [stroke^='var(']")) for (const side of ["fill", "stroke"]) { const value = shape.getAttribute(side); if (value?.startsWith("var(--")) shape.setAttribute(side, colour(value.slice(6, -1))); }
  copy.setAttribute("width", W * 2);
  copy.setAttribute("height", H * 2);
  const url = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
  const image = new Image();
  image.onload = () => {
    const canvas = h("canvas", { width: W * 2, height: H * 2 });
    const g = canvas.getContext("2d");
    g.fillStyle = colour("surface");
    g.fillRect(0, 0, canvas.width, canvas.height);
    g.drawImage(image, 0, 0);
    canvas.toBlob((blob) => save(`${name}.png`, blob, "image/png"));
    URL.revokeObjectURL(url);
  };
  image.src = url;
}

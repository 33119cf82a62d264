// A small still map for one incident: where it is, who saw it, and the zone's ground.

import { h } from "./dom.js";
import { metresPerUnit, project, toGcj02 } from "./geo.js";
import { t } from "./i18n.js";

const TILE = 256;
const ZOOM = 17;
const SMALLEST_M = 120;

// `at`: [longitude, latitude]; `seen`: cameras with position, name and whether it is the first; `ground`: an outline.
export function miniMap(app, { at, seen, ground }) {
  const canvas = h("canvas", { class: "minimap-canvas", role: "img", "aria-label": t("map") });
  const link = h("a", { class: "minimap", href: `/console/map?at=${at.join(",")}`, title: t("map") }, canvas);
  const paint = () => { if (canvas.isConnected) draw(app, canvas, { at, seen, ground }, paint); };
  new ResizeObserver(paint).observe(canvas);
  return link;
}

function draw(app, canvas, { at, seen, ground }, again) {
  const settings = app.me.console.map, ratio = devicePixelRatio || 1;
  const unit = innerWidth >= 3200 ? 1.6 : 1, width = canvas.clientWidth / unit, height = canvas.clientHeight / unit;
  canvas.width = Math.round(width * unit * ratio);
  canvas.height = Math.round(height * unit * ratio);
  const place = (point) => project(settings.tiles_datum === "gcj02" && settings.tiles_url ? toGcj02(point) : point);
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const points = [at, ...seen.map((camera) => camera.position), ...ground].map(place);
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  const least = SMALLEST_M / metresPerUnit(at[1]);
  const wide = Math.max(least, Math.max(...xs) - Math.min(...xs)), high = Math.max(least, Math.max(...ys) - Math.min(...ys));
  const scale = Math.min((width - 60) / wide, (height - 60) / high, TILE * 2 ** ZOOM);
  const centre = [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
  const screen = (point) => { const [x, y] = place(point); return [(x - centre[0]) * scale + width / 2, (y - centre[1]) * scale + height / 2]; };
  const g = canvas.getContext("2d");
  g.setTransform(ratio * unit, 0, 0, ratio * unit, 0, 0);
  g.fillStyle = colour("raised");
  g.fillRect(0, 0, width, height);
  if (settings.tiles_url) tiles(g, settings.tiles_url, { width, height, scale, centre, again });
  if (ground.length) {
    g.beginPath();
    ground.forEach((point, index) => { const [x, y] = screen(point); index ? g.lineTo(x, y) : g.moveTo(x, y); });
    g.closePath();
    g.fillStyle = g.strokeStyle = colour("amber");
    g.globalAlpha = 0.2; g.fill(); g.globalAlpha = 1; g.lineWidth = 1.5; g.stroke();
  }
  const [x, y] = screen(at);
  for (const camera of seen) {
    const [cx, cy] = screen(camera.position);
    g.strokeStyle = colour("line-strong");
    g.setLineDash([4, 4]); g.lineWidth = 1.5; g.beginPath(); g.moveTo(cx, cy); g.lineTo(x, y); g.stroke(); g.setLineDash([]);
    g.fillStyle = colour(camera.first ? "accent" : "green");
    g.strokeStyle = colour("bg");
    g.lineWidth = 2;
    g.beginPath(); g.roundRect(cx - 6, cy - 6, 12, 12, 3); g.fill(); g.stroke();
    g.font = "12px sans-serif";
    g.lineWidth = 3;
    const left = cx > width - 90;
    g.textAlign = left ? "end" : "start";
    g.strokeText(camera.name, cx + (left ? -10 : 10), cy + 4);
    g.fillStyle = colour("text");
    g.fillText(camera.name, cx + (left ? -10 : 10), cy + 4);
    g.textAlign = "start";
  }
  g.fillStyle = colour("red");
  g.strokeStyle = colour("bg");
  g.lineWidth = 2.5;
  g.beginPath(); g.arc(x, y - 14, 8, 0, 7); g.stroke(); g.fill();
  g.beginPath(); g.moveTo(x - 4, y - 7); g.lineTo(x + 4, y - 7); g.lineTo(x, y); g.fill();
}

const kept = new Map();

function tiles(g, url, { width, height, scale, centre, again }) {
  const z = Math.max(0, Math.min(19, Math.round(Math.log2(scale / TILE)))), n = 2 ** z, size = scale / n;
  const left = centre[0] * n - width / 2 / size, top = centre[1] * n - height / 2 / size;
  for (let x = Math.floor(left); x < left + width / size; x += 1) for (let y = Math.floor(top); y < top + height / size; y += 1) {
    const source = url.replace("{z}", z).replace("{x}", ((x % n) + n) % n).replace("{y}", y);
    if (!kept.has(source)) {
      if (kept.size > 100) kept.delete(kept.keys().next().value);
      kept.set(source, Object.assign(new Image(), { onload: again, src: source }));
    }
    const tile = kept.get(source);
    if (tile.complete && tile.naturalWidth) g.drawImage(tile, (x - left) * size, (y - top) * size, size + 0.5, size + 0.5);
  }
}

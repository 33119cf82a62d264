// What lies on the ground under cameras and alerts: unit grids and bike bays, drawn on a map's canvas.

import { h } from "./dom.js";
import { t, when } from "./i18n.js";

const LABEL_FROM = 13.5;

// Traces outlines given as lists of [longitude, latitude].
function trace(map, g, outlines) {
  g.beginPath();
  for (const outline of outlines) {
    outline.forEach((point, index) => { const [x, y] = map.screen(point); index ? g.lineTo(x, y) : g.moveTo(x, y); });
    g.closePath();
  }
}

export function drawGrids(map, g, grids) {
  const waiting = new Map();
  for (const item of map.app.store.incidents.values()) if (item.grid_id && map.types.has(item.type)) waiting.set(item.grid_id, (waiting.get(item.grid_id) ?? 0) + 1);
  g.textAlign = "center";
  for (const grid of grids) {
    const [left, top, right, bottom] = boxOf(map, grid.polygons);
    if (right < 0 || bottom < 0 || left > map.width || top > map.height) continue;
    const n = waiting.get(grid.id) ?? 0;
    trace(map, g, grid.polygons);
    g.fillStyle = map.colour(n ? "amber" : "accent");
    g.globalAlpha = n ? 0.06 + Math.min(0.24, n * 0.02) : 0.04;
    g.fill();
    g.globalAlpha = 0.8;
    g.strokeStyle = map.colour(n ? "amber" : "accent");
    g.lineWidth = grid.kind === "grid" ? 1 : 2;
    g.setLineDash(grid.kind === "line" ? [6, 4] : []);
    g.stroke();
    g.setLineDash([]);
    g.globalAlpha = 1;
    if (map.zoom < LABEL_FROM || right - left < 70) continue;
    const x = (left + right) / 2, y = top + Math.min(24, (bottom - top) / 2); // cameras stand in the middle
    label(map, g, grid.name + (n ? ` · ${n}` : ""), x, y);
    map.hits.push({ x, y, r: 16, grid: { ...grid, waiting: n } });
  }
  g.textAlign = "start";
}

export function drawBays(map, g, bays) {
  for (const bay of bays) {
    if (!bay.position) continue;
    const [x, y] = map.screen(bay.position);
    if (x < -40 || y < -40 || x > map.width + 40 || y > map.height + 40) continue;
    const colour = map.colour(fullness(bay));
    if (bay.ground.length) {
      trace(map, g, [bay.ground]);
      g.fillStyle = g.strokeStyle = colour;
      g.globalAlpha = 0.25;
      g.fill();
      g.globalAlpha = 1;
      g.lineWidth = 1.5;
      g.stroke();
    }
    const text = bay.bikes === null ? "P" : bay.capacity ? `${bay.bikes}/${bay.capacity}` : `${bay.bikes}`;
    g.font = "bold 12px sans-serif";
    const wide = g.measureText(text).width + 12;
    const left = x - wide / 2, top = y + 8; // below the camera that may stand at the same place
    g.fillStyle = colour;
    g.strokeStyle = map.colour("bg");
    g.lineWidth = 2;
    g.beginPath(); g.roundRect(left, top, wide, 18, 4); g.stroke(); g.fill();
    g.fillStyle = map.colour("bg");
    g.textAlign = "center";
    g.fillText(text, x, top + 13);
    g.textAlign = "start";
    map.hits.push({ x, y: top + 9, r: Math.max(10, wide / 2), bay });
  }
}

export function bayCard(app, bay) {
  return [h("p", { class: "small muted" }, app.cameraName(bay.camera_id)),
    h("p", {}, bay.bikes === null ? t("bay_unknown") : bay.capacity ? t("bay_of", { n: bay.bikes, of: bay.capacity }) : t("bay_count", { n: bay.bikes })),
    bay.counted_at && h("p", { class: "tiny muted" }, when(bay.counted_at))];
}

// Amber from four fifths on, red when full; without a capacity nobody can say.
function fullness(bay) {
  if (bay.bikes === null) return "faint";
  if (!bay.capacity) return "accent";
  return bay.bikes >= bay.capacity ? "red" : bay.bikes >= bay.capacity * 0.8 ? "amber" : "green";
}

function label(map, g, text, x, y) {
  g.font = "12px sans-serif";
  g.lineWidth = 3;
  g.strokeStyle = map.colour("bg");
  g.strokeText(text, x, y);
  g.fillStyle = map.colour("text");
  g.fillText(text, x, y);
}

function boxOf(map, outlines) {
  let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
  for (const outline of outlines) for (const point of outline) {
    const [x, y] = map.screen(point);
    left = Math.min(left, x); top = Math.min(top, y); right = Math.max(right, x); bottom = Math.max(bottom, y);
  }
  return [left, top, right, bottom];
}

// The map: cameras, loudspeakers and incidents on the ground, with or without tiles, no internet needed.

import { evidenceUrl, get, query } from "./api.js";
import { button, fill, h } from "./dom.js";
import { fromGcj02, metresPerUnit, project, toGcj02, unproject } from "./geo.js";
import { bayCard, drawBays, drawGrids } from "./ground.js";
import { lasted, t } from "./i18n.js";
import { TYPES, kindName, picked, reasonOf, stateColour, stateName, statusChip } from "./labels.js";

const TILE = 256;
const HEAT_DAYS = [1, 7, 30];
const LAYERS = ["incidents", "cameras", "speakers", "grids", "bays", "heat"];
const BAYS_EVERY_MS = 30e3;
const MOST_HEAT = 20000;
const MOST_SPOKEN = 300;

export function mapPage(app, page) {
  const map = new CityMap(app);
  fill(page, map.element);
  page.classList.add("fixed");
  requestAnimationFrame(() => map.begin());
  return () => { map.close(); page.classList.remove("fixed"); };
}

class CityMap {
  constructor(app) {
    this.app = app;
    this.settings = app.me.console.map;
    this.layers = new Set(JSON.parse(localStorage.getItem("mapLayers") || '["incidents","cameras","speakers","bays"]'));
    this.types = new Set(TYPES);
    this.heatDays = 7;
    this.heatHours = [0, 24]; // of the day, from and to; over midnight where the first is the later
    this.heat = [];
    this.speakers = [];
    this.grids = [];
    this.bays = [];
    this.datum = localStorage.getItem("mapDatum") === "gcj02" ? "gcj02" : "wgs84";
    this.tiles = new Map();
    this.centre = null;
    this.zoom = 15;
    this.canvas = h("canvas", { class: "map-canvas", tabindex: "0", "aria-label": t("map") });
    this.card = h("div", { class: "map-card card", hidden: true });
    this.panel = h("div", { class: "map-panel card" });
    this.element = h("div", { class: "map" }, this.canvas, this.panel, this.card,
      h("div", { class: "map-zoom" }, button("+", { kind: "square", title: t("zoom_in"), onclick: () => this.zoomAt(1) }), button("−", { kind: "square", title: t("zoom_out"), onclick: () => this.zoomAt(-1) }), button("", { kind: "square", iconName: "full", title: t("fit"), onclick: () => { this.fit(); this.draw(); } })),
      this.where = h("button", { class: "map-where mono tiny", type: "button", title: t("datum_hint"), onclick: () => this.otherDatum() }),
      h("div", { class: "map-note tiny muted" }, this.settings.attribution));
    this.redraw = () => this.schedule();
    for (const name of ["alert", "reset", "cameras"]) app.store.addEventListener(name, this.redraw);
    this.observer = new ResizeObserver(() => this.draw());
  }

  close() {
    for (const name of ["alert", "reset", "cameras"]) this.app.store.removeEventListener(name, this.redraw);
    this.observer.disconnect();
    clearInterval(this.timer);
    clearTimeout(this.spoken);
  }

  async begin() {
    this.listen();
    this.observer.observe(this.element);
    this.paintPanel();
    this.fit();
    this.goTo(new URLSearchParams(location.search).get("at"));
    this.draw();
    [this.speakers, { items: this.grids }] = await Promise.all([get("/speakers").catch(() => []), get("/grids").catch(() => ({ items: [] }))]);
    this.loadHeat();
    this.timer = setInterval(() => this.loadBays(), BAYS_EVERY_MS);
    await this.loadBays();
    this.draw();
  }

  // A place that a link asks for, as "longitude,latitude".
  goTo(asked) {
    const point = asked?.split(",").map(Number);
    if (point?.length !== 2 || !point.every(Number.isFinite)) return;
    this.centre = this.place(point);
    this.zoom = 17;
    this.fitted = true;
  }

  async loadBays() {
    if (document.hidden || !this.layers.has("bays")) return;
    this.bays = (await get("/bays").catch(() => ({ items: this.bays }))).items;
    this.schedule();
  }

  otherDatum() {
    this.datum = this.datum === "wgs84" ? "gcj02" : "wgs84";
    localStorage.setItem("mapDatum", this.datum);
    this.tell();
  }

  // Where the pointer is (else the middle), in the datum that the reader wants.
  tell(event = null) {
    if (event) this.pointed = this.local(event);
    const [px, py] = this.pointed ?? [this.width / 2, this.height / 2];
    const drawn = unproject([this.centre[0] + (px - this.width / 2) / this.scale, this.centre[1] + (py - this.height / 2) / this.scale]);
    const wgs84 = this.shifted ? fromGcj02(drawn) : drawn;
    const [lon, lat] = this.datum === "gcj02" ? toGcj02(wgs84) : wgs84;
    this.where.textContent = `${lon.toFixed(5)}, ${lat.toFixed(5)} ${this.datum === "gcj02" ? "GCJ-02" : "WGS-84"}`;
  }

  listen() {
    const { canvas } = this;
    let drag = null, moved = false;
    canvas.addEventListener("pointerdown", (e) => { drag = [e.clientX, e.clientY]; moved = false; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => {
      this.tell(e);
      if (!drag) { canvas.style.cursor = this.at(e) ? "pointer" : "grab"; return; }
      const dx = (e.clientX - drag[0]) / this.unit, dy = (e.clientY - drag[1]) / this.unit;
      if (Math.abs(dx) + Math.abs(dy) > 3) moved = true;
      if (!moved) return;
      this.centre = [this.centre[0] - dx / this.scale, this.centre[1] - dy / this.scale];
      drag = [e.clientX, e.clientY];
      this.draw();
    });
    canvas.addEventListener("pointerup", (e) => { drag = null; if (!moved) this.pick(this.at(e)); });
    canvas.addEventListener("wheel", (e) => { e.preventDefault(); this.zoomAt(e.deltaY < 0 ? 0.5 : -0.5, e); }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: [-80, 0], ArrowRight: [80, 0], ArrowUp: [0, -80], ArrowDown: [0, 80] }[e.key];
      if (step) { this.centre = [this.centre[0] + step[0] / this.scale, this.centre[1] + step[1] / this.scale]; this.draw(); } else if (e.key === "+" || e.key === "=") this.zoomAt(1);
      else if (e.key === "-") this.zoomAt(-1);
    });
  }

  // Marks and letters grow with the page's own on the wall screens of a control room.
  get unit() {
    return innerWidth >= 3200 ? 1.6 : innerWidth >= 2400 ? 1.2 : 1;
  }

  get width() {
    return this.element.clientWidth / this.unit;
  }

  get height() {
    return this.element.clientHeight / this.unit;
  }

  local(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / this.unit, (event.clientY - box.top) / this.unit];
  }

  get scale() {
    return TILE * 2 ** this.zoom;
  }

  // Tiles in GCJ-02 lie some hundred metres off: everything is shifted onto them.
  get shifted() {
    return Boolean(this.settings.tiles_url) && this.settings.tiles_datum === "gcj02";
  }

  place(point) {
    return project(this.shifted ? toGcj02(point) : point);
  }

  fit() {
    const points = [...[...this.app.cameras.values()].filter((c) => c.position).map((c) => c.position), ...[...this.app.store.incidents.values()].filter((i) => i.longitude !== null).map((i) => [i.longitude, i.latitude])].map((p) => this.place(p));
    if (!points.length) { this.centre ??= project([116.397, 39.908]); this.fitted = false; return; }
    this.fitted = true;
    const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    const above = this.panel.offsetHeight / this.unit + 40; // nothing hides behind the switches
    const wide = Math.max(box[2] - box[0], 1e-7), high = Math.max(box[3] - box[1], 1e-7);
    const room = [Math.max(120, this.width - 200), Math.max(120, this.height - above - 70)];
    this.zoom = Math.max(3, Math.min(17, Math.log2(Math.min(room[0] / wide, room[1] / high) / TILE)));
    this.centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2 - (above - 70) / 2 / this.scale];
  }

  zoomAt(by, event = null) {
    const [x, y] = event ? this.local(event) : [this.width / 2, this.height / 2];
    const px = x - this.width / 2, py = y - this.height / 2;
    const before = [this.centre[0] + px / this.scale, this.centre[1] + py / this.scale];
    this.zoom = Math.max(2, Math.min(20, this.zoom + by));
    this.centre = [before[0] - px / this.scale, before[1] - py / this.scale];
    this.draw();
  }

  screen(point) {
    const [x, y] = this.place(point);
    return [(x - this.centre[0]) * this.scale + this.width / 2, (y - this.centre[1]) * this.scale + this.height / 2];
  }

  schedule() {
    if (!this.fitted) this.fit();
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  draw() {
    const { canvas } = this;
    if (!this.centre || !canvas.isConnected) return;
    const ratio = devicePixelRatio || 1;
    const wide = Math.round(this.element.clientWidth * ratio), high = Math.round(this.element.clientHeight * ratio);
    if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
    const style = getComputedStyle(document.documentElement);
    this.colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const g = canvas.getContext("2d");
    g.setTransform(ratio * this.unit, 0, 0, ratio * this.unit, 0, 0);
    g.fillStyle = this.colour("bg");
    g.fillRect(0, 0, this.width, this.height);
    this.hits = [];
    if (this.settings.tiles_url) this.drawTiles(g); else this.drawGrid(g);
    if (this.layers.has("grids")) drawGrids(this, g, this.grids);
    if (this.layers.has("heat")) this.drawHeat(g);
    if (this.layers.has("bays")) drawBays(this, g, this.bays);
    if (this.layers.has("speakers")) this.drawSpeakers(g);
    if (this.layers.has("cameras")) this.drawCameras(g);
    if (this.layers.has("incidents")) this.drawIncidents(g);
    this.drawScale(g);
    if (!this.pointed) this.tell();
    if (this.focused) { g.strokeStyle = this.colour("accent"); g.lineWidth = 3; g.beginPath(); g.arc(this.focused.x, this.focused.y, this.focused.r + 5, 0, 7); g.stroke(); }
    clearTimeout(this.spoken);
    this.spoken = setTimeout(() => this.speak(), 300);
  }

  // The same for those who use no pointer: one button inside the canvas for each thing that is drawn.
  speak() {
    if (this.canvas.contains(document.activeElement) && document.activeElement !== this.canvas) return;
    fill(this.canvas, this.hits.slice(-MOST_SPOKEN).map((hit) => h("button", { type: "button", onclick: () => this.pick(hit), onfocus: () => { this.focused = hit; this.draw(); }, onblur: () => { this.focused = null; this.draw(); } }, hitName(hit))));
  }

  // Without tiles: a measured grid, so that distances still mean something.
  drawGrid(g) {
    const [, lat] = unproject(this.centre);
    const step = nice(110 / this.scale * metresPerUnit(lat)) / metresPerUnit(lat) * this.scale;
    const ox = (-this.centre[0] * this.scale + this.width / 2) % step, oy = (-this.centre[1] * this.scale + this.height / 2) % step;
    g.strokeStyle = this.colour("line");
    g.lineWidth = 1;
    g.beginPath();
    for (let x = ox; x < this.width; x += step) { g.moveTo(x, 0); g.lineTo(x, this.height); }
    for (let y = oy; y < this.height; y += step) { g.moveTo(0, y); g.lineTo(this.width, y); }
    g.stroke();
  }

  drawTiles(g) {
    const z = Math.max(0, Math.min(19, Math.round(this.zoom))), n = 2 ** z, size = this.scale / n;
    const left = this.centre[0] * n - this.width / 2 / size, top = this.centre[1] * n - this.height / 2 / size;
    for (let x = Math.floor(left); x < left + this.width / size; x += 1) for (let y = Math.max(0, Math.floor(top)); y < Math.min(n, top + this.height / size); y += 1) {
      const tile = this.tile(z, ((x % n) + n) % n, y);
      if (tile.complete && tile.naturalWidth) g.drawImage(tile, (x - left) * size, (y - top) * size, size + 0.5, size + 0.5);
    }
  }

  tile(z, x, y) {
    const key = `${z}/${x}/${y}`;
    if (!this.tiles.has(key)) {
      const image = new Image();
      image.onload = () => this.schedule();
      image.src = this.settings.tiles_url.replace("{z}", z).replace("{x}", x).replace("{y}", y);
      this.tiles.set(key, image);
      if (this.tiles.size > 400) this.tiles.delete(this.tiles.keys().next().value);
    }
    return this.tiles.get(key);
  }

  drawHeat(g) {
    const radius = 34;
    const [from, to] = this.heatHours;
    for (const [lon, lat, type, hour] of this.heat) {
      if (!this.types.has(type) || !(from < to ? hour >= from && hour < to : hour >= from || hour < to)) continue;
      const [x, y] = this.screen([lon, lat]);
      if (x < -radius || y < -radius || x > this.width + radius || y > this.height + radius) continue;
      const glow = g.createRadialGradient(x, y, 0, x, y, radius);
      glow.addColorStop(0, "rgba(255,120,60,.20)");
      glow.addColorStop(1, "rgba(255,120,60,0)");
      g.fillStyle = glow;
      g.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
  }

  drawCameras(g) {
    const labels = this.zoom >= 15.5;
    for (const camera of this.app.cameras.values()) {
      if (!camera.position) continue;
      const [x, y] = this.screen(camera.position);
      if (x < -20 || y < -20 || x > this.width + 20 || y > this.height + 20) continue;
      g.fillStyle = this.colour(stateColour(camera.state) || "faint");
      g.strokeStyle = this.colour("bg");
      g.lineWidth = 2;
      g.beginPath();
      g.roundRect(x - 6, y - 6, 12, 12, 3);
      g.fill();
      g.stroke();
      if (labels) { g.fillStyle = this.colour("muted"); g.font = "12px sans-serif"; g.fillText(camera.name, x + 10, y + 4); }
      this.hits.push({ x, y, r: 9, camera });
    }
  }

  drawSpeakers(g) {
    for (const speaker of this.speakers) {
      if (!speaker.position) continue;
      const [x, y] = this.screen(speaker.position);
      const r = speaker.earshot_m / metresPerUnit(speaker.position[1]) * this.scale;
      g.fillStyle = this.colour("violet");
      g.globalAlpha = 0.1;
      g.beginPath(); g.arc(x, y, r, 0, 7); g.fill();
      g.globalAlpha = 1;
      g.beginPath(); g.moveTo(x, y - 7); g.lineTo(x + 7, y + 6); g.lineTo(x - 7, y + 6); g.closePath(); g.fill();
      this.hits.push({ x, y, r: 9, speaker });
    }
  }

  drawIncidents(g) {
    const cells = new Map(); // what lies closer than a finger is one dot with a number
    for (const item of this.app.store.incidents.values()) {
      if (item.longitude === null || !this.types.has(item.type)) continue;
      const [x, y] = this.screen([item.longitude, item.latitude]);
      if (x < -30 || y < -30 || x > this.width + 30 || y > this.height + 30) continue;
      const key = `${Math.round(x / 36)}|${Math.round(y / 36)}`;
      const cell = cells.get(key) ?? { x: 0, y: 0, items: [], gravity: 0 };
      cell.x += x; cell.y += y;
      cell.items.push(item);
      cell.gravity = Math.max(cell.gravity, item.gravity);
      cells.set(key, cell);
    }
    for (const cell of cells.values()) {
      const n = cell.items.length, x = cell.x / n, y = cell.y / n - 16, r = n > 1 ? 13 + Math.min(8, Math.log2(n)) : 9;
      g.fillStyle = this.colour(["faint", "accent", "amber", "red"][cell.gravity]);
      g.strokeStyle = this.colour("bg");
      g.lineWidth = 2.5;
      g.beginPath(); g.arc(x, y, r, 0, 7); g.stroke(); g.fill();
      g.beginPath(); g.moveTo(x - 4, y + r - 1); g.lineTo(x + 4, y + r - 1); g.lineTo(x, y + r + 6); g.fill();
      if (n > 1) { g.fillStyle = this.colour("bg"); g.font = "bold 12px sans-serif"; g.textAlign = "center"; g.fillText(n > 999 ? "999+" : n, x, y + 4); g.textAlign = "start"; }
      this.hits.push({ x, y, r: r + 3, items: cell.items });
    }
  }

  drawScale(g) {
    const [, lat] = unproject(this.centre);
    const metres = nice(120 / this.scale * metresPerUnit(lat)), wide = metres / metresPerUnit(lat) * this.scale;
    g.fillStyle = g.strokeStyle = this.colour("muted");
    g.lineWidth = 2;
    g.beginPath(); g.moveTo(16, this.height - 22); g.lineTo(16, this.height - 16); g.lineTo(16 + wide, this.height - 16); g.lineTo(16 + wide, this.height - 22); g.stroke();
    g.font = "12px sans-serif";
    g.fillText(metres >= 1000 ? `${metres / 1000} km` : `${metres} m`, 16, this.height - 28);
  }

  at(event) {
    const [x, y] = this.local(event);
    return this.hits?.findLast((hit) => (hit.x - x) ** 2 + (hit.y - y) ** 2 <= hit.r ** 2) ?? null;
  }

  pick(hit) {
    this.card.hidden = !hit;
    if (!hit) return;
    const close = button("", { iconName: "cross", kind: "flat s square", title: t("close"), onclick: () => { this.card.hidden = true; } });
    if (hit.camera) fill(this.card, h("div", { class: "line" }, h("h2", { class: "grow clip" }, hit.camera.name), close), h("p", { class: "small muted" }, hit.camera.place), h("p", { class: "line small" }, h("i", { class: `dot ${stateColour(hit.camera.state)}` }), stateName(hit.camera.state), reasonOf(hit.camera)),
      h("div", { class: "line" }, h("a", { class: "btn s", href: `/console/wall?camera=${encodeURIComponent(hit.camera.id)}` }, t("wall")), h("a", { class: "btn s", href: `/console/queue?tab=all&camera=${encodeURIComponent(hit.camera.id)}` }, t("queue"))));
    else if (hit.speaker) fill(this.card, h("div", { class: "line" }, h("h2", { class: "grow clip" }, hit.speaker.name), close), h("p", { class: "small muted" }, hit.speaker.place), h("p", { class: "small" }, `${hit.speaker.kind} · ${hit.speaker.earshot_m} m`));
    else if (hit.bay) fill(this.card, h("div", { class: "line" }, h("h2", { class: "grow clip" }, hit.bay.name), close), bayCard(this.app, hit.bay), h("div", { class: "line" }, h("a", { class: "btn s", href: `/console/wall?camera=${encodeURIComponent(hit.bay.camera_id)}` }, t("wall"))));
    else if (hit.grid) fill(this.card, h("div", { class: "line" }, h("h2", { class: "grow clip" }, hit.grid.name), close), h("p", { class: "small muted mono" }, hit.grid.id), h("p", { class: "small" }, [hit.grid.district, hit.grid.department].filter(Boolean).join(" · ")), h("div", { class: "line" }, h("a", { class: "btn s", href: `/console/queue?tab=all&grid=${encodeURIComponent(hit.grid.id)}` }, `${t("queue")} ${hit.grid.waiting}`)));
    else fill(this.card, h("div", { class: "line" }, h("h2", { class: "grow" }, hit.items.length > 1 ? t("alerts_here", { n: hit.items.length }) : kindName(hit.items[0])), close),
      h("ul", { class: "map-list" }, hit.items.slice(0, 30).map((item) => { const picture = picked(item, "annotated", "original"); return h("li", {}, h("a", { class: "line", href: `/console/queue/${item.id}?tab=all` }, picture && h("img", { src: evidenceUrl(picture.id, { width: 160, reason: "map" }), alt: "" }), h("span", { class: "grow" }, h("b", {}, kindName(item)), h("span", { class: "tiny muted clip" }, `${item.place} · ${lasted(item.began_at)}`)), statusChip(item.status))); })));
  }

  async loadHeat() {
    if (!this.layers.has("heat")) return;
    const since = new Date(Date.now() - this.heatDays * 86400e3).toISOString();
    const found = [];
    let cursor = null;
    do {
      const page = await get(`/incidents${query({ since, limit: 1000, cursor })}`).catch(() => ({ items: [], next_cursor: null }));
      for (const item of page.items) if (item.longitude !== null && !["suspected", "lapsed", "rejected"].includes(item.status)) found.push([item.longitude, item.latitude, item.type, new Date(item.began_at).getHours()]);
      cursor = page.next_cursor;
    } while (cursor && found.length < MOST_HEAT);
    this.heat = found;
    this.schedule();
  }

  hourSelect(end, name) {
    return h("select", { class: "input s", "aria-label": t(name), onchange: (e) => { this.heatHours[end] = Number(e.target.value); this.draw(); } },
      Array.from({ length: 24 }, (_, i) => i + end).map((hour) => h("option", { value: hour, selected: this.heatHours[end] === hour }, `${String(hour).padStart(2, "0")}:00`)));
  }

  paintPanel() {
    const toggle = (set, name, after) => { set.has(name) ? set.delete(name) : set.add(name); localStorage.setItem("mapLayers", JSON.stringify([...this.layers])); this.paintPanel(); this.draw(); after?.(); };
    fill(this.panel, h("div", { class: "line wrap" }, LAYERS.map((name) => button(t(`layer_${name}`), { kind: "s", pressed: this.layers.has(name), onclick: () => toggle(this.layers, name, () => { this.loadHeat(); this.loadBays(); }) }))),
      h("div", { class: "line wrap" }, TYPES.map((type) => button(t(type), { kind: "s", pressed: this.types.has(type), onclick: () => toggle(this.types, type) }))),
      this.layers.has("heat") && h("div", { class: "line wrap" }, HEAT_DAYS.map((n) => button(t("last_days", { n }), { kind: "s", pressed: this.heatDays === n, onclick: () => { this.heatDays = n; this.paintPanel(); this.loadHeat(); } })),
        h("label", { class: "line small muted" }, t("heat_hours"), this.hourSelect(0, "from"), "–", this.hourSelect(1, "to"))));
  }
}

function hitName(hit) {
  const thing = hit.camera ?? hit.speaker ?? hit.bay ?? hit.grid;
  return thing ? thing.name : hit.items.length > 1 ? t("alerts_here", { n: hit.items.length }) : kindName(hit.items[0]);
}

function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

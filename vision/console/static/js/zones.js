// The zone editor: polygons drawn on a camera's current picture; saved zones reach the worker within seconds.

import { evidenceUrl, get, post, put, query } from "./api.js";
import { button, fill, h, svg } from "./dom.js";
import { t } from "./i18n.js";
import { picked } from "./labels.js";
import { ask, fail, toast } from "./toast.js";

const KINDS = ["bike_no_parking", "bike_bay", "shopfront", "keep_clear", "pavement", "bin", "road", "ignore"];
const BLOCKED = ["tactile_path", "door"];
const COLOURS = { bike_no_parking: "#ff7a72", bike_bay: "#54cf95", shopfront: "#f2bd4a", keep_clear: "#ff9d5c", pavement: "#58b4f5", bin: "#b9a3ff", road: "#9fb0b8", ignore: "#6b7a83" };
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

export function zonesPage(app, page, id) {
  const editor = new ZoneEditor(app, id);
  fill(page, editor.element);
  page.classList.add("fixed");
  return () => { editor.close(); page.classList.remove("fixed"); };
}

class ZoneEditor {
  constructor(app, id) {
    this.app = app;
    this.id = id;
    this.view = "main";
    this.views = {};
    this.zones = {};
    this.selected = null;
    this.drawing = null;
    this.points = null; // calibration being edited
    this.past = [];
    this.dirty = false;
    this.may = app.actions.may("registry:write");
    this.head = h("header", { class: "page-head" });
    this.image = h("img", { alt: "", draggable: "false" });
    this.svg = svg("svg", { class: "zone-svg", preserveAspectRatio: "none", viewBox: "0 0 1000 1000" });
    this.canvas = h("div", { class: "zone-canvas" }, this.image, this.svg, this.dots = h("div", { class: "zone-dots" }));
    this.side = h("aside", { class: "zone-side" });
    this.element = h("div", { class: "zones" }, this.head, h("section", { class: "zone-main" }, this.canvas), this.side);
    this.onCameras = () => { if (!this.id && app.cameras.size) this.open(app.cameras.keys().next().value); else if (!this.named) this.paintHead(); };
    app.store.addEventListener("cameras", this.onCameras);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.svg.addEventListener("pointerdown", (event) => this.down(event));
    this.svg.addEventListener("dblclick", (event) => { event.preventDefault(); this.finish(); });
    this.image.addEventListener("load", () => this.canvas.style.setProperty("--ratio", this.image.naturalWidth / this.image.naturalHeight));
    this.image.addEventListener("error", () => { this.image.removeAttribute("src"); });
    if (id) this.open(id); else this.onCameras();
    this.paintSide();
  }

  close() {
    this.app.store.removeEventListener("cameras", this.onCameras);
    document.removeEventListener("keydown", this.onKey);
    if (this.url) URL.revokeObjectURL(this.url);
  }

  async open(id, view = null) {
    if (this.dirty && !await ask(t("unsaved"), h("p", {}, t("unsaved_hint")), { okLabel: t("discard"), okKind: "bad" })) { this.paintHead(); return; }
    try { this.views = (await get(`/cameras/${encodeURIComponent(id)}/views`)).views; } catch (error) { fail(error); return; }
    this.id = id;
    this.view = view ?? Object.keys(this.views)[0];
    history.replaceState(null, "", `/console/zones/${encodeURIComponent(id)}`);
    this.load();
    this.picture();
  }

  load() {
    this.zones = structuredClone(this.views[this.view]?.zones ?? {});
    this.past = [];
    this.dirty = false;
    this.drawing = this.points = null;
    this.selected = Object.keys(this.zones)[0] ?? null;
    this.found = null;
    this.paint();
  }

  // The camera's picture of now; else its newest evidence, and the page says which.
  async picture() {
    const id = this.id;
    this.image.removeAttribute("src");
    this.source = t("loading");
    this.paintHead();
    const response = await fetch(`/api/v1/cameras/${encodeURIComponent(id)}/look?reason=zones`).catch(() => null);
    if (this.id !== id) return;
    if (response?.ok) {
      if (this.url) URL.revokeObjectURL(this.url);
      this.url = URL.createObjectURL(await response.blob());
      this.image.src = this.url;
      this.source = t("picture_now");
    } else {
      const page = await get(`/incidents${query({ camera: id, limit: 1 })}`).catch(() => ({ items: [] }));
      const old = page.items[0] && picked(page.items[0], "original", "annotated");
      if (old && this.id === id) this.image.src = evidenceUrl(old.id, { reason: "zones" });
      this.source = old ? t("picture_old") : t("picture_none");
    }
    this.paintHead();
  }

  paint() {
    this.paintHead();
    this.paintShapes();
    this.paintSide();
  }

  paintHead() {
    const cameras = [...this.app.cameras.values()];
    this.named = cameras.length > 0;
    const chooser = h("select", { class: "input", "aria-label": t("camera"), onchange: (e) => this.open(e.target.value) }, cameras.map((c) => h("option", { value: c.id, selected: c.id === this.id }, `${c.name} · ${c.place}`)));
    const views = Object.keys(this.views);
    fill(this.head, h("div", { class: "line wrap" }, h("h1", {}, t("zones")), chooser,
      views.length > 1 && h("select", { class: "input", "aria-label": t("view"), onchange: (e) => { this.view = e.target.value; this.load(); } }, views.map((v) => h("option", { value: v, selected: v === this.view }, this.views[v].name || v))),
      h("span", { class: "small muted" }, this.source), button("", { iconName: "history", kind: "flat s square", title: t("refresh"), onclick: () => this.picture() }),
      h("span", { class: "grow" }),
      this.may && [button(t("new_zone"), { iconName: "plus", onclick: () => this.begin(), pressed: Boolean(this.drawing) }),
        button(t("undo"), { iconName: "undo", disabled: !this.past.length, onclick: () => this.undo() }),
        button(t("copy_from"), { onclick: () => this.copyFrom() }), button(t("calibrate"), { pressed: Boolean(this.points), onclick: () => this.calibrate() }),
        button(t("save"), { iconName: "save", kind: "primary", disabled: !this.dirty, onclick: () => this.save() })]));
  }

  remember() {
    this.past.push(JSON.stringify([this.zones, this.selected]));
    if (this.past.length > 100) this.past.shift();
    this.dirty = true;
  }

  undo() {
    const last = this.past.pop();
    if (!last) return;
    [this.zones, this.selected] = JSON.parse(last);
    this.dirty = this.past.length > 0;
    this.paint();
  }

  begin() {
    this.points = null;
    this.drawing = [];
    this.paint();
    toast(t("draw_hint"));
  }

  finish() {
    if (!this.drawing) return;
    const polygon = this.drawing.filter((p, i, all) => i === 0 || Math.hypot(p[0] - all[i - 1][0], p[1] - all[i - 1][1]) > 0.004);
    this.drawing = null;
    if (polygon.length >= 3) {
      this.remember();
      let n = 1;
      while (this.zones[`zone${n}`]) n += 1;
      this.zones[`zone${n}`] = { kind: "bike_no_parking", polygon, name: "" };
      this.selected = `zone${n}`;
    }
    this.paint();
  }

  where(event) {
    const box = this.svg.getBoundingClientRect();
    const round = (v) => Math.round(Math.max(0, Math.min(1, v)) * 10000) / 10000;
    return [round((event.clientX - box.left) / box.width), round((event.clientY - box.top) / box.height)];
  }

  down(event) {
    const at = this.where(event);
    if (this.points) { this.addPoint(at); return; }
    if (this.drawing) {
      const first = this.drawing[0];
      if (this.drawing.length >= 3 && Math.hypot(first[0] - at[0], first[1] - at[1]) < 0.015) this.finish();
      else { this.drawing.push(at); this.paintShapes(); }
      return;
    }
    const zone = event.target.dataset?.zone;
    if (zone !== undefined && zone !== this.selected) { this.selected = zone; this.paint(); } else if (zone !== undefined && this.may) this.dragZone(event, at);
  }

  drag(event, move) {
    event.preventDefault();
    this.remember();
    const before = this.past.at(-1);
    const onMove = (e) => { move(this.where(e)); this.paintShapes(); };
    const onUp = () => {
      removeEventListener("pointermove", onMove);
      removeEventListener("pointerup", onUp);
      if (before === JSON.stringify([this.zones, this.selected])) { this.past.pop(); this.dirty = this.past.length > 0; }
      this.paint();
    };
    addEventListener("pointermove", onMove);
    addEventListener("pointerup", onUp);
  }

  dragZone(event, from) {
    const zone = this.zones[this.selected], start = zone.polygon.map((p) => [...p]);
    this.drag(event, (at) => {
      const xs = start.map((p) => p[0]), ys = start.map((p) => p[1]);
      const dx = Math.max(-Math.min(...xs), Math.min(1 - Math.max(...xs), at[0] - from[0])), dy = Math.max(-Math.min(...ys), Math.min(1 - Math.max(...ys), at[1] - from[1]));
      zone.polygon = start.map(([x, y]) => [x + dx, y + dy]);
    });
  }

  paintShapes() {
    const at = ([x, y]) => `${x * 1000},${y * 1000}`;
    const shapes = Object.entries(this.zones).map(([id, zone]) => svg("polygon", { points: zone.polygon.map(at).join(" "), "data-zone": id, fill: COLOURS[zone.kind], "fill-opacity": id === this.selected ? 0.3 : 0.15, stroke: COLOURS[zone.kind], "stroke-width": id === this.selected ? 2.5 : 1.5, "vector-effect": "non-scaling-stroke" }));
    if (this.drawing?.length) shapes.push(svg("polyline", { points: this.drawing.map(at).join(" "), fill: "none", stroke: "#fff", "stroke-width": 2, "stroke-dasharray": "6 4", "vector-effect": "non-scaling-stroke" }));
    for (const hit of this.found?.objects ?? []) { const [x1, y1, x2, y2] = hit.box; shapes.push(svg("rect", { x: x1 * 1000, y: y1 * 1000, width: (x2 - x1) * 1000, height: (y2 - y1) * 1000, fill: "none", stroke: hit.kept ? "#ff4d4d" : "#ffffff", "stroke-width": 2, "stroke-dasharray": hit.kept ? "" : "5 4", "vector-effect": "non-scaling-stroke" })); }
    this.svg.replaceChildren(...shapes);
    this.svg.classList.toggle("drawing", Boolean(this.drawing || this.points));
    const dots = [];
    const dot = ([x, y], cls, props = {}) => { const d = h("span", { class: `zone-dot ${cls}`, ...props }); d.style.left = `${x * 100}%`; d.style.top = `${y * 100}%`; dots.push(d); return d; };
    for (const p of this.drawing ?? []) dot(p, "small");
    for (const [index, p] of (this.points ?? []).entries()) dot(p.view, "point").textContent = index + 1;
    const zone = this.zones[this.selected];
    if (zone && this.may && !this.drawing && !this.points) zone.polygon.forEach((p, index) => {
      dot(p, "", { title: t("corner_hint"), onpointerdown: (e) => { if (e.button === 2 || e.altKey) this.removeCorner(index); else this.drag(e, (to) => { zone.polygon[index] = to; }); }, oncontextmenu: (e) => e.preventDefault() });
      const q = zone.polygon[(index + 1) % zone.polygon.length];
      dot([(p[0] + q[0]) / 2, (p[1] + q[1]) / 2], "middle", { onpointerdown: (e) => { this.drag(e, (to) => { zone.polygon[index + 1] = to; }); zone.polygon.splice(index + 1, 0, this.where(e)); } });
    });
    for (const [id, z] of Object.entries(this.zones)) { const top = z.polygon.reduce((a, b) => (b[1] < a[1] ? b : a)); const label = dot(top, "label"); label.textContent = z.name || id; }
    fill(this.dots, dots);
  }

  removeCorner(index) {
    const zone = this.zones[this.selected];
    if (zone.polygon.length <= 3) return;
    this.remember();
    zone.polygon.splice(index, 1);
    this.paint();
  }

  key(event) {
    if (document.querySelector("dialog[open]") || event.target.closest?.("input, textarea, select")) return;
    if (event.key === "Enter") this.finish();
    else if (event.key === "Escape") { this.drawing = this.points = null; this.paint(); } else if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); this.undo(); } else if (event.key === "Delete" && this.selected && this.may) this.removeZone();
  }

  removeZone() {
    this.remember();
    delete this.zones[this.selected];
    this.selected = Object.keys(this.zones)[0] ?? null;
    this.paint();
  }

  paintSide() {
    if (this.points) { this.paintPoints(); return; }
    const zone = this.zones[this.selected];
    fill(this.side, h("ul", { class: "zone-list" }, Object.entries(this.zones).map(([id, z]) => h("li", {}, h("button", { type: "button", class: "tree-item", "aria-pressed": String(id === this.selected), onclick: () => { this.selected = id; this.paint(); } }, swatch(z.kind), h("span", { class: "grow clip" }, z.name || id), h("span", { class: "tiny muted" }, t(`zone_${z.kind}`)))))),
      !Object.keys(this.zones).length && h("p", { class: "muted small" }, t("no_zones")),
      zone && this.form(zone));
  }

  form(zone) {
    const set = (name, value) => { this.remember(); if (value === "" || value === null) delete zone[name]; else zone[name] = value; this.paintHead(); this.paintShapes(); };
    const input = (label, name, props = {}, read = (v) => v) => h("label", { class: "field" }, label, h("input", { class: "input", disabled: !this.may, value: zone[name] ?? "", onchange: (e) => set(name, read(e.target.value.trim())), ...props }));
    const hours = zone.permitted ?? [];
    return h("div", { class: "stack" },
      h("label", { class: "field" }, t("zone_id"), h("input", { class: "input mono", disabled: !this.may, value: this.selected, pattern: "[A-Za-z0-9][A-Za-z0-9_.\\-]{0,79}", onchange: (e) => this.rename(e.target) })),
      input(t("name"), "name", { maxlength: 80 }),
      h("label", { class: "field" }, t("zone_kind"), h("select", { class: "input", disabled: !this.may, onchange: (e) => { set("kind", e.target.value); if (zone.kind !== "bike_no_parking") delete zone.blocks; this.paintSide(); } }, KINDS.map((k) => h("option", { value: k, selected: k === zone.kind }, t(`zone_${k}`))))),
      input(t("dwell"), "dwell_s", { type: "number", min: 1, max: 86400, placeholder: t("dwell_default") }, (v) => (v ? Number(v) : null)),
      zone.kind === "bike_no_parking" && h("label", { class: "field" }, t("blocks"), h("select", { class: "input", name: "blocks", disabled: !this.may, onchange: (e) => set("blocks", e.target.value) }, h("option", { value: "" }, t("blocks_nothing")), BLOCKED.map((what) => h("option", { value: what, selected: what === zone.blocks }, t(`blocks_${what}`))))),
      zone.kind === "bike_bay" && input(t("capacity"), "capacity", { type: "number", min: 1, max: 10000 }, (v) => (v ? Number(v) : null)),
      input(t("shop"), "shop"), input(t("grid"), "grid"),
      input(t("speakers_of_zone"), "speakers", { value: (zone.speakers ?? []).join(", "), placeholder: t("comma_list") }, (v) => v.split(/[,,\s]+/).filter(Boolean)),
      input(t("allowed"), "allowed", { value: (zone.allowed ?? []).join(", "), placeholder: t("comma_list") }, (v) => v.split(/[,,]+/).map((x) => x.trim()).filter(Boolean)),
      h("div", { class: "stack" }, h("h2", { class: "sub" }, t("permitted")), hours.map((span, index) => h("div", { class: "line wrap" },
        h("input", { class: "input s", type: "time", value: span.from.slice(0, 5), disabled: !this.may, "aria-label": t("from"), onchange: (e) => { this.remember(); span.from = e.target.value; this.paintHead(); } }), "–",
        h("input", { class: "input s", type: "time", value: span.to.slice(0, 5), disabled: !this.may, "aria-label": t("to"), onchange: (e) => { this.remember(); span.to = e.target.value; this.paintHead(); } }),
        h("span", { class: "days" }, DAYS.map((day) => h("button", { type: "button", class: "btn s flat", disabled: !this.may, "aria-pressed": String((span.weekdays ?? DAYS).includes(day)), onclick: () => { this.remember(); const days = new Set(span.weekdays ?? DAYS); days.has(day) ? days.delete(day) : days.add(day); span.weekdays = DAYS.filter((d) => days.has(d)); this.paint(); } }, t(`day_${day}`)))),
        this.may && button("", { iconName: "trash", kind: "flat s square", title: t("remove"), onclick: () => { this.remember(); hours.splice(index, 1); this.paint(); } }))),
      this.may && button(t("add_hours"), { kind: "s", iconName: "plus", onclick: () => { this.remember(); zone.permitted = [...hours, { from: "18:00", to: "22:00", weekdays: [...DAYS] }]; this.paint(); } })),
      h("div", { class: "line wrap" }, button(t("dry_run"), { onclick: () => this.dryRun() }), this.may && button(t("remove_zone"), { iconName: "trash", onclick: () => this.removeZone() })),
      this.found && h("p", { class: "small" }, t("dry_run_found", { kept: this.found.objects.filter((o) => o.kept).length, seen: this.found.objects.length, looks: this.found.looks })));
  }

  rename(input) {
    const id = input.value.trim();
    if (id === this.selected) return;
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$/.test(id) || this.zones[id]) { toast(t("bad_zone_id"), { bad: true }); input.value = this.selected; return; }
    this.remember();
    this.zones = Object.fromEntries(Object.entries(this.zones).map(([key, z]) => [key === this.selected ? id : key, z]));
    this.selected = id;
    this.paint();
  }

  async dryRun() {
    try {
      this.found = await post(`/cameras/${encodeURIComponent(this.id)}/views/${encodeURIComponent(this.view)}/dry-run`, this.zones[this.selected]);
      this.paintShapes();
      this.paintSide();
    } catch (error) { fail(error); }
  }

  async copyFrom() {
    const choice = h("select", { class: "input" }, [...this.app.cameras.values()].filter((c) => c.zones).map((c) => h("option", { value: c.id }, c.name)));
    const id = await ask(t("copy_from"), choice, { read: () => choice.value });
    if (!id) return;
    try {
      const { views } = await get(`/cameras/${encodeURIComponent(id)}/views`);
      this.remember();
      for (const view of Object.values(views)) for (const [key, zone] of Object.entries(view.zones)) { let name = key; while (this.zones[name]) name += "_"; this.zones[name] = structuredClone(zone); }
      this.paint();
    } catch (error) { fail(error); }
  }

  calibrate() {
    this.drawing = null;
    this.points = this.points ? null : structuredClone(this.views[this.view]?.calibration ?? []);
    this.paint();
  }

  async addPoint(at) {
    const text = h("input", { class: "input mono", placeholder: "120.15510, 30.27410", required: true });
    const ground = await ask(t("point_where"), h("label", { class: "field" }, t("lon_lat"), text), { read: () => { const pair = text.value.split(/[,,\s]+/).map(Number); return pair.length === 2 && pair.every(Number.isFinite) ? pair : undefined; } });
    if (!ground || !this.points) return;
    this.points.push({ view: at, ground });
    this.paint();
  }

  paintPoints() {
    fill(this.side, h("div", { class: "stack" }, h("h2", {}, t("calibrate")), h("p", { class: "small muted" }, t("calibrate_hint")),
      h("ol", { class: "stack" }, this.points.map((p, index) => h("li", { class: "line small mono" }, `${index + 1}. ${p.ground.join(", ")}`, button("", { iconName: "trash", kind: "flat s square right", title: t("remove"), onclick: () => { this.points.splice(index, 1); this.paint(); } })))),
      button(t("save"), { kind: "primary", disabled: this.points.length > 0 && this.points.length < 4, onclick: async () => {
        try { this.views = (await put(`/cameras/${encodeURIComponent(this.id)}/views/${encodeURIComponent(this.view)}/calibration`, this.points)).views; this.points = null; toast(t("saved")); this.paint(); } catch (error) { fail(error); }
      } })));
  }

  async save() {
    try {
      this.views = (await put(`/cameras/${encodeURIComponent(this.id)}/views/${encodeURIComponent(this.view)}/zones`, this.zones)).views;
      const kept = this.selected;
      this.load();
      this.selected = kept;
      this.paint();
      toast(t("zones_saved"));
      this.app.loadCameras();
    } catch (error) { fail(error); }
  }
}

function swatch(kind) {
  const element = h("i", { class: "swatch" });
  element.style.background = COLOURS[kind];
  return element;
}

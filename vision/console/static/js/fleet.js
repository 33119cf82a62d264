// The fleet: thousands of cameras at a glance, what ails them, and changes to many at once.

import { del, patch, put } from "./api.js";
import { button, fill, h } from "./dom.js";
import { lasted, t, when, words } from "./i18n.js";
import { compareViews } from "./compare.js";
import { openDiscovery } from "./discovery.js";
import { reasonOf, stateColour, stateName } from "./labels.js";
import { ask, fail, toast } from "./toast.js";
import { VirtualList } from "./virtual.js";

const IMPORTED = ["id", "url", "name", "place", "district", "longitude", "latitude", "kind", "gateway", "sample_s"];
const COLUMNS = ["id", "name", "place", "district", "kind", "gateway", "state", "reason", "seen_at", "open_incidents"];

export function fleetPage(app, page) {
  const fleet = new Fleet(app);
  fill(page, fleet.element);
  page.classList.add("fixed");
  return () => { fleet.close(); page.classList.remove("fixed"); };
}

class Fleet {
  constructor(app) {
    this.app = app;
    this.state = new URLSearchParams(location.search).get("state") ?? "";
    this.picked = new Set();
    this.search = h("input", { class: "input s", type: "search", placeholder: t("search_camera"), "aria-label": t("search_camera"), oninput: () => this.paint() });
    this.summary = h("div", { class: "line wrap" });
    this.pressure = h("section", { class: "pressure-box small", role: "status", id: "pressure-box", hidden: true });
    this.dots = h("div", { class: "dots", "aria-hidden": "true" });
    this.bulk = h("div", { class: "line wrap" });
    this.list = new VirtualList({ make: () => this.makeRow(), show: (row, camera) => this.showRow(row, camera), label: t("fleet") });
    this.list.element.classList.add("fleet-list");
    this.element = h("div", { class: "fleet" },
      h("header", { class: "page-head" }, h("div", { class: "line wrap" }, h("h1", {}, t("fleet")), h("span", { class: "grow" }), this.search,
        button(t("export_csv"), { iconName: "down", kind: "s", onclick: () => this.exportCsv() }),
        app.actions.may("registry:write") && button(t("find_cameras"), { iconName: "search", kind: "s", onclick: () => openDiscovery(app) }),
        app.actions.may("registry:write") && button(t("import_csv"), { iconName: "plus", kind: "s", onclick: () => this.importCsv() })),
      this.pressure, this.summary, this.dots, this.bulk),
      h("div", { class: "fleet-head tiny muted" }, ["", t("camera"), t("place"), t("status"), t("reason"), t("last_seen"), t("fps"), t("open_alerts"), ""].map((name) => h("span", {}, name))),
      h("div", { class: "list-wrap" }, this.list.element));
    this.onCameras = () => this.paint();
    app.store.addEventListener("cameras", this.onCameras);
    this.onPressure = () => this.paintPressure();
    app.store.addEventListener("pressure", this.onPressure);
    this.paintPressure();
    this.list.element.addEventListener("click", (event) => this.click(event));
    this.paint();
  }

  close() {
    this.app.store.removeEventListener("cameras", this.onCameras);
    this.app.store.removeEventListener("pressure", this.onPressure);
  }

  paint() {
    const all = [...this.app.cameras.values()];
    const counts = new Map();
    for (const camera of all) counts.set(camera.state, (counts.get(camera.state) ?? 0) + 1);
    fill(this.summary, button(`${t("all")} ${all.length}`, { kind: "s", pressed: !this.state, onclick: () => { this.state = ""; this.paint(); } }),
      [...counts].sort((a, b) => b[1] - a[1]).map(([state, n]) => h("button", { class: "btn s", type: "button", "aria-pressed": String(this.state === state), onclick: () => { this.state = state; this.paint(); } }, h("i", { class: `dot ${stateColour(state)}` }), `${stateName(state)} ${n}`)));
    fill(this.dots, all.length > 40 && all.map((c) => h("i", { class: `cell ${stateColour(c.state)}`, title: `${c.name} · ${stateName(c.state)}` })));
    const wanted = this.search.value.trim().toLowerCase();
    const rank = { red: 0, amber: 1, "": 2, green: 3 };
    this.shown = all.filter((c) => (!this.state || c.state === this.state) && (!wanted || [c.id, c.name, c.place, c.district, c.reason, c.gateway ?? ""].some((text) => text.toLowerCase().includes(wanted))))
      .sort((a, b) => rank[stateColour(a.state)] - rank[stateColour(b.state)] || (a.id < b.id ? -1 : 1));
    this.list.set(this.shown);
    this.paintBulk();
  }

  // What is slow and since when, and how often each class of cameras is looked at meanwhile.
  paintPressure() {
    const state = this.app.pressure;
    this.pressure.hidden = !state?.summary;
    if (this.pressure.hidden) return;
    fill(this.pressure, h("b", {}, words(state.summary)),
      h("ul", {}, state.slow.map((s) => h("li", {}, `${words(s.name)} · ${words(s.why)} · ${t("slow_since", { time: when(s.since), lasted: lasted(s.since) })}`))),
      h("div", { class: "line wrap" }, state.classes.map((c) => h("span", { class: `chip ${c.looks_share < 0.9 ? "amber" : "green"}` },
        t(c.every_s === null ? "class_unseen" : "class_pace", { name: words(c.name), n: c.views, s: c.every_s, p: Math.round(c.looks_share * 100) })))));
  }

  paintBulk() {
    const n = this.picked.size;
    this.bulk.hidden = !this.app.actions.may("registry:write");
    fill(this.bulk, h("span", { class: "small muted" }, t("picked", { n })),
      button(t("pick_all"), { kind: "flat s", onclick: () => { for (const c of this.shown) this.picked.add(c.id); this.list.items = [...this.list.items]; this.repaint(); } }),
      n > 0 && [button(t("pick_none"), { kind: "flat s", onclick: () => { this.picked.clear(); this.repaint(); } }),
        button(t("enable"), { kind: "s", onclick: () => this.change({ enabled: true }) }), button(t("disable"), { kind: "s", onclick: () => this.change({ enabled: false }) }),
        button(t("set_values"), { kind: "s", onclick: () => this.setValues() }),
        button(t("remove"), { kind: "s", iconName: "trash", onclick: () => this.remove() })]);
  }

  repaint() {
    for (const row of this.list.pool) row.dataset.key = "";
    this.list.paint();
    this.paintBulk();
  }

  async change(values) {
    let done = 0;
    for (const id of this.picked) {
      try { await patch(`/cameras/${encodeURIComponent(id)}`, values); done += 1; } catch (error) { fail(error); break; }
    }
    toast(t("changed", { n: done }));
    this.picked.clear();
    this.app.loadCameras();
  }

  // What is left empty stays as it is.
  async setValues() {
    const input = (label, props = {}) => { const element = h("input", { class: "input", ...props }); return [element, h("label", { class: "field" }, label, element)]; };
    const [district, districtField] = input(t("district"), { maxlength: 80 });
    const [gateway, gatewayField] = input(t("gateway"), { maxlength: 80 });
    const [sample, sampleField] = input(t("sample_s"), { type: "number", min: 0.1, max: 3600, step: "any" });
    const priority = h("select", { class: "input" }, ["", 1, 2, 3].map((n) => h("option", { value: n }, n || "—")));
    const values = await ask(t("set_values_of", { n: this.picked.size }), h("div", { class: "stack" }, h("p", { class: "small muted" }, t("set_hint")), districtField, gatewayField, sampleField, h("label", { class: "field" }, t("priority"), priority)), { okLabel: t("save"), read: () => {
      const given = { district: district.value.trim(), gateway: gateway.value.trim(), sample_s: Number(sample.value), priority: Number(priority.value) };
      return Object.fromEntries(Object.entries(given).filter(([, value]) => value));
    } });
    if (values && Object.keys(values).length) this.change(values);
  }

  async remove() {
    if (!await ask(t("remove_cameras", { n: this.picked.size }), h("p", {}, t("remove_hint")), { okLabel: t("remove"), okKind: "bad" })) return;
    for (const id of this.picked) { try { await del(`/cameras/${encodeURIComponent(id)}`); } catch (error) { fail(error); break; } }
    this.picked.clear();
    this.app.loadCameras();
  }

  makeRow() {
    return h("div", { class: "row fleet-row", role: "row" }, h("span", { role: "gridcell" }, h("input", { type: "checkbox" })), ...Array.from({ length: 7 }, () => h("span", { class: "clip", role: "gridcell" })), h("span", { class: "line", role: "gridcell" }));
  }

  showRow(row, c) {
    const key = `${c.id}|${c.state}|${c.seen_at}|${c.reason}|${c.open_incidents}|${this.picked.has(c.id)}`;
    if (row.dataset.key === key) return;
    row.dataset.key = key;
    row.dataset.id = c.id;
    const [first, name, place, state, reason, seen, fps, open, links] = row.children;
    const box = first.firstChild;
    box.checked = this.picked.has(c.id);
    box.setAttribute("aria-label", c.name);
    fill(name, h("b", {}, c.name), h("span", { class: "faint tiny" }, ` ${c.id}`));
    place.textContent = [c.district, c.place].filter(Boolean).join(" · ");
    fill(state, h("i", { class: `dot ${stateColour(c.state)}` }), ` ${stateName(c.state)}`);
    reason.textContent = reason.title = reasonOf(c);
    seen.textContent = c.seen_at ? when(c.seen_at) : "—";
    fps.textContent = c.health?.fps ? `${(c.health.fps * 60).toFixed(1)}${t("per_minute")}` : "—";
    open.textContent = c.open_incidents || "";
    fill(links, ["view_unusable", "view_moved"].includes(c.state) && h("a", { href: "#", onclick: (event) => { event.preventDefault(); compareViews(this.app, c); } }, t("compare")), h("a", { href: `/console/wall?camera=${encodeURIComponent(c.id)}` }, t("wall")), h("a", { href: `/console/zones/${encodeURIComponent(c.id)}` }, t("zones")));
  }

  click(event) {
    const row = event.target.closest(".row");
    if (!row || event.target.closest("a")) return;
    const { id } = row.dataset;
    this.picked.has(id) ? this.picked.delete(id) : this.picked.add(id);
    this.repaint();
  }

  exportCsv() {
    const cell = (value) => { const text = String(value ?? ""); return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
    const lines = [COLUMNS.join(","), ...this.shown.map((c) => COLUMNS.map((name) => cell(c[name])).join(","))];
    save("cameras.csv", `\ufeff${lines.join("\n")}\n`, "text/csv");
  }

  async importCsv() {
    const file = h("input", { type: "file", accept: ".csv,text/csv", class: "input", required: true, "aria-label": t("import_csv") });
    const chosen = await ask(t("import_csv"), h("div", { class: "stack" }, h("p", { class: "small muted" }, t("import_hint")), h("code", { class: "mono small" }, IMPORTED.join(",")), file), { okLabel: t("import_csv"), read: () => file.files[0] });
    if (!chosen) return;
    const [first, ...rows] = parseCsv(await chosen.text());
    const head = (first?.values ?? []).map((name) => name.trim());
    const unknown = head.filter((name) => !IMPORTED.includes(name));
    const troubles = unknown.length ? [t("import_unknown", { names: unknown.join(", ") })] : [];
    if (!head.includes("id") || !head.includes("url")) { ask(t("import_csv"), h("p", {}, t("import_needs")), { okLabel: t("ok") }); return; }
    const progress = toast(t("importing", { n: rows.length }), { ms: 600e3 });
    const seen = new Map();
    let done = 0;
    for (const { values, line } of rows) {
      const given = Object.fromEntries(head.map((name, index) => [name, (values[index] ?? "").trim()]));
      const where = t("import_line", { n: line, id: given.id || "—" });
      if (!given.id || !given.url) { troubles.push(`${where}: ${t("import_missing", { name: given.id ? "url" : "id" })}`); continue; }
      if (seen.has(given.id)) { troubles.push(`${where}: ${t("import_twice", { n: seen.get(given.id) })}`); continue; }
      seen.set(given.id, line);
      const body = { url: given.url };
      for (const name of ["name", "place", "district", "kind", "gateway"]) if (given[name]) body[name] = given[name];
      if (given.longitude || given.latitude) body.position = [given.longitude, given.latitude];
      if (given.sample_s) body.sample_s = given.sample_s;
      try { await put(`/cameras/${encodeURIComponent(given.id)}`, body); done += 1; } catch (error) { troubles.push(`${where}: ${error.message}`); }
    }
    progress();
    toast(t("changed", { n: done }));
    if (troubles.length) ask(t("import_troubles", { n: troubles.length }), h("pre", { class: "small mono troubles" }, troubles.join("\n")), { okLabel: t("ok") });
    this.app.loadCameras();
  }
}

// RFC 4180: each row that says something, and the line that it begins on.
export function parseCsv(text) {
  const source = text.replace(/^\ufeff/, "");
  const rows = [];
  let row = [], cell = "", quoted = false, line = 1, began = 1;
  const endRow = () => { row.push(cell); rows.push({ values: row, line: began }); row = []; cell = ""; began = line + 1; };
  for (let i = 0; i < source.length; i += 1) {
    const c = source[i];
    if (c === "\n" && quoted) line += 1;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (source[i + 1] === '"') { cell += '"'; i += 1; } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") { row.push(cell); cell = ""; } else if (c === "\n") { endRow(); line += 1; }
    else if (c !== "\r") cell += c;
  }
  endRow();
  return rows.filter(({ values }) => values.some((value) => value.trim()));
}

export function save(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 5000);
}

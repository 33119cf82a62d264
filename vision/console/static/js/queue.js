// The alert queue: live, gravest first, nothing moving under the pointer, one keystroke for everything.

import { evidenceUrl } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { IncidentView } from "./incident.js";
import { lasted, t, when } from "./i18n.js";
import { ACTIVE_STATES, TYPES, caseChip, kindName, late, picked, statusChip } from "./labels.js";
import { order } from "./store.js";
import { fail } from "./toast.js";
import { VirtualList } from "./virtual.js";

const TABS = ["todo", "inhand", "all"];
const LISTS = ["unread", "overdue", "disputed"];

export function queuePage(app, page, id = null) {
  const queue = new Queue(app, id);
  fill(page, queue.element);
  page.classList.add("fixed");
  return () => { queue.close(); page.classList.remove("fixed"); };
}

class Queue {
  constructor(app, id) {
    this.app = app;
    this.filters = readFilters();
    this.selected = id;
    this.hidden = new Set(); // judged here, not yet told by the stream
    this.arrivals = new Set(); // came while the pointer was over the list
    this.fresh = new Set();
    this.reading = new Set(); // opened in the list of unread ones: they stay in it while it is shown
    this.shown = [];
    this.over = false;
    this.view = new IncidentView(app, { onDone: () => {} });
    this.list = new VirtualList({ make: () => this.makeRow(), show: (row, item) => this.showRow(row, item), label: t("queue") });
    this.pill = h("button", { class: "arrivals", type: "button", hidden: true, onclick: () => this.admit() });
    this.tabButtons = new Map([...TABS, ...LISTS].map((name) => [name, h("button", { class: "tab", type: "button", role: "tab", title: t(`${name}_hint`), onclick: () => this.filter({ tab: name }) }, t(name), h("span", { class: "count quiet" }))]));
    const row = (names, label) => h("div", { class: "line grow", role: "tablist", "aria-label": t(label) }, names.map((name) => this.tabButtons.get(name)));
    this.seen = button(t("all_seen"), { kind: "flat s", onclick: () => { this.reading.clear(); app.shift.allSeen().catch(fail); } });
    this.tabs = h("div", { class: "line lists" }, row(TABS, "queue"));
    this.lists = h("div", { class: "line lists" }, row(LISTS, "lists"), this.seen);
    this.bar = h("div", { class: "filters" });
    this.none = h("div", { class: "empty", hidden: true });
    this.element = h("div", { class: "queue" },
      h("section", { class: "queue-list" }, this.tabs, this.lists, this.bar, h("div", { class: "list-wrap" }, this.pill, this.list.element, this.none)),
      h("section", { class: "queue-view" }, h("button", { class: "btn s only-narrow", type: "button", onclick: () => this.select(null) }, icon("back", true), t("back")), this.view.element, this.help()));
    this.listen();
    this.refresh();
    this.ticker = setInterval(() => (this.over ? this.list.paint() : this.refresh()), 15000);
    if (id && app.store.incidents.has(id)) this.select(id);
  }

  listen() {
    const { store } = this.app;
    this.handlers = {
      alert: (event) => this.onAlert(event.detail),
      reset: () => { this.paintFilters(); this.openAsked(); this.refresh(); },
      judged: (event) => this.onJudged(event.detail.id),
      unjudged: (event) => { this.hidden.delete(event.detail.id); this.refresh(); this.select(event.detail.id); },
      cameras: () => { this.paintFilters(); this.list.paint(); },
    };
    for (const [name, handler] of Object.entries(this.handlers)) store.addEventListener(name, handler);
    this.onShift = () => { this.schedule(); };
    this.app.shift.addEventListener("change", this.onShift);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.list.element.addEventListener("pointerenter", () => { this.over = true; });
    this.list.element.addEventListener("pointerleave", () => { this.over = false; this.admit(); });
    this.list.element.addEventListener("click", (event) => this.click(event));
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.app.store.removeEventListener(name, handler);
    this.app.shift.removeEventListener("change", this.onShift);
    document.removeEventListener("keydown", this.onKey);
    clearInterval(this.ticker);
    if (this.claimed) this.app.actions.claim({ id: this.claimed }, false);
  }

  // The alert that the address names, once it is known; when it is over, what is first in the list.
  openAsked() {
    if (!this.selected || this.view.item) return;
    if (this.app.store.incidents.has(this.selected)) this.select(this.selected);
    else if (this.app.store.complete) this.selected = null;
  }

  fits(item) {
    const f = this.filters;
    if (f.tab === "todo" && item.verdict !== null) return false;
    if (f.tab === "inhand" && item.verdict === null) return false;
    if (f.tab === "unread" && !this.reading.has(item.id) && !this.app.shift.isNew(item)) return false;
    if (f.tab === "overdue" && !late(item)) return false;
    if (f.tab === "disputed" && item.status !== "reopened") return false;
    if (f.types.size && !f.types.has(item.type)) return false;
    if (f.grid && item.grid_id !== f.grid) return false;
    if (f.district && item.district !== f.district) return false;
    if (f.camera && item.camera_id !== f.camera) return false;
    if (f.status && item.status !== f.status) return false;
    if (f.colour && item.colour !== f.colour) return false;
    return !this.hidden.has(item.id);
  }

  // Everything anew: order, filters, counts.
  refresh() {
    const { store } = this.app;
    this.shown = [...store.incidents.values()].filter((item) => this.fits(item) && !this.arrivals.has(item.id)).sort(order);
    this.list.set(this.shown);
    const counts = { ...store.counts(), ...this.countLists() };
    for (const [name, tab] of this.tabButtons) {
      tab.setAttribute("aria-selected", String(this.filters.tab === name));
      tab.lastChild.textContent = counts[name];
      tab.lastChild.className = `count ${TABS.includes(name) || name === "unread" || !counts[name] ? "quiet" : ""}`;
    }
    this.seen.hidden = this.filters.tab !== "unread" || counts.unread === 0;
    this.none.hidden = this.shown.length > 0;
    if (!this.shown.length) fill(this.none, icon("calm"), h("p", {}, this.filters.tab === "todo" && !this.filtered() ? t("nothing_todo") : t("nothing_here")), h("p", { class: "small faint" }, this.filters.tab === "todo" ? t("nothing_todo_hint") : ""));
    this.pill.hidden = this.arrivals.size === 0;
    this.pill.textContent = t("arrivals", { n: this.arrivals.size });
    if (!this.bar.childElementCount) this.paintFilters();
    if (!this.selected && this.shown.length && matchMedia("(min-width: 900px)").matches) this.select(this.shown[0].id, { claim: false });
  }

  filtered() {
    const f = this.filters;
    return f.types.size || f.district || f.grid || f.camera || f.status || f.colour;
  }

  countLists() {
    const counts = { unread: 0, overdue: 0, disputed: 0 };
    const now = new Date().toISOString();
    for (const item of this.app.store.incidents.values()) {
      if (this.app.shift.isNew(item)) counts.unread += 1;
      if (late(item, now)) counts.overdue += 1;
      if (item.status === "reopened") counts.disputed += 1;
    }
    return counts;
  }

  onAlert({ alert, before, item }) {
    const known = this.shown.some((row) => row.id === item.id);
    if (this.app.store.incidents.has(item.id)) {
      if (!before) this.fresh.add(item.id);
      if (!known && this.fits(item) && this.over) this.arrivals.add(item.id);
    } else {
      this.arrivals.delete(item.id);
      this.hidden.delete(item.id);
    }
    if (item.verdict !== null) this.hidden.delete(item.id);
    if (this.selected === item.id) this.view.show(item);
    if (this.over && known && alert.kind !== "rejected") this.patch(item);
    else this.schedule();
  }

  // While the pointer is over the list its rows keep their places: only what they say changes.
  patch(item) {
    const index = this.shown.findIndex((row) => row.id === item.id);
    if (index >= 0) this.shown[index] = item;
    this.list.paint();
    this.pill.hidden = this.arrivals.size === 0;
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = null; this.refresh(); });
  }

  admit() {
    this.arrivals.clear();
    this.schedule();
  }

  onJudged(id) {
    const index = this.shown.findIndex((item) => item.id === id);
    this.hidden.add(id);
    this.app.shift.open(id);
    const next = this.shown[index + 1] ?? this.shown[index - 1];
    this.shown = this.shown.filter((item) => item.id !== id);
    this.claimed = null;
    if (this.selected === id) this.select(next?.id ?? null);
    this.refresh();
  }

  select(id, { claim = true } = {}) {
    if (this.claimed && this.claimed !== id) { this.app.actions.claim({ id: this.claimed }, false); this.claimed = null; }
    this.selected = id;
    this.fresh.delete(id);
    this.element.classList.toggle("viewing", Boolean(id));
    const item = id && this.app.store.incidents.get(id);
    if (!item) { this.view.clear(); this.list.paint(); return; }
    history.replaceState(null, "", `/console/queue/${id}${location.search}`);
    const index = this.shown.findIndex((row) => row.id === id);
    if (index >= 0) this.list.reveal(index);
    this.list.paint();
    this.list.element.setAttribute("aria-activedescendant", `row-${id}`);
    this.view.show(item);
    if (claim && this.filters.tab === "unread") this.reading.add(id);
    if (claim) this.app.shift.open(id);
    if (claim && item.verdict === null) { this.claimed = id; this.app.actions.claim(item); }
  }

  step(by) {
    const index = this.shown.findIndex((item) => item.id === this.selected);
    const next = this.shown[Math.min(this.shown.length - 1, Math.max(0, index + by))];
    if (next) this.select(next.id);
  }

  click(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    const item = this.app.store.incidents.get(row.dataset.id);
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (!item) return;
    if (act) this.app.run(act, item);
    else this.select(item.id);
  }

  key(event) {
    const action = this.app.actionKey(event);
    if (!action) return;
    const item = this.app.store.incidents.get(this.selected);
    event.preventDefault();
    if (action === "next") this.step(1);
    else if (action === "previous") this.step(-1);
    else if (action === "first") { this.admit(); this.list.element.scrollTop = 0; if (this.shown[0]) this.select(this.shown[0].id); }
    else if (action === "undo") this.app.actions.undo();
    else if (action === "open" && item) this.app.go(`/console/incidents/${item.id}`);
    else if (item) this.app.run(action, item);
  }

  makeRow() {
    const part = (tag, cls) => h(tag, { class: cls });
    const row = h("div", { class: "row", role: "row" },
      h("i", { class: "edge", "aria-hidden": "true" }), h("div", { class: "thumb-box", role: "gridcell", data: { none: t("picture_missing") } }, h("img", { class: "thumb", alt: "", width: "136", height: "76", decoding: "async" })),
      h("div", { class: "row-text", role: "gridcell" }, h("div", { class: "line" }, part("b", "row-title clip"), part("span", "row-new"), part("span", "row-status")),
        part("div", "row-place clip"), part("div", "row-time tiny muted clip")),
      h("div", { class: "row-acts", role: "gridcell" },
        h("button", { class: "btn s square ok", type: "button", data: { act: "confirm" }, title: t("confirm"), "aria-label": t("confirm") }, icon("check", true)),
        h("button", { class: "btn s square no", type: "button", data: { act: "reject" }, title: t("reject"), "aria-label": t("reject") }, icon("cross", true))));
    return row;
  }

  showRow(row, item) {
    const seen = this.selected === item.id;
    row.classList.toggle("late", late(item));
    row.setAttribute("aria-selected", String(seen));
    row.querySelector(".row-time").textContent = `${when(item.began_at)} · ${late(item) ? `${t("overdue")} ${lasted(item.case.due_at)}` : `${t("lasting")} ${lasted(item.began_at)}`}${item.claimed_by && item.claimed_by !== this.app.me.name ? ` · ${t("claimed_by", { name: item.claimed_by })}` : ""}`;
    const key = `${item.id}|${item.version}|${item.updated_at}|${item.claimed_by}|${this.fresh.has(item.id)}|${this.app.shift.isNew(item)}|${this.app.cameras.size}`;
    if (row.dataset.key === key) return;
    row.dataset.key = key;
    row.dataset.id = item.id;
    row.id = `row-${item.id}`;
    row.className = `row g${item.gravity}${late(item) ? " late" : ""}`;
    row.querySelector(".row-title").textContent = kindName(item);
    row.querySelector(".row-place").textContent = [item.place, this.app.cameraName(item.camera_id)].filter(Boolean).join(" · ");
    fill(row.querySelector(".row-status"), item.status === "filed" && item.case ? caseChip({ ...item.case, id: null }) : item.status === "open" ? null : statusChip(item.status));
    fill(row.querySelector(".row-new"), (this.fresh.has(item.id) || this.app.shift.isNew(item)) && h("span", { class: "dot", title: t("unread") }));
    row.querySelector(".row-acts").hidden = item.verdict !== null || !this.app.actions.may("incidents:act");
    const image = row.querySelector(".thumb");
    const picture = picked(item, "annotated", "original");
    const src = picture ? evidenceUrl(picture.id, { width: 160, reason: "queue" }) : "";
    if ((image.getAttribute("src") ?? "") !== src || !src) {
      image.classList.toggle("lost", !src);
      src ? image.setAttribute("src", src) : image.removeAttribute("src");
    }
    image.alt = t("picture_alt", { type: kindName(item), place: item.place });
  }

  filter(change) {
    Object.assign(this.filters, change);
    writeFilters(this.filters);
    this.reading.clear();
    this.arrivals.clear();
    this.paintFilters();
    this.list.element.scrollTop = 0;
    this.refresh();
  }

  paintFilters() {
    const f = this.filters;
    const cameras = [...this.app.cameras.values()];
    const districts = [...new Set(cameras.map((c) => c.district).filter(Boolean))].sort();
    const grids = [...new Set([...this.app.store.incidents.values()].map((item) => item.grid_id).filter(Boolean))].sort().slice(0, 500);
    const select = (name, all, options) => h("select", { class: "input s", "aria-label": t(name), onchange: (e) => this.filter({ [name]: e.target.value }) },
      h("option", { value: "" }, all), options.map(([value, label]) => h("option", { value, selected: f[name] === value }, label)));
    const toggle = (type) => { const types = new Set(f.types); types.has(type) ? types.delete(type) : types.add(type); this.filter({ types }); };
    // The cameras come anew every few seconds: a list that somebody has just opened must not be taken from under them.
    const key = JSON.stringify([cameras.map((c) => [c.id, c.name]), districts, grids, [...f.types], f.district, f.grid, f.camera, f.status, f.colour]);
    if (key === this.barKey) return;
    this.barKey = key;
    fill(this.bar, TYPES.map((type) => button(t(type), { kind: "s", pressed: f.types.has(type), onclick: () => toggle(type) })),
      districts.length > 1 && select("district", t("all_districts"), districts.map((d) => [d, d])),
      select("camera", t("all_cameras"), cameras.filter((c) => !f.district || c.district === f.district).slice(0, 2000).map((c) => [c.id, c.name])),
      grids.length > 0 && select("grid", t("all_grids"), grids.map((g) => [g, g])),
      select("status", t("any_status"), ACTIVE_STATES.map((s) => [s, t(s)])),
      select("colour", t("any_colour"), ["yellow", "green", "red"].map((c) => [c, t(c)])));
  }

  help() {
    const keys = [["J / ↓", "next"], ["C", "confirm"], ["R", "reject"], ["S", "speak"], ["F", "file"], ["U", "undo"]];
    return h("footer", { class: "keys tiny faint" }, keys.map(([key, name]) => h("span", { class: "line" }, h("kbd", {}, key), t(name))));
  }
}

function readFilters() {
  const given = new URLSearchParams(location.search);
  return { tab: [...TABS, ...LISTS].includes(given.get("tab")) ? given.get("tab") : "todo", types: new Set(given.getAll("type")), district: given.get("district") ?? "", grid: given.get("grid") ?? "", camera: given.get("camera") ?? "", status: given.get("status") ?? "", colour: given.get("colour") ?? "" };
}

function writeFilters(f) {
  const values = new URLSearchParams();
  if (f.tab !== "todo") values.set("tab", f.tab);
  for (const type of f.types) values.append("type", type);
  for (const name of ["district", "grid", "camera", "status", "colour"]) if (f[name]) values.set(name, f[name]);
  const text = values.toString();
  history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
}

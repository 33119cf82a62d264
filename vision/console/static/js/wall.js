// The live wall: current pictures on demand. Only tiles in view are fetched, and only while the page is looked at.

import { get, post } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { t, when } from "./i18n.js";
import { stateColour, stateName } from "./labels.js";
import { PresetPanel } from "./ptz.js";
import { openTalk } from "./talk.js";
import { ask, fail, toast } from "./toast.js";

const EVERY_MS = 1000;
const FIRST_MS = 250; // until there is something to see
const LAYOUTS = [1, 4, 9, 16, 25];

export function wallPage(app, page) {
  const wall = new Wall(app);
  fill(page, wall.element);
  page.classList.add("fixed");
  return () => { wall.close(); page.classList.remove("fixed"); };
}

class Wall {
  constructor(app) {
    this.app = app;
    this.count = Number(localStorage.getItem("wallTiles")) || 9;
    this.chosen = JSON.parse(localStorage.getItem("wallCameras") || "[]");
    const one = new URLSearchParams(location.search).get("camera");
    if (one) { this.count = 1; this.chosen = [one]; }
    this.search = h("input", { class: "input s", type: "search", placeholder: t("search_camera"), "aria-label": t("search_camera"), oninput: () => this.paintTree() });
    this.tree = h("div", { class: "tree" });
    this.grid = h("div", { class: "wall-grid" });
    this.bar = h("div", { class: "line wall-bar" });
    this.element = h("div", { class: "wall" }, h("aside", { class: "wall-side" }, this.search, this.tree), h("section", { class: "wall-main" }, this.bar, this.frame = h("div", { class: "wall-frame" }, this.grid)));
    this.tiles = new Map();
    this.onCameras = () => { this.fillUp(); this.paintTree(); this.paint(); };
    app.store.addEventListener("cameras", this.onCameras);
    this.timer = setInterval(() => this.fetchAll(), EVERY_MS);
    this.onCameras();
    this.fetchAll();
  }

  close() {
    clearInterval(this.timer);
    this.app.store.removeEventListener("cameras", this.onCameras);
    for (const tile of this.tiles.values()) tile.stop();
  }

  fillUp() {
    const known = [...this.app.cameras.keys()];
    if (!known.length) return; // not loaded yet: what a link asks for is not forgotten
    this.chosen = this.chosen.filter((id) => this.app.cameras.has(id)).slice(0, Math.max(this.count, 1));
    if (!this.chosen.length && known.length) this.chosen = known.slice(0, this.count);
  }

  choose(id) {
    this.chosen = this.chosen.includes(id) ? this.chosen.filter((other) => other !== id) : [...this.chosen, id].slice(-this.count);
    localStorage.setItem("wallCameras", JSON.stringify(this.chosen));
    this.paintTree();
    this.paint();
    this.fetchAll();
  }

  paintTree() {
    const wanted = this.search.value.trim().toLowerCase();
    const districts = new Map();
    for (const camera of this.app.cameras.values()) {
      if (wanted && ![camera.id, camera.name, camera.place].some((text) => text.toLowerCase().includes(wanted))) continue;
      if (!districts.has(camera.district)) districts.set(camera.district, []);
      districts.get(camera.district).push(camera);
    }
    const signature = JSON.stringify([...districts].map(([d, list]) => [d, list.map((c) => [c.id, c.state, c.open_incidents])])) + this.chosen;
    if (signature === this.signature) return;
    this.signature = signature;
    const closed = new Set([...this.tree.querySelectorAll("details:not([open])")].map((d) => d.dataset.name));
    fill(this.tree, [...districts].sort().map(([district, list]) => h("details", { open: !closed.has(district), data: { name: district } },
      h("summary", {}, district || t("no_district"), h("span", { class: "count quiet right" }, list.length)),
      list.slice(0, 500).map((c) => h("button", { type: "button", class: "tree-item", "aria-pressed": String(this.chosen.includes(c.id)), onclick: () => this.choose(c.id) },
        h("i", { class: `dot ${stateColour(c.state)}`, title: stateName(c.state) }), h("span", { class: "clip grow" }, c.name), c.open_incidents > 0 && h("span", { class: "count" }, c.open_incidents))))));
  }

  paint() {
    fill(this.bar, h("span", { class: "grow" }), LAYOUTS.map((n) => button(`${Math.sqrt(n)}×${Math.sqrt(n)}`, { kind: "s", pressed: this.count === n, onclick: () => { this.count = n; localStorage.setItem("wallTiles", n); this.chosen = this.chosen.length >= n ? this.chosen.slice(0, n) : [...new Set([...this.chosen, ...this.app.cameras.keys()])].slice(0, n); this.paint(); this.paintTree(); this.fetchAll(); } })),
      button("", { iconName: "full", kind: "s square", title: t("full_screen"), onclick: () => (document.fullscreenElement ? document.exitFullscreen() : this.frame.requestFullscreen()) }));
    const columns = Math.ceil(Math.sqrt(Math.max(1, Math.min(this.count, this.chosen.length))));
    this.grid.style.setProperty("--columns", columns);
    this.grid.style.setProperty("--rows", Math.max(1, Math.ceil(Math.min(this.count, this.chosen.length) / columns)));
    for (const [id, tile] of this.tiles) if (!this.chosen.includes(id)) { tile.stop(); tile.element.remove(); this.tiles.delete(id); }
    for (const id of this.chosen.filter((one) => this.app.cameras.has(one))) {
      if (!this.tiles.has(id)) this.tiles.set(id, new Tile(this.app, id, () => this.choose(id)));
      const tile = this.tiles.get(id);
      this.grid.append(tile.element);
      tile.label();
    }
    this.grid.querySelector(".empty")?.remove();
    if (!this.chosen.length) fill(this.grid, h("div", { class: "empty" }, icon("wall"), h("p", {}, t("no_cameras"))));
  }

  fetchAll() {
    if (document.hidden) return;
    for (const tile of this.tiles.values()) tile.fetch();
  }
}

class Tile {
  constructor(app, id, remove) {
    this.app = app;
    this.id = id;
    this.url = null;
    this.busy = null;
    this.etag = "";
    this.inView = true;
    this.image = h("img", { alt: "" });
    this.caption = h("figcaption", { class: "tiny line" });
    this.note = h("span", { class: "tile-note small" });
    const tools = h("div", { class: "tile-tools" },
      app.cameras.get(id)?.ptz && app.actions.may("cameras:turn") && button("", { iconName: "ptz", kind: "s square", title: t("presets"), onclick: () => this.turn() }),
      app.actions.may("speakers:speak") && button("", { iconName: "speak", kind: "s square", title: t("speak"), onclick: () => this.speak() }),
      app.actions.may("speakers:speak") && button("", { iconName: "mic", kind: "s square", title: t("talk"), onclick: () => openTalk(id, app.cameras.get(id)?.name ?? id) }),
      h("a", { class: "btn s square", href: `/console/zones/${encodeURIComponent(id)}`, title: t("zones") }, icon("zones", true)),
      button("", { iconName: "cross", kind: "s square", title: t("close"), onclick: remove }));
    this.chip = h("span", { class: "tile-chip chip amber", hidden: true });
    this.element = h("figure", { class: "tile" }, this.image, this.note, this.chip, this.caption, tools);
    this.watcher = new IntersectionObserver(([entry]) => { this.inView = entry.isIntersecting; });
    this.watcher.observe(this.element);
    this.label();
  }

  label() {
    const camera = this.app.cameras.get(this.id);
    if (!camera) return;
    const text = `${camera.state}|${camera.seen_at}|${camera.reason}|${camera.held_until}`;
    if (text === this.labelled) return;
    this.labelled = text;
    fill(this.caption, h("i", { class: `dot ${stateColour(camera.state)}` }), h("b", { class: "clip" }, camera.name), h("span", { class: "clip" }, camera.place), h("span", { class: "right" }, camera.state === "live" ? when(camera.seen_at, { date: "never" }) : stateName(camera.state)));
    this.image.alt = camera.name;
    this.chip.hidden = !camera.held_until && camera.kind !== "patrol";
    this.chip.textContent = t(camera.held_until ? "held_chip" : "patrolled_chip");
    this.chip.title = t(camera.held_until ? "held_hint" : "patrolled_hint");
    this.presets?.paint();
  }

  turn() {
    if (this.presets) { this.presets.element.remove(); this.presets = null; return; }
    this.presets = new PresetPanel(this.app, this.id, () => this.turn());
    this.element.append(this.presets.element);
  }

  async fetch() {
    if (this.busy || !this.inView) return;
    this.busy = new AbortController();
    try {
      const response = await fetch(`/api/v1/cameras/${encodeURIComponent(this.id)}/look?reason=wall&wait=false`, { signal: this.busy.signal, headers: this.etag ? { "If-None-Match": this.etag } : {}, cache: "no-store" });
      if (response.status === 200) {
        this.etag = response.headers.get("etag") || "";
        const url = URL.createObjectURL(await response.blob());
        this.image.src = url;
        if (this.url) URL.revokeObjectURL(this.url);
        this.url = url;
        this.note.textContent = "";
      } else if (!this.url) this.note.textContent = t("no_picture_yet");
    } catch { /* the next turn tries again */ }
    this.busy = null;
    if (!this.url && !this.stopped) this.soon = setTimeout(() => this.fetch(), FIRST_MS);
  }

  async speak() {
    let speakers;
    try { speakers = await get("/speakers"); } catch (error) { fail(error); return; }
    if (!speakers.length) { toast(t("no_speaker"), { bad: true }); return; }
    const choice = h("select", { class: "input" }, speakers.map((s) => h("option", { value: s.id }, s.name)));
    const text = h("textarea", { class: "input", rows: "3", maxlength: "300", required: true });
    const answer = await ask(t("speak"), h("div", { class: "stack" }, h("label", { class: "field" }, t("speaker"), choice), h("label", { class: "field" }, t("speak_what"), text)), { okLabel: t("speak"), read: () => ({ id: choice.value, text: text.value.trim() }) });
    if (!answer) return;
    try { await post(`/speakers/${encodeURIComponent(answer.id)}/announce`, { text: answer.text }); toast(t("spoken_toast")); } catch (error) { fail(error); }
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.soon);
    this.busy?.abort();
    this.watcher.disconnect();
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

// Begins: who is here, which page, and the frame around every page.

import { del, get, put, setCsrf } from "./api.js";
import { Actions } from "./actions.js";
import { button, fill, h, icon } from "./dom.js";
import { lang, offset, setLanguage, t, when, words } from "./i18n.js";
import { chime } from "./sound.js";
import { Shift } from "./shift.js";
import { Store } from "./store.js";
import { gate } from "./login.js";
import { adminPage } from "./admin.js";
import { fleetPage } from "./fleet.js";
import { historyPage } from "./history.js";
import { incidentPage } from "./incident.js";
import { mapPage } from "./map.js";
import { queuePage } from "./queue.js";
import { statisticsPage } from "./statistics.js";
import { fail } from "./toast.js";
import { wallPage } from "./wall.js";
import { zonesPage } from "./zones.js";

const CAMERAS_EVERY_MS = 3000;
const PRESSURE_EVERY_MS = 3000;
const PAGES = [
  { name: "queue", path: /^\/console\/(?:queue(?:\/([^/]+))?)?$/, home: "/console/", iconName: "queue", open: queuePage },
  { name: "wall", path: /^\/console\/wall$/, home: "/console/wall", iconName: "wall", scope: "evidence:read", open: wallPage },
  { name: "map", path: /^\/console\/map$/, home: "/console/map", iconName: "map", open: mapPage },
  { name: "history", path: /^\/console\/history$/, home: "/console/history", iconName: "history", open: historyPage },
  { name: "statistics", path: /^\/console\/statistics$/, home: "/console/statistics", iconName: "chart", scope: "statistics:read", open: statisticsPage },
  { name: "fleet", path: /^\/console\/fleet$/, home: "/console/fleet", iconName: "fleet", open: fleetPage },
  { name: "zones", path: /^\/console\/zones(?:\/([^/]+))?$/, home: "/console/zones", iconName: "zones", scope: "registry:write", open: zonesPage },
  { name: "admin", path: /^\/console\/admin(?:\/([^/]+))?$/, home: "/console/admin", iconName: "admin", scope: "deliveries:manage", open: adminPage },
  { name: "incident", path: /^\/console\/incidents\/([^/]+)$/, open: incidentPage },
];
const KEYS = { c: "confirm", r: "reject", s: "speak", f: "file", u: "undo", n: "next", j: "next", ArrowDown: "next", k: "previous", ArrowUp: "previous", Home: "first", o: "open", Enter: "open" };

class App {
  constructor(me) {
    this.me = me;
    this.store = new Store();
    this.actions = new Actions(this);
    this.cameras = new Map();
    this.leave = null;
    this.pressure = null;
    this.sound = localStorage.getItem("sound") !== "off";
    this.shift = new Shift();
    this.page = h("main", { class: "page", id: "page", tabindex: "-1" });
    this.nav = h("nav", { class: "nav", "aria-label": "Streetward" });
    this.top = h("header", { class: "top" });
    this.clock = h("time", { class: "small mono optional" });
  }

  async start() {
    this.dress();
    document.title = this.me.console.name;
    document.body.replaceChildren(h("div", { class: "app" }, this.nav, this.top, this.page));
    this.paintFrame();
    this.store.addEventListener("state", () => this.paintTop());
    this.store.addEventListener("reset", () => { this.paintTop(); this.paintNav(); });
    this.store.addEventListener("alert", (event) => this.onAlert(event.detail));
    addEventListener("popstate", () => this.open());
    // A file that is gone leaves a plain field, not the browser's torn picture; rows are used again for others.
    for (const name of ["load", "error"]) document.addEventListener(name, (event) => { if (event.target.tagName === "IMG") event.target.classList.toggle("lost", name === "error"); }, true);
    this.tick();
    setInterval(() => this.tick(), 1000);
    addEventListener("signed-out", () => location.replace(`/console/login?next=${encodeURIComponent(location.pathname)}`));
    document.addEventListener("click", (event) => this.followLink(event));
    this.open();
    this.shift.begin();
    this.loadCameras();
    setInterval(() => this.loadCameras(), CAMERAS_EVERY_MS);
    this.loadPressure();
    setInterval(() => this.loadPressure(), PRESSURE_EVERY_MS);
    await this.store.start().catch(fail);
  }

  dress() {
    setLanguage(localStorage.getItem("language") || this.me.settings.language || this.me.console.language);
    document.documentElement.dataset.theme = localStorage.getItem("theme") || this.me.settings.theme || this.me.console.theme;
  }

  // Every time on every page is this clock's.
  tick() {
    this.clock.textContent = `${when(new Date().toISOString(), { date: "never" })} ${offset()}`;
  }

  paintFrame() {
    this.paintNav();
    this.paintTop();
  }

  paintNav() {
    const counts = this.store.counts();
    fill(this.nav, h("img", { src: "/console/static/icon.svg", alt: "" }), PAGES.filter((p) => p.home && (!p.scope || this.actions.may(p.scope))).map((p) =>
      h("a", { href: p.home, "aria-current": this.current === p.name ? "page" : undefined }, icon(p.iconName), t(p.name),
        p.name === "queue" && counts.todo > 0 && h("span", { class: `count ${counts.grave ? "" : "quiet"}` }, counts.todo > 999 ? "999+" : counts.todo))));
  }

  // Only when it says something new: a click that begins on one button and ends on its successor would be lost.
  paintTop() {
    const { state } = this.store;
    const cameras = [...this.cameras.values()].filter((c) => c.enabled);
    const bad = cameras.filter((c) => c.state !== "live");
    const zone = offset(), cityZone = offset(this.me.console.time_zone);
    const said = JSON.stringify([state, cameras.length, bad.length, this.pressure?.summary, zone, cityZone, this.sound, lang()]);
    if (said === this.said) return;
    this.said = said;
    fill(this.top,
      h("h1", {}, this.me.console.name),
      h("span", { class: "line small", id: "link-state", data: { state } }, h("i", { class: `dot ${state === "live" ? "green" : "red"}` }), t(state)),
      h("a", { class: "line small muted optional", href: "/console/fleet", id: "camera-state" }, h("i", { class: `dot ${bad.length ? "amber" : "green"}` }), bad.length ? t("cameras_bad", { n: bad.length }) : t("cameras_ok", { n: cameras.length })),
      this.pressure?.summary && h("a", { class: "chip amber clip pressure", href: "/console/fleet", id: "pressure", title: words(this.pressure.summary) }, words(this.pressure.summary)),
      h("span", { class: "grow" }),
      this.clock,
      zone !== cityZone && h("span", { class: "chip amber optional", title: t("zone_differs_hint") }, t("zone_differs", { zone: cityZone })),
      this.me.by === "loopback" && h("span", { class: "chip amber optional" }, t("loopback")),
      h("span", { class: "line small muted optional" }, icon("user", true), t("signed_in", { name: this.me.name, role: t(this.me.role === "admin" ? "admin_role" : this.me.role) })),
      button("", { iconName: this.sound ? "bell" : "mute", kind: "flat square", title: t("sound"), onclick: () => { this.sound = !this.sound; localStorage.setItem("sound", this.sound ? "on" : "off"); this.paintTop(); } }),
      button("", { iconName: "sun", kind: "flat square", title: t("theme"), onclick: () => this.prefer("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark") }),
      this.me.by === "session" && button(t("sign_out"), { kind: "flat s", onclick: () => this.signOut() }),
      button(t("language"), { kind: "flat s", id: "language", onclick: () => this.prefer("language", lang() === "zh" ? "en" : "zh") }));
  }

  prefer(name, value) {
    localStorage.setItem(name, value);
    if (this.me.by === "session") put("/me/settings", { ...this.me.settings, [name]: value }).catch(() => {});
    this.dress();
    this.paintFrame();
    this.open();
  }

  async loadCameras() {
    try {
      const { items } = await get("/cameras");
      this.cameras = new Map(items.map((c) => [c.id, c]));
      this.paintTop();
      this.store.dispatchEvent(new CustomEvent("cameras"));
    } catch (error) { if (error.status) fail(error); }
  }

  // Told from the hub's memory: it answers when the cameras' list, which needs the database, does not.
  async loadPressure() {
    try {
      this.pressure = await get("/pressure", { quiet: true });
      this.paintTop();
      this.store.dispatchEvent(new CustomEvent("pressure"));
    } catch { /* told beside the line's state */ }
  }

  async signOut() {
    await this.actions.flush();
    await del("/session").catch(() => {});
    location.replace("/console/login");
  }

  cameraName(id) {
    return this.cameras.get(id)?.name ?? id;
  }

  onAlert({ item, before }) {
    if (this.sound && item.gravity >= 3 && !(before?.gravity >= 3)) chime();
    if (!this.painting) this.painting = setTimeout(() => { this.painting = null; this.paintNav(); }, 200);
  }

  // Which action a keystroke means; none while somebody types or a dialog is open.
  actionKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
    if (document.querySelector("dialog[open]") || event.target.closest?.("input, textarea, select")) return null;
    if (event.key === "Enter" && event.target.closest?.("button, a")) return null;
    return KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? null;
  }

  run(action, item) {
    const { actions } = this;
    if (action === "undo") { actions.undo(); return; }
    const scope = action === "speak" ? "speakers:speak" : "incidents:act";
    if (!actions.may(scope)) return;
    if ((action === "confirm" || action === "reject") && item.verdict !== null) return;
    if (action === "confirm") actions.confirm(item);
    else if (action === "reject") actions.reject(item);
    else if (action === "speak") actions.speak(item);
    else if (action === "file") actions.file(item);
  }

  followLink(event) {
    const link = event.target.closest?.("a[href^='/console/']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button || link.target || link.hasAttribute("download")) return;
    event.preventDefault();
    this.go(link.getAttribute("href"));
  }

  go(path) {
    history.pushState(null, "", path);
    this.open();
  }

  open() {
    this.leave?.();
    this.leave = null;
    const found = PAGES.map((p) => ({ p, match: p.path.exec(location.pathname) })).find((x) => x.match);
    const { p, match } = found ?? { p: PAGES[0], match: [] };
    // Who came by a link inside the page goes on at the top of the next one; with the focus there, keys scroll it.
    const { activeElement } = document;
    if (this.current !== p.name && (activeElement === document.body || this.page.contains(activeElement))) this.page.focus({ preventScroll: true });
    this.current = p.name;
    this.page.className = "page";
    this.page.scrollTop = 0;
    this.leave = p.open(this, this.page, match[1] ? decodeURIComponent(match[1]) : null) ?? null;
    this.paintNav();
  }
}

async function begin() {
  if (await gate()) return;
  try {
    const me = await get("/me", { quiet: true });
    setCsrf(me.csrf);
    await new App(me).start();
  } catch (error) {
    if (error.status === 401) location.replace(`/console/login?next=${encodeURIComponent(location.pathname)}`);
    else { document.body.replaceChildren(h("p", { class: "empty" }, t("broken"))); setTimeout(begin, 2000); }
  }
}

setLanguage(localStorage.getItem("language") || "zh");
begin();

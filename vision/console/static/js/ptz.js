// PTZ presets of one camera: a small panel in its tile. While a person turns a camera its zones are unknown.

import { del, get, post } from "./api.js";
import { button, fill, h } from "./dom.js";
import { t, when } from "./i18n.js";
import { fail, toast } from "./toast.js";

export class PresetPanel {
  constructor(app, id, close) {
    this.app = app;
    this.id = id;
    this.found = null;
    this.going = null;
    this.element = h("div", { class: "ptz", role: "group", "aria-label": t("presets") });
    this.close = close;
    this.paint();
    this.load();
  }

  get path() {
    return `/cameras/${encodeURIComponent(this.id)}`;
  }

  async load() {
    try { this.found = await get(`${this.path}/presets`); } catch (error) { this.trouble = error.message; }
    this.paint();
  }

  paint() {
    const held = this.app.cameras.get(this.id)?.held_until;
    const { found } = this;
    fill(this.element,
      h("div", { class: "line" }, h("b", { class: "grow" }, t("presets")), button("", { iconName: "cross", kind: "flat s square", title: t("close"), onclick: this.close })),
      this.trouble && h("p", { class: "small" }, this.trouble),
      !found && !this.trouble && h("p", { class: "small" }, t("presets_asked")),
      found && !found.items.length && h("p", { class: "small" }, t("presets_none")),
      found && h("div", { class: "ptz-list" }, found.items.map((preset) => button(preset.name, { kind: "s", pressed: this.going === preset.token, title: preset.view ? t("preset_of_view", { view: preset.view }) : preset.name, onclick: () => this.go(preset) }))),
      found && h("p", { class: "tiny" }, held ? t("held_until", { time: when(held, { date: "never" }) }) : t(found.patrolled ? "hold_hint_patrol" : "hold_hint")),
      held && button(t("let_go"), { kind: "s", onclick: () => this.letGo() }));
  }

  async go(preset) {
    try {
      await post(`${this.path}/presets/${encodeURIComponent(preset.token)}`);
      this.going = preset.token;
      toast(t("turning_to", { name: preset.name }));
      await this.app.loadCameras();
    } catch (error) { fail(error); }
    this.paint();
  }

  async letGo() {
    try {
      await del(`${this.path}/hold`);
      this.going = null;
      await this.app.loadCameras();
    } catch (error) { fail(error); }
    this.paint();
  }
}

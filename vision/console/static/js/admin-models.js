// Which model looks: what the catalogue has, what each worker runs now, switching and rolling back.

import { get, post } from "./api.js";
import { field, guarded, row, table } from "./admin-parts.js";
import { button, fill, h } from "./dom.js";
import { t, when } from "./i18n.js";
import { ask, fail, toast } from "./toast.js";

const AGAIN_MS = 2000;
const STATE = { ready: "green", loading: "amber", failed: "red" };

export async function models(body, app) {
  const paint = (found) => {
    if (!body.isConnected) return;
    const key = JSON.stringify(found, (name, value) => (name === "heard_at" ? undefined : value)); // a page that stands still is not repainted
    if (body.dataset.shown !== key) show(body, found, choose);
    body.dataset.shown = key;
    setTimeout(() => get("/admin/models", { quiet: true }).then(paint, () => paint(found)), AGAIN_MS); // workers answer within seconds
  };
  const choose = async (path, title, given, hint) => {
    const reason = h("input", { class: "input", maxlength: 500 });
    const answer = await ask(title, h("div", { class: "stack wide" }, h("p", { class: "small muted" }, hint), field("reason", reason)), { okLabel: title, read: () => ({ ...given, reason: reason.value.trim() }) });
    if (answer) await guarded(() => post(`/admin/models/${path}`, answer), () => toast(t("model_asked")))();
  };
  try { paint(await get("/admin/models")); } catch (error) { fail(error); }
}

function show(body, found, choose) {
  fill(body,
    h("div", { class: "card line wrap" }, h("div", { class: "grow" }, h("div", { class: "small muted" }, t("model_wanted")), h("b", { class: "mono" }, found.wanted), found.wanted === found.configured && h("span", { class: "small muted" }, ` · ${t("model_configured")}`)),
      found.before && button(t("roll_back", { model: found.before }), { iconName: "undo", onclick: () => choose("rollback", t("roll_back", { model: found.before }), {}, t("switch_hint")) })),
    h("h2", { class: "spaced" }, t("model_workers")),
    h("div", { class: "table-card" }, table(["worker", "model", "status", "heard_at"], found.workers.map((w) => row(h("b", { class: "mono" }, w.worker), h("span", { class: "mono" }, w.version),
      h("div", {}, h("span", { class: `chip ${w.silent ? "" : STATE[w.state]}` }, w.silent ? t("worker_silent") : t(`model_${w.state}`, { model: w.wanted })), w.reason && h("div", { class: "small trouble" }, w.reason)), when(w.heard_at))))),
    found.shadows.map(shadow),
    h("h2", { class: "spaced" }, t("model_catalogue")),
    h("div", { class: "cards" }, found.items.map((m) => card(m, found, choose))),
    found.history.length > 0 && h("h2", { class: "spaced" }, t("model_history")),
    found.history.length > 0 && h("div", { class: "table-card" }, table(["time", "model", "actor"], found.history.slice(0, 10).map((c) => row(when(c.at, { date: "full" }), h("span", { class: "mono" }, c.model), c.by)))));
}

// What a second model saw otherwise on the same looks.
function shadow(s) {
  const share = (n, all) => (all ? `${n} · ${Math.round((100 * n) / all)} %` : "0");
  return h("section", {},
    h("h2", { class: "spaced" }, t("shadow_model"), " ", h("span", { class: "mono" }, s.model)),
    h("p", { class: "small muted" }, t("shadow_hint", { compared: s.compared, passed: s.passed, failed: s.failed })),
    Object.entries(s.trouble).map(([worker, words]) => h("p", { class: "small trouble" }, `${worker}: ${words}`)),
    h("div", { class: "table-card" }, table(["class", "shadow_both", "shadow_first", "shadow_second"], Object.entries(s.classes).map(([name, n]) => {
      const all = n.both + n.first + n.shadow;
      return row(h("span", { class: "mono" }, name), share(n.both, all), share(n.first, all), share(n.shadow, all));
    }))));
}

function card(m, found, choose) {
  const here = m.name === found.wanted;
  const figures = Object.entries(m.accuracy).flatMap(([set, values]) => Object.entries(values).map(([name, value]) => h("tr", {}, h("td", {}, set), h("td", { class: "mono" }, name), h("td", { class: "num" }, value.toFixed(3)))));
  return h("section", { class: "card stack" },
    h("div", { class: "line wrap" }, h("h2", { class: "mono" }, m.name), h("span", { class: "chip" }, m.version), here && h("span", { class: "chip green" }, t("model_in_use")), !m.installed && h("span", { class: "chip red" }, t("model_missing")),
      h("span", { class: "grow" }), !here && button(t("switch_to"), { kind: "primary s", disabled: !m.installed, onclick: () => choose("switch", t("switch_model", { model: m.name }), { model: m.name }, t("switch_hint")) })),
    h("p", {}, m.summary), m.trouble.map((words) => h("p", { class: "small trouble" }, words)),
    h("dl", { class: "facts" }, [["licence", m.licence], ["backends", m.backends.join(", ")], ["input", m.input_px.join(" × ")], ["classes", t("classes_n", { n: m.classes.length })]].map(([name, value]) => [h("dt", {}, t(name)), h("dd", {}, value)])),
    h("details", {}, h("summary", {}, t("classes")), h("p", { class: "small muted" }, m.classes.join(", "))),
    figures.length > 0 && h("details", { open: true }, h("summary", {}, t("accuracy")), h("table", { class: "table" }, h("tbody", {}, figures))));
}

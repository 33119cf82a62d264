// What the administration pages share: tables, guarded work, lists in text fields, daily hours.

import { button, h } from "./dom.js";
import { t } from "./i18n.js";
import { ask, fail } from "./toast.js";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

export const table = (heads, rows) => h("table", { class: "table" }, h("thead", {}, h("tr", {}, heads.map((name) => (name ? h("th", {}, t(name)) : h("td", {}))))), h("tbody", {}, rows.length ? rows : h("tr", {}, h("td", { class: "muted", colspan: heads.length }, t("none")))));
export const row = (...cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)));
export const field = (label, input, hint) => h("label", { class: "field" }, t(label), input, hint && h("span", { class: "tiny faint" }, hint));
export const list = (text) => text.split(/[,,\s]+/).filter(Boolean);
export const percent = (value) => (value === null || value === undefined ? "—" : `${Math.round(value * 100)} %`);

// Runs work, then what comes after it; a failure is told in a toast.
export const guarded = (work, after) => async () => { try { const value = await work(); await after?.(value); } catch (error) { fail(error); } };

export const sure = (title, words, okLabel) => ask(title, h("p", {}, words), { okLabel: okLabel ?? title, okKind: "bad" });

export function hoursText(hours) {
  return hours.map((span) => `${span.from}–${span.to}${span.weekdays.length === 7 ? "" : ` ${span.weekdays.map((day) => t(`day_${day}`)).join("")}`}`).join("; ");
}

// Daily stretches of time that can be added, changed and removed; `value()` gives them as the API takes them.
export function hoursEditor(hours) {
  const spans = hours.map((span) => ({ ...span, weekdays: [...(span.weekdays ?? DAYS)] }));
  const rows = h("div", { class: "stack" });
  const paint = () => rows.replaceChildren(...spans.map((span, index) => h("div", { class: "line wrap" },
    h("input", { class: "input s", type: "time", value: span.from, required: true, "aria-label": t("from"), onchange: (e) => { span.from = e.target.value; } }), "–",
    h("input", { class: "input s", type: "time", value: span.to, required: true, "aria-label": t("to"), onchange: (e) => { span.to = e.target.value; } }),
    h("span", { class: "days" }, DAYS.map((day) => h("button", { type: "button", class: "btn s flat", "aria-pressed": String(span.weekdays.includes(day)), onclick: (e) => { span.weekdays = DAYS.filter((d) => (d === day) !== span.weekdays.includes(d)); e.currentTarget.setAttribute("aria-pressed", String(span.weekdays.includes(day))); } }, t(`day_${day}`)))),
    button("", { iconName: "trash", kind: "s square", title: t("remove"), onclick: () => { spans.splice(index, 1); paint(); } }))),
  h("div", {}, button(t("add_hours"), { kind: "s", iconName: "plus", onclick: () => { spans.push({ from: "22:00", to: "06:00", weekdays: [...DAYS] }); paint(); } })));
  paint();
  return { element: rows, value: () => spans.map((span) => ({ ...span })) };
}

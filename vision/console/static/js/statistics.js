// Figures: trends, precision, times, AI share, rankings, bike bays, what the loudspeakers did; each to take away.

import { get, query } from "./api.js";
import { field, percent, row, table } from "./admin-parts.js";
import { bars, chartCard, line, stacked } from "./charts.js";
import { button, fill, h } from "./dom.js";
import { lang, lasted, t } from "./i18n.js";
import { TYPES } from "./labels.js";
import { ask, fail } from "./toast.js";

const COLOURS = { out_of_store: "var(--amber)", garbage: "var(--violet)", bike_misparked: "var(--accent)" };
const RANKS = ["zone", "camera", "grid", "shop", "district"];
const EXPORTS = ["trend", "type", "district", "grid", "shop", "zone", "camera", "hour", "bay", "incidents"];
const span = (seconds) => (seconds === null || seconds === undefined ? "—" : lasted(0, new Date(seconds * 1000)));
const card = (title, ...parts) => h("section", { class: "card stack" }, h("h2", {}, t(title)), ...parts);
const tile = (name, value, note) => h("div", { class: "card figure" }, h("span", { class: "small muted" }, t(name)), h("b", {}, value), h("span", { class: "tiny muted" }, note ?? ""));

export function statisticsPage(app, page) {
  let days = Number(new URLSearchParams(location.search).get("days")) || 30, rank = "zone", figures = null, effect = null;
  const body = h("div", { class: "stats" });
  const head = h("header", { class: "page-head" });
  fill(page, head, body);
  const since = () => new Date(Date.now() - days * 86400e3).toISOString();

  const load = async () => {
    if (!figures) fill(body, h("p", { class: "muted", role: "status" }, t("counting")));
    try {
      [figures, effect] = await Promise.all([get(`/statistics${query({ since: since() })}`), get(`/statistics/loudspeakers${query({ since: since() })}`).catch(() => null)]);
      paint();
    } catch (error) { fail(error); }
  };
  const take = () => ask(t("take_away"), h("div", { class: "stack" }, h("p", { class: "small muted" }, t("last_days", { n: days })), h("div", { class: "exports" }, EXPORTS.map((name) => h("a", { class: "btn", href: `/api/v1/statistics/${name}.csv${query({ since: since() })}`, download: `${name}.csv` }, t(`export_${name}`))))), { okLabel: null });
  const paintHead = () => fill(head, h("div", { class: "line wrap" }, h("h1", {}, t("statistics")), h("span", { class: "grow" }),
    [1, 7, 30, 90].map((n) => button(t("last_days", { n }), { kind: "s", pressed: days === n, onclick: () => { days = n; history.replaceState(null, "", `?days=${n}`); paintHead(); load(); } })),
    button(t("take_away"), { iconName: "down", kind: "s", onclick: take }), button(t("daily_report"), { iconName: "file", kind: "s", onclick: () => daily() })));

  const paint = () => {
    const { total, share } = figures;
    const dayList = [...new Set(figures.trend.map((p) => p.day))].sort();
    const labels = dayList.map((d) => d.slice(5));
    const point = new Map(figures.trend.map((p) => [`${p.day} ${p.type}`, p]));
    const series = (value) => TYPES.map((type) => ({ name: t(type), colour: COLOURS[type], values: dayList.map((day) => value(point.get(`${day} ${type}`))) }));
    const raised = series((p) => p?.raised ?? 0), judged = series((p) => (p && p.confirmed + p.rejected ? p.confirmed / (p.confirmed + p.rejected) : null));
    const hours = TYPES.map((type) => ({ name: t(type), colour: COLOURS[type], values: figures.hours[type] }));
    fill(body,
      h("div", { class: "figures" },
        tile("raised", total.raised, t("still_open_n", { n: total.open })), tile("precision", percent(total.precision), t("judged", { n: total.confirmed + total.rejected })),
        tile("filed_cases", total.filed, `${t("ai_share", { p: percent(share.ai_share) })} · ${t("share_note", { ai: share.ai_filed, hand: share.by_hand_filed })}`), tile("time_to_gone", span(total.median_to_gone_s), t("p90_gone", { time: span(total.p90_to_gone_s) })),
        tile("false_alarms_tile", total.false_alarms_per_camera_day === null ? "—" : total.false_alarms_per_camera_day.toFixed(2), t("per_camera_day")),
        tile("rectified_rate", percent(effect?.total.rate ?? total.rectified_after_warning), t("spoken_n", { n: figures.speakers.spoken }))),
      chartCard(t("trend"), stacked(labels, raised, { wide: true }), raised, "trend"),
      h("div", { class: "two" }, chartCard(t("precision"), line(labels, judged, { percent: true }), judged, "precision"), chartCard(t("by_hour"), stacked(Array.from({ length: 24 }, (_, i) => String(i)), hours), hours, "hours")),
      card("by_type", byType(figures.totals)),
      h("div", { class: "two" }, ranking(), card("speaker_effect", speakers(effect))),
      h("div", { class: "two" }, card("worst_cameras", worst(app, figures.cameras)), figures.bays.length > 0 && card("bike_bays", bays(app, figures.bays))),
      figures.bays.length > 0 && bayHours(figures.bay_hours));
  };
  const ranking = () => h("section", { class: "card" }, h("div", { class: "line wrap" }, h("h2", { class: "grow" }, t("ranking")), RANKS.map((name) => button(t(name), { kind: "s", pressed: rank === name, onclick: () => { rank = name; paint(); } }))),
    bars(figures.ranking[rank].slice(0, 12).map((r) => ({ label: rank === "camera" ? app.cameraName(r.key) : r.key, value: r.raised, note: t("rank_note", { filed: r.filed, rejected: r.rejected }) }))),
    !figures.ranking[rank].length && h("p", { class: "muted small" }, t("none")));
  // Cameras' names may come after the figures do.
  if (!app.cameras.size) app.store.addEventListener("cameras", () => figures && paint(), { once: true });
  paintHead();
  load();
}

const numbers = (heads, rows) => { const made = table(heads, rows); for (const line of made.rows) [...line.cells].slice(1).forEach((cell) => cell.classList.add("num")); return made; };

function byType(totals) {
  return numbers(["type", "raised", "still_open", "precision", "false_alarms", "filed_cases", "time_to_file", "warned_rate", "time_to_gone"], totals.map((x) => row(t(x.type), x.raised, x.open, percent(x.precision), x.false_alarms_per_camera_day?.toFixed(2) ?? "—", x.filed, span(x.median_to_file_s), percent(x.rectified_after_warning), span(x.median_to_gone_s))));
}

function worst(app, cameras) {
  const found = cameras.filter((c) => c.rejected).sort((a, b) => b.rejected - a.rejected).slice(0, 10);
  return numbers(["camera", "type", "raised", "verdict_reject", "precision", "per_day"], found.map((c) => row(h("a", { href: `/console/history?camera=${encodeURIComponent(c.camera)}` }, app.cameraName(c.camera)), t(c.type), c.raised, c.rejected, percent(c.precision), c.false_alarms_per_camera_day?.toFixed(2) ?? "—")));
}

function speakers(effect) {
  if (!effect || !effect.total.spoken) return h("p", { class: "muted small" }, t("none"));
  return numbers(["phrase", "spoken", "put_right", "rectified_rate", "rectified_after_s"], [...effect.by_phrase, { ...effect.total, key: t("all") }].map((one) => row(one.key || t("free_words"), one.spoken, one.rectified, percent(one.rate), span(one.median_s))));
}

function bays(app, found) {
  return numbers(["zone_bike_bay", "bay_capacity", "bay_mean", "bay_occupancy", "bay_overflow"], found.slice(0, 12).map((b) => row(`${app.cameraName(b.camera)} · ${b.bay.slice(b.camera.length + 1)}`, b.capacity ?? "—", b.bikes_mean?.toFixed(1) ?? "—", percent(b.occupancy), b.overflow_min ? span(b.overflow_min * 60) : "—")));
}

function bayHours(found) {
  const hours = found.map((x) => String(x.hour));
  const full = [{ name: t("bay_occupancy"), colour: "var(--accent)", values: found.map((x) => (x.occupancy === null ? null : Math.min(1, x.occupancy))) }];
  const over = [{ name: t("bay_overflow"), colour: "var(--red)", values: found.map((x) => Math.round(x.overflow_min)) }];
  return h("div", { class: "two" }, chartCard(t("bay_occupancy_by_hour"), line(hours, full, { percent: true }), full, "bays"), chartCard(t("bay_overflow_by_hour"), stacked(hours, over), over, "overflow"));
}

// The report of a day, as a file to print or pass on.
async function daily() {
  const local = (ago) => { const d = new Date(Date.now() - ago * 86400e3); return new Date(d - d.getTimezoneOffset() * 60e3).toISOString().slice(0, 10); };
  const day = h("input", { class: "input", type: "date", required: true, value: local(1), max: local(0) });
  const language = h("select", { class: "input" }, [["zh", "中文"], ["en", "English"]].map(([value, name]) => h("option", { value, selected: value === lang() }, name)));
  const given = await ask(t("daily_report"), h("div", { class: "stack" }, h("p", { class: "small muted" }, t("daily_hint")), field("day", day), field("in_language", language)), { okLabel: t("download"), read: () => ({ day: day.value, language: language.value }) });
  if (given) h("a", { href: `/api/v1/reports/daily/${given.day}.pdf?language=${given.language}`, download: "" }).click();
}

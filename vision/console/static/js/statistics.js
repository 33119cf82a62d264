// Figures: trends, precision, times, rankings, and what the loudspeakers did.

import { get, query } from "./api.js";
import { bars, chartCard, line, stacked } from "./charts.js";
import { button, fill, h } from "./dom.js";
import { lasted, t } from "./i18n.js";
import { TYPES } from "./labels.js";
import { fail } from "./toast.js";

const COLOURS = { out_of_store: "var(--amber)", garbage: "var(--violet)", bike_misparked: "var(--accent)" };
const RANKS = ["zone", "camera", "grid", "shop", "district"];

export function statisticsPage(app, page) {
  let days = Number(new URLSearchParams(location.search).get("days")) || 30, rank = "zone", figures = null;
  const body = h("div", { class: "stats" });
  const head = h("header", { class: "page-head" });
  fill(page, head, body);

  const load = async () => {
    const since = new Date(Date.now() - days * 86400e3).toISOString();
    try { figures = await get(`/statistics${query({ since })}`); paint(); } catch (error) { fail(error); }
  };
  const paintHead = () => fill(head, h("div", { class: "line wrap" }, h("h1", {}, t("statistics")), h("span", { class: "grow" }),
    [1, 7, 30, 90].map((n) => button(t("last_days", { n }), { kind: "s", pressed: days === n, onclick: () => { days = n; history.replaceState(null, "", `?days=${n}`); paintHead(); load(); } })),
    h("a", { class: "btn s", href: `/api/v1/statistics/trend.csv${query({ since: new Date(Date.now() - days * 86400e3).toISOString() })}`, download: "trend.csv" }, "CSV")));

  const paint = () => {
    const sum = (name) => figures.totals.reduce((total, x) => total + x[name], 0);
    const judged = sum("confirmed") + sum("rejected");
    const percent = (value) => (value === null ? "—" : `${Math.round(value * 100)} %`);
    const span = (seconds) => (seconds === null ? "—" : lasted(0, new Date(seconds * 1000)));
    const tile = (name, value, note) => h("div", { class: "card figure" }, h("span", { class: "small muted" }, name), h("b", {}, value), h("span", { class: "tiny muted" }, note ?? ""));
    const dayList = [...new Set(figures.trend.map((p) => p.day))].sort();
    const at = (day, type, name) => figures.trend.find((p) => p.day === day && p.type === type)?.[name] ?? 0;
    const series = TYPES.map((type) => ({ name: t(type), colour: COLOURS[type], values: dayList.map((day) => at(day, type, "raised")) }));
    const precision = TYPES.map((type) => ({ name: t(type), colour: COLOURS[type], values: dayList.map((day) => { const yes = at(day, type, "confirmed"), no = at(day, type, "rejected"); return yes + no ? yes / (yes + no) : null; }) }));
    const hours = TYPES.map((type) => ({ name: t(type), colour: COLOURS[type], values: figures.hours[type] }));
    fill(body,
      h("div", { class: "figures" }, tile(t("raised"), sum("raised")), tile(t("precision"), judged ? percent(sum("confirmed") / judged) : "—", t("judged", { n: judged })), tile(t("filed_cases"), sum("filed"), `${t("ai_share", { p: percent(figures.ai_share) })} · ${t("share_note", { ai: figures.share.ai_filed, hand: figures.share.by_hand_filed })}`), tile(t("still_open"), sum("open")), tile(t("spoken"), figures.speakers.spoken, t("rectified_after", { n: figures.speakers.rectified_after }))),
      chartCard(t("trend"), stacked(dayList.map((d) => d.slice(5)), series, { wide: true }), series, "trend"),
      h("div", { class: "two" }, chartCard(t("precision"), line(dayList.map((d) => d.slice(5)), precision, { percent: true }), precision, "precision"), chartCard(t("by_hour"), stacked(Array.from({ length: 24 }, (_, i) => String(i)), hours), hours, "hours")),
      h("section", { class: "card" }, h("h2", {}, t("by_type")), h("table", { class: "table" }, h("thead", {}, h("tr", {}, ["type", "raised", "precision", "false_alarms", "filed_cases", "time_to_file", "warned_rate", "still_open", "time_to_gone"].map((n, i) => h("th", { class: i ? "num" : "" }, t(n))))),
        h("tbody", {}, figures.totals.map((x) => h("tr", {}, h("td", {}, t(x.type)), [x.raised, percent(x.precision), x.false_alarms_per_camera_day === null ? "—" : x.false_alarms_per_camera_day.toFixed(2), x.filed, span(x.median_to_file_s), percent(x.rectified_after_warning), x.open, span(x.median_gone_s)].map((v) => h("td", { class: "num" }, v))))))),
      h("section", { class: "card" }, h("div", { class: "line wrap" }, h("h2", { class: "grow" }, t("ranking")), RANKS.map((name) => button(t(name), { kind: "s", pressed: rank === name, onclick: () => { rank = name; paint(); } }))),
        bars(figures.ranking[rank].slice(0, 12).map((r) => ({ label: rank === "camera" ? app.cameraName(r.key) : r.key, value: r.raised, note: t("rank_note", { filed: r.filed, rejected: r.rejected }) }))),
        !figures.ranking[rank].length && h("p", { class: "muted small" }, t("none"))),
      figures.bays.length && bayCards());
  };
  const bayCards = () => {
    const minutes = (n) => t("minutes", { n: Math.round(n) });
    const share = (value) => (value === null ? "—" : `${Math.round(value * 100)} %`);
    const full = [{ name: t("bay_occupancy"), colour: COLOURS.bike_misparked, values: figures.bay_hours.map((x) => x.occupancy) }];
    const over = [{ name: t("bay_overflow"), colour: COLOURS.out_of_store, values: figures.bay_hours.map((x) => Math.round(x.overflow_min)) }];
    const hours = figures.bay_hours.map((x) => String(x.hour));
    return [
      h("div", { class: "two" }, chartCard(t("bay_occupancy_by_hour"), line(hours, full, { percent: true }), full, "bays"), chartCard(t("bay_overflow_by_hour"), stacked(hours, over), over, "overflow")),
      h("section", { class: "card" }, h("h2", {}, t("bike_bays")), h("table", { class: "table" }, h("thead", {}, h("tr", {}, ["zone_bike_bay", "bay_capacity", "bay_mean", "bay_most", "bay_occupancy", "bay_overflow"].map((n, i) => h("th", { class: i ? "num" : "" }, t(n))))),
        h("tbody", {}, figures.bays.slice(0, 12).map((x) => h("tr", {}, h("td", {}, `${app.cameraName(x.camera)} · ${x.bay.slice(x.camera.length + 1)}`), [x.capacity ?? "—", x.bikes_mean ?? "—", x.bikes_most ?? "—", share(x.occupancy), minutes(x.overflow_min)].map((v) => h("td", { class: "num" }, v))))))),
    ];
  };
  paintHead();
  load();
}

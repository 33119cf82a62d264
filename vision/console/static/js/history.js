// Every incident there ever was, found by type, state, camera and time.

import { evidenceUrl, get, query } from "./api.js";
import { button, fill, h } from "./dom.js";
import { lasted, t, when } from "./i18n.js";
import { TYPES, caseChip, kindName, picked, statusChip } from "./labels.js";
import { fail } from "./toast.js";

const STATES = ["suspected", "open", "warned", "filed", "handled", "reopened", "closed", "rectified", "rejected", "lapsed"];

export function historyPage(app, page) {
  const given = new URLSearchParams(location.search);
  const wanted = { type: given.get("type") ?? "", status: given.get("status") ?? "", camera: given.get("camera") ?? "", since: given.get("since") ?? "" };
  let cursor = null, asked = 0;
  const head = h("header", { class: "page-head" });
  const rows = h("tbody", {});
  const more = button(t("more"), { onclick: () => load() });
  fill(page, head, h("div", { class: "table-wrap" }, h("table", { class: "table" }, h("thead", {}, h("tr", {}, ["", "type", "status", "place", "began", "lasting", "verdict", "case"].map((name) => (name ? h("th", {}, t(name)) : h("td", {}))))), rows), more));

  const load = async (fresh = false) => {
    const turn = asked += 1;
    if (fresh) cursor = null;
    try {
      const since = wanted.since ? new Date(`${wanted.since}T00:00:00`).toISOString() : null;
      const found = await get(`/incidents${query({ ...wanted, since, limit: 50, cursor })}`);
      if (turn !== asked) return;
      if (fresh) rows.replaceChildren();
      rows.append(...found.items.map(row));
      cursor = found.next_cursor;
      more.hidden = !cursor;
      if (!rows.childElementCount) rows.append(h("tr", {}, h("td", { colspan: 8, class: "muted" }, t("nothing_here"))));
    } catch (error) { fail(error); }
  };
  const row = (item) => {
    const picture = picked(item, "annotated", "original");
    const open = () => app.go(`/console/incidents/${item.id}`);
    return h("tr", { class: "clickable", onclick: open }, h("td", {}, picture && h("img", { class: "mini", src: evidenceUrl(picture.id, { width: 160, reason: "history" }), alt: "", loading: "lazy" })),
      h("td", {}, h("a", { href: `/console/incidents/${item.id}` }, kindName(item))), h("td", {}, statusChip(item.status)), h("td", {}, [item.place, app.cameraName(item.camera_id)].filter(Boolean).join(" · ")),
      h("td", { class: "nowrap" }, when(item.began_at, { date: "full" })), h("td", {}, lasted(item.began_at, item.ended_at)), h("td", {}, item.verdict ? t(`verdict_${item.verdict}`) : "—"), h("td", {}, item.case ? caseChip(item.case) : "—"));
  };
  const paintHead = () => {
    const select = (name, all, options) => h("select", { class: "input s", "aria-label": t(name), onchange: (e) => { wanted[name] = e.target.value; history.replaceState(null, "", `/console/history${query(wanted)}`); load(true); } }, h("option", { value: "" }, all), options.map(([value, label]) => h("option", { value, selected: wanted[name] === value }, label)));
    fill(head, h("div", { class: "line wrap" }, h("h1", {}, t("history")), h("span", { class: "grow" }), select("type", t("everything"), TYPES.map((x) => [x, t(x)])), select("status", t("any_status"), STATES.map((x) => [x, t(x)])),
      select("camera", t("all_cameras"), [...app.cameras.values()].map((c) => [c.id, c.name])), h("label", { class: "line small muted" }, t("since"), h("input", { class: "input s", type: "date", value: wanted.since, onchange: (e) => { wanted.since = e.target.value; load(true); } }))));
  };
  const known = () => { paintHead(); app.store.removeEventListener("cameras", known); };
  app.store.addEventListener("cameras", known);
  paintHead();
  load(true);
  return () => app.store.removeEventListener("cameras", known);
}

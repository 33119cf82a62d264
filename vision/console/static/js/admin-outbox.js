// The outbox: what each platform says of us, and what could not be delivered: corrected, noted as filed, given up.

import { get, post, query } from "./api.js";
import { field, guarded, row, sure, table } from "./admin-parts.js";
import { button, fill, h } from "./dom.js";
import { t, when } from "./i18n.js";
import { ask, fail, toast } from "./toast.js";

const STATES = ["dead", "pending", "sending", "delivered", "dropped"];
const PLAIN = ["description", "place", "grid_id", "event_code"]; // what is corrected most; the rest as JSON

export async function deliveries(body, app, status = "dead", cursor = null, before = []) {
  const again = () => deliveries(body, app, status).catch(fail);
  const [page, platforms] = await Promise.all([get(`/admin/deliveries${query({ status, cursor })}`), get("/admin/platforms")]);
  const items = [...before, ...page.items];
  fill(body,
    platforms.length > 0 && h("div", { class: "cards spaced" }, platforms.map(platformCard)),
    h("div", { class: "line wrap table-tools" }, STATES.map((name) => button(t(`delivery_${name}`), { kind: "s", pressed: name === status, onclick: () => deliveries(body, app, name).catch(fail) }))),
    h("div", { class: "table-card" }, table(["time", "kind", "target", "incident", "attempts", "their_words", ""], items.map((d) => row(when(d.created_at, { date: "full" }), t(`delivery_kind_${d.kind}`), d.target,
      h("a", { class: "mono tiny", href: `/console/incidents/${d.incident_id}` }, d.incident_id), d.attempts, h("div", { class: "words" }, d.last_error, d.outcome_unknown && h("div", { class: "small trouble" }, t("outcome_unknown"))),
      d.status === "dead" && h("div", { class: "line nowrap" }, button(t("resend"), { kind: "s", onclick: () => resend(d, again) }), d.kind === "file" && button(t("filed_already"), { kind: "s", onclick: () => filed(d, again) }),
        button(t("drop"), { kind: "s", onclick: guarded(async () => { if (await sure(t("drop"), t("drop_hint"))) await post(`/admin/deliveries/${d.id}/drop`); }, again) })))))),
    page.next_cursor && button(t("more"), { onclick: () => deliveries(body, app, status, page.next_cursor, items).catch(fail) }));
}

function platformCard(p) {
  return h("section", { class: "card stack" },
    h("div", { class: "line wrap" }, h("b", {}, p.name), h("span", { class: `chip ${!p.asked ? "" : p.problems.length ? "red" : "green"}` }, t(!p.asked ? "platform_unasked" : p.problems.length ? "platform_misfit" : "platform_fits"))),
    h("p", { class: "small muted" }, t("platform_line", { waiting: p.waiting, dead: p.dead, delivered: p.delivered }), p.last_delivered_at && ` · ${t("last_delivered")} ${when(p.last_delivered_at)}`),
    p.problems.map((words) => h("p", { class: "small trouble" }, words)));
}

async function filed(delivery, again) {
  const number = h("input", { class: "input mono", required: true, maxlength: 120 });
  const given = await ask(t("filed_already"), h("div", { class: "stack wide" }, h("p", { class: "small muted" }, t("filed_already_hint", { target: delivery.target })), field("case_number", number)), { read: () => ({ case_id: number.value.trim() }) });
  if (given) await guarded(() => post(`/admin/deliveries/${delivery.id}/filed`, given), () => { toast(t("saved")); return again(); })();
}

async function resend(delivery, again) {
  const box = h("input", { type: "checkbox" });
  const plain = delivery.kind === "file" ? PLAIN.map((name) => [name, h("input", { class: "input", value: delivery.payload.case?.[name] ?? "", placeholder: t("unchanged") })]) : [];
  const rest = h("textarea", { class: "input mono", rows: 3, placeholder: '{"extra": {"GRID": "…"}}' });
  const given = await ask(t("resend"), h("div", { class: "stack wide" }, h("p", { class: "small trouble" }, delivery.last_error),
    plain.map(([name, input]) => field(`case_${name}`, input)),
    delivery.kind === "file" && h("details", {}, h("summary", {}, t("corrections")), rest),
    delivery.outcome_unknown && h("label", { class: "line" }, box, t("not_there_hint"))),
  { okLabel: t("resend"), read: () => {
    try {
      const corrections = { ...(rest.value.trim() ? JSON.parse(rest.value) : {}), ...Object.fromEntries(plain.map(([name, input]) => [name, input.value.trim()]).filter(([, value]) => value)) };
      return { corrections, not_there: box.checked };
    } catch { toast(t("bad_json"), { bad: true }); return undefined; }
  } });
  if (given) await guarded(() => post(`/admin/deliveries/${delivery.id}/resend`, given), () => { toast(t("resent")); return again(); })();
}

// Administration: people, keys, what was done, what could not be delivered, when to stay silent, what is said.

import { del, get, patch, post, query } from "./api.js";
import { guarded, list, row, table } from "./admin-parts.js";
import { deliveries } from "./admin-outbox.js";
import { models } from "./admin-models.js";
import { phrases } from "./admin-phrases.js";
import { button, fill, h } from "./dom.js";
import { t, when } from "./i18n.js";
import { TYPES, actionName } from "./labels.js";
import { ask, fail, toast } from "./toast.js";

const ROLES = ["viewer", "operator", "supervisor", "engineer", "admin"];
const TABS = [["users", "access:manage"], ["keys", "access:manage"], ["audit", "audit:read"], ["deliveries", "deliveries:manage"], ["suppressions", "suppressions:manage"], ["phrases", "cameras:read"], ["models", "registry:write"]];
const roleName = (role) => t(role === "admin" ? "admin_role" : role);

export function adminPage(app, page, tab) {
  const tabs = TABS.filter(([, scope]) => app.actions.may(scope)).map(([name]) => name);
  const current = tabs.includes(tab) ? tab : tabs[0];
  const body = h("div", { class: "table-wrap" });
  fill(page, h("header", { class: "page-head" }, h("div", { class: "line wrap" }, h("h1", {}, t("admin")), tabs.map((name) => h("a", { class: "tab", href: `/console/admin/${name}`, "aria-current": name === current ? "page" : undefined }, t(`admin_${name}`))))), body);
  const show = { users, keys, audit, deliveries, suppressions, phrases, models }[current];
  if (show) show(body, app).catch(fail);
}

const roleSelect = (role, props = {}) => h("select", { class: "input s", ...props }, ROLES.map((name) => h("option", { value: name, selected: name === role }, roleName(name))));

function showSecret(title, hint, secret) {
  const text = h("input", { class: "input mono", readonly: true, value: secret, onfocus: (e) => e.target.select() });
  return ask(title, h("div", { class: "stack" }, h("p", { class: "small muted" }, hint), text), { okLabel: t("ok") });
}
const showLink = ({ name, token }) => showSecret(name, t("link_hint"), `${location.origin}/console/welcome#${token}`);

async function users(body) {
  const again = () => users(body);
  const found = await get("/admin/users");
  const add = async () => {
    const name = h("input", { class: "input", required: true, pattern: "[^\\s\\/#?%:]{1,80}" }), role = roleSelect("operator", { class: "input" }), districts = h("input", { class: "input", placeholder: t("comma_list") });
    const given = await ask(t("add_user"), h("div", { class: "stack" }, h("label", { class: "field" }, t("name"), name), h("label", { class: "field" }, t("role"), role), h("label", { class: "field" }, t("districts"), districts)), { read: () => ({ name: name.value.trim(), role: role.value, districts: list(districts.value) }) });
    if (given) await guarded(() => post("/admin/users", given), async (link) => { await showLink(link); await again(); })();
  };
  fill(body, h("div", { class: "line table-tools" }, button(t("add_user"), { iconName: "plus", kind: "primary", onclick: add })),
    table(["name", "role", "districts", "password", "status", ""], found.map((u) => row(h("b", {}, u.name),
      roleSelect(u.role, { "aria-label": t("role"), onchange: (e) => guarded(() => patch(`/admin/users/${encodeURIComponent(u.name)}`, { role: e.target.value }), again)() }), u.districts.join(", ") || t("all"), u.issuer ? h("span", { title: u.issuer }, t("by_provider")) : u.has_password ? t("password_set") : t("password_unset"),
      h("span", { class: `chip ${u.enabled ? "green" : ""}` }, u.enabled ? t("enabled") : t("disabled")),
      h("div", { class: "line" }, button(t("new_link"), { kind: "s", onclick: guarded(() => post(`/admin/users/${encodeURIComponent(u.name)}/link`), showLink) }), button(u.enabled ? t("disable") : t("enable"), { kind: "s", onclick: guarded(() => patch(`/admin/users/${encodeURIComponent(u.name)}`, { enabled: !u.enabled }), again) }))))));
}

async function keys(body) {
  const again = () => keys(body);
  const found = await get("/admin/keys");
  const add = async () => {
    const name = h("input", { class: "input", required: true, pattern: "[^\\s\\/#?%:]{1,80}" }), role = roleSelect("viewer", { class: "input" }), days = h("input", { class: "input", type: "number", min: 1, max: 3650 });
    const given = await ask(t("add_key"), h("div", { class: "stack" }, h("label", { class: "field" }, t("name"), name), h("label", { class: "field" }, t("role"), role), h("label", { class: "field" }, t("days_valid"), days)), { read: () => ({ name: name.value.trim(), role: role.value, days: days.value ? Number(days.value) : null }) });
    if (given) await guarded(() => post("/admin/keys", given), async (made) => { await showSecret(made.name, t("key_hint"), made.key); await again(); })();
  };
  fill(body, h("div", { class: "line table-tools" }, button(t("add_key"), { iconName: "plus", kind: "primary", onclick: add })),
    table(["name", "role", "created", "expires", "status", ""], found.map((k) => row(h("b", {}, k.name), roleName(k.role), when(k.created_at, { date: "full" }), k.expires_at ? when(k.expires_at, { date: "full" }) : "—", k.revoked_at ? h("span", { class: "chip red" }, t("revoked")) : h("span", { class: "chip green" }, t("valid")), !k.revoked_at && button(t("revoke"), { kind: "s", onclick: guarded(() => del(`/admin/keys/${k.id}`), again) })))));
}

async function audit(body, app, wanted = {}, cursor = null, before = []) {
  const page = await get(`/admin/audit${query({ ...wanted, cursor, limit: 100 })}`);
  const items = [...before, ...page.items];
  const filter = (name) => h("input", { class: "input s", placeholder: t(name), "aria-label": t(name), value: wanted[name] ?? "", onchange: (e) => audit(body, app, { ...wanted, [name]: e.target.value.trim() }).catch(fail) });
  fill(body, h("div", { class: "line wrap table-tools" }, filter("actor"), filter("action"), filter("subject")),
    table(["time", "actor", "action", "subject", "reason", ""], items.map((e) => row(h("span", { class: "nowrap" }, when(e.at, { date: "full" })), e.actor, h("div", {}, actionName(e.action), actionName(e.action) !== e.action && h("div", { class: "mono tiny muted" }, e.action)), h("span", { class: "mono tiny" }, e.subject), e.reason, h("span", { class: "mono tiny muted clip detail", title: JSON.stringify(e.detail) }, JSON.stringify(e.detail) === "{}" ? "" : JSON.stringify(e.detail))))),
    page.next_cursor && button(t("more"), { onclick: () => audit(body, app, wanted, page.next_cursor, items).catch(fail) }));
}

async function suppressions(body) {
  const again = () => suppressions(body);
  const found = await get("/admin/suppressions");
  const add = async () => {
    const local = (hours) => { const d = new Date(Date.now() + hours * 3600e3); return new Date(d - d.getTimezoneOffset() * 60e3).toISOString().slice(0, 16); };
    const begin = h("input", { class: "input", type: "datetime-local", value: local(0), required: true }), end = h("input", { class: "input", type: "datetime-local", value: local(4), required: true }), reason = h("input", { class: "input", required: true, maxlength: 500 });
    const type = h("select", { class: "input" }, h("option", { value: "" }, t("everything")), TYPES.map((name) => h("option", { value: name }, t(name))));
    const text = Object.fromEntries(["districts", "sites", "grids"].map((name) => [name, h("input", { class: "input", placeholder: t("comma_list") })]));
    const given = await ask(t("add_suppression"), h("div", { class: "stack" }, h("div", { class: "two" }, h("label", { class: "field" }, t("from"), begin), h("label", { class: "field" }, t("to"), end)), h("label", { class: "field" }, t("reason"), reason), h("label", { class: "field" }, t("type"), type), Object.entries(text).map(([name, input]) => h("label", { class: "field" }, t(name), input))),
      { read: () => ({ begins_at: new Date(begin.value).toISOString(), ends_at: new Date(end.value).toISOString(), reason: reason.value, types: type.value ? [type.value] : [], districts: list(text.districts.value), grids: list(text.grids.value), sites: list(text.sites.value).map((site) => { const [camera, zone = ""] = site.split("/"); return { camera, zone }; }) }) });
    if (given) await guarded(() => post("/admin/suppressions", given), again)();
  };
  const scope = (d) => ["types", "districts", "sites", "grids"].filter((n) => d[n]?.length).map((n) => `${t(n)}: ${d[n].map((x) => (n === "types" ? t(x) : n === "sites" ? x.filter(Boolean).join("/") : x)).join(", ")}`).join(" · ") || t("all");
  fill(body, h("div", { class: "line table-tools" }, button(t("add_suppression"), { iconName: "plus", kind: "primary", onclick: add })),
    table(["from", "to", "scope", "reason", "approved_by", ""], found.map((s) => row(when(s.begins_at, { date: "full" }), when(s.ends_at, { date: "full" }), scope(s.document), s.reason, s.approved_by, new Date(s.ends_at) > new Date() && button(t("end_now"), { kind: "s", onclick: guarded(() => del(`/admin/suppressions/${s.id}`), again) })))));
}

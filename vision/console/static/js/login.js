// Signing in, and setting the first password by a one-time link.

import { get, post } from "./api.js";
import { button, h } from "./dom.js";
import { lang, setLanguage, t } from "./i18n.js";

function frame(title, hint, fields, okLabel, submit, told = null) {
  const trouble = h("p", { class: "trouble", role: "alert", hidden: !told }, told === "oidc" ? t("sign_in_oidc_failed") : "");
  const ok = okLabel && h("button", { class: "btn primary", type: "submit" }, okLabel);
  const form = h("form", { class: "card stack gate", onsubmit: async (event) => {
    event.preventDefault();
    ok.disabled = true;
    trouble.hidden = true;
    try { await submit(); } catch (error) {
      trouble.textContent = error.status === 401 ? t(`${title}_wrong`) : error.status === 429 ? t("sign_in_slow") : error.message;
      trouble.hidden = false;
    }
    ok.disabled = false;
  } },
  h("img", { src: "/console/static/icon.svg", alt: "", width: "48", height: "48" }),
  h("h1", {}, t(title)), h("p", { class: "small muted" }, hint), fields, trouble, ok,
  button(t("language"), { kind: "flat s", onclick: () => { const next = lang() === "zh" ? "en" : "zh"; localStorage.setItem("language", next); setLanguage(next); open(); } }));
  document.body.replaceChildren(h("main", { class: "gateway" }, form));
  form.querySelector("input")?.focus();
  return form;
}

const field = (label, props) => h("label", { class: "field" }, label, h("input", { class: "input", required: true, maxlength: "200", ...props }));

async function login() {
  const query = new URLSearchParams(location.search), next = query.get("next") || "/console/";
  const ways = await get("/session", { quiet: true }).catch(() => ({ password: true, oidc: null }));
  const provider = ways.oidc && h("a", { class: "btn primary", href: `/api/v1/session/oidc?page=${encodeURIComponent(next)}` }, ways.oidc);
  if (!ways.password && provider) { frame("sign_in", t("sign_in_hint"), [provider], null, null, query.get("trouble")); return; }
  const form = frame("sign_in", t("sign_in_hint"), [
    field(t("name"), { name: "name", autocomplete: "username", autocapitalize: "none" }),
    field(t("password"), { name: "password", type: "password", autocomplete: "current-password" })],
  t("sign_in"), async () => {
    await post("/session", { name: form.elements.name.value.trim(), password: form.elements.password.value }, { quiet: true });
    location.replace(/^\/console\/(?!login|welcome)/.test(next) ? next : "/console/");
  }, query.get("trouble"));
  if (provider) form.append(h("p", { class: "small muted or" }, t("sign_in_or")), provider);
}

function welcome() {
  const token = location.hash.slice(1);
  const form = frame("welcome", t("welcome_hint"), [
    field(t("new_password"), { name: "password", type: "password", autocomplete: "new-password", minlength: "10" }),
    field(t("new_password_again"), { name: "again", type: "password", autocomplete: "new-password", minlength: "10" })],
  t("save"), async () => {
    if (form.elements.password.value !== form.elements.again.value) throw new Error(t("passwords_differ"));
    await post("/session/link", { token, password: form.elements.password.value }, { quiet: true });
    location.replace("/console/");
  });
}

function open() {
  (location.pathname.endsWith("/welcome") ? welcome : login)();
}

// True when this address is a gate, and it is shown.
export async function gate() {
  if (!/^\/console\/(login|welcome)$/.test(location.pathname)) return false;
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "dark";
  if (location.pathname.endsWith("/login") && await get("/me", { quiet: true }).catch(() => null)) { location.replace("/console/"); return true; }
  open();
  return true;
}

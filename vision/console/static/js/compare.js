// A view that is not what its zones were drawn on: what it should show beside what it shows now.

import { get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { t } from "./i18n.js";
import { reasonOf } from "./labels.js";
import { ask, fail, toast } from "./toast.js";

export async function compareViews(app, camera) {
  let views;
  try { ({ views } = await get(`/cameras/${encodeURIComponent(camera.id)}/views`)); } catch (error) { fail(error); return; }
  const told = camera.reason.split(":")[0];
  let view = told in views ? told : Object.keys(views)[0];
  const path = () => `/cameras/${encodeURIComponent(camera.id)}/views/${encodeURIComponent(view)}/reference`;
  const pair = h("div", { class: "compare" });
  const paint = () => fill(pair, picture(t("view_reference"), `/api/v1${path()}?reason=compare`), picture(t("view_now"), `/api/v1/cameras/${encodeURIComponent(camera.id)}/look?reason=compare`));
  paint();
  const chooser = Object.keys(views).length > 1 && h("select", { class: "input fit", "aria-label": t("view"), onchange: (event) => { view = event.target.value; paint(); } }, Object.keys(views).map((id) => h("option", { value: id, selected: id === view }, views[id].name || id)));
  const may = app.actions.may("registry:write");
  const yes = await ask(camera.name, h("div", { class: "stack" }, chooser, camera.reason && h("p", { class: "small" }, reasonOf(camera)), pair,
    h("p", { class: "small muted" }, t("view_accept_hint")), h("a", { href: `/console/zones/${encodeURIComponent(camera.id)}`, onclick: (event) => event.target.closest("dialog").close() }, t("zones"))),
  { okLabel: may ? t("view_accept") : null });
  if (!yes) return;
  try { await post(path()); toast(t("view_accepted")); app.loadCameras(); } catch (error) { fail(error); }
}

function picture(caption, src) {
  const image = h("img", { src, alt: caption, onerror: () => image.replaceWith(h("div", { class: "picture missing" }, t("picture_missing"))) });
  return h("figure", {}, image, h("figcaption", { class: "small muted" }, caption));
}

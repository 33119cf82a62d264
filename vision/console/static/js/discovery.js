// Cameras found in the network: asked for by ONVIF discovery, added one by one with their login.

import { post } from "./api.js";
import { button, fill, h } from "./dom.js";
import { t } from "./i18n.js";
import { ask, fail, toast } from "./toast.js";

export function openDiscovery(app) {
  const hosts = h("input", { class: "input mono", placeholder: "10.0.8.21, 10.0.8.22", "aria-label": t("find_hosts") });
  const user = h("input", { class: "input", autocomplete: "off", value: "admin", maxlength: "80" });
  const password = h("input", { class: "input", type: "password", autocomplete: "new-password", maxlength: "200" });
  const districts = [...new Set([...app.cameras.values()].map((c) => c.district).filter(Boolean))].sort();
  const district = h("input", { class: "input", list: "found-districts", maxlength: "80" });
  const list = h("div", { class: "found-list" }, h("p", { class: "small muted" }, t("find_hint")));
  const search = async () => {
    fill(list, h("p", { class: "small muted", role: "status" }, t("finding")));
    try {
      const { items } = await post("/discovery", { hosts: hosts.value.split(/[,,\s]+/).filter(Boolean) });
      fill(list, items.length ? h("ul", {}, items.map((found) => row(app, found, { user, password, district }))) : h("p", { class: "small" }, t("found_none")));
    } catch (error) { fill(list); fail(error); }
  };
  ask(t("find_cameras"), h("div", { class: "stack find" },
    h("div", { class: "line wrap" }, h("label", { class: "field grow" }, t("find_hosts"), hosts), button(t("find"), { kind: "primary", onclick: search })),
    h("div", { class: "line wrap" }, h("label", { class: "field grow" }, t("user"), user), h("label", { class: "field grow" }, t("password"), password), h("label", { class: "field grow" }, t("district"), district, h("datalist", { id: "found-districts" }, districts.map((name) => h("option", { value: name }))))),
    list), { okLabel: null, cancelLabel: t("close") });
}

function row(app, found, { user, password, district }) {
  const name = h("input", { class: "input s grow", value: found.name, maxlength: "80", "aria-label": t("name") });
  const state = h("span", { class: "small muted" }, found.camera_id ? t("found_known", { id: found.camera_id }) : "");
  const add = button(t("add"), { kind: "s", iconName: "plus", disabled: Boolean(found.camera_id), onclick: async () => {
    add.disabled = true;
    state.textContent = t("presets_asked");
    try {
      const made = await post("/discovery/add", { address: found.address, username: user.value.trim(), password: password.value, name: name.value.trim(), district: district.value.trim() });
      state.textContent = t("found_known", { id: made.id });
      toast(t("camera_added", { id: made.id, n: made.streams }));
      app.loadCameras();
    } catch (error) { add.disabled = false; state.textContent = error.message; }
  } });
  return h("li", { class: "line" }, h("span", { class: "mono small" }, found.host), name, h("span", { class: "small muted clip" }, [found.hardware, found.location].filter(Boolean).join(" · ")), state, add);
}

// Short messages at the foot of the page, and small dialogs.

import { button, h } from "./dom.js";
import { t } from "./i18n.js";

let box = null;

export function toast(text, { bad = false, action = null, ms = 4500 } = {}) {
  box ??= document.body.appendChild(h("div", { class: "toasts", role: "status", "aria-live": "polite" }));
  const element = h("div", { class: `toast ${bad ? "bad" : ""}` }, h("span", {}, text),
    action && button(action.label, { kind: "s", key: action.key, onclick: () => { close(); action.run(); } }));
  const close = () => { clearTimeout(timer); element.remove(); };
  const timer = setTimeout(close, ms);
  box.append(element);
  while (box.children.length > 3) box.firstChild.remove();
  return close;
}

export function fail(error) {
  if (error.status === 401) return;
  const text = error.status === 0 ? t("error_offline") : error.status === 409 ? `${t("error_409")} · ${error.message}` : t("failed", { detail: error.message });
  toast(text, { bad: true, ms: 7000 });
}

// Shows a dialog; resolves with what its form's submit handler returns, or null when it was closed.
export function ask(title, body, { okLabel, okKind = "primary", cancelLabel, read = () => true } = {}) {
  return new Promise((resolve) => {
    let answer = null;
    const form = h("form", { method: "dialog", class: "stack", onsubmit: (event) => {
      event.preventDefault();
      const value = read();
      if (value === undefined) return;
      answer = value;
      dialog.close();
    } }, h("h2", {}, title), body,
      h("div", { class: "line" }, h("span", { class: "grow" }),
        button(cancelLabel ?? t("cancel"), { onclick: () => dialog.close() }),
        okLabel !== null && h("button", { class: `btn ${okKind}`, type: "submit" }, okLabel ?? t("ok"))));
    const dialog = h("dialog", { onclose: () => { dialog.remove(); resolve(answer); } }, form);
    dialog.finish = (value) => { answer = value; dialog.close(); };
    document.body.append(dialog);
    dialog.showModal();
  });
}

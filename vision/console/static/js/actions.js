// What operators do to an alert. A verdict waits a few seconds before it is sent, so that it can be taken back.

import { get, post } from "./api.js";
import { button, h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { ask, fail, toast } from "./toast.js";

const GRACE_MS = 4000;
const REASONS = ["not_violation", "permitted", "gone", "passing", "image", "other"];

export class Actions {
  constructor(app) {
    this.app = app;
    this.pending = null;
    addEventListener("pagehide", () => this.flush(true));
  }

  may(scope) {
    return this.app.me.scopes.includes(scope);
  }

  confirm(item) {
    this.judge(item, "confirm", "");
  }

  async reject(item) {
    const reason = await askReason();
    if (reason !== null) this.judge(item, "reject", reason);
  }

  judge(item, verdict, reason) {
    this.flush();
    const closeToast = toast(t(verdict === "confirm" ? "confirmed_toast" : "rejected_toast", { place: item.place || item.camera_id }), {
      ms: GRACE_MS, action: { label: t("undo"), key: "U", run: () => this.undo() } });
    this.pending = { item, verdict, reason, closeToast, timer: setTimeout(() => this.flush(), GRACE_MS) };
    this.app.store.dispatchEvent(new CustomEvent("judged", { detail: { id: item.id, verdict } }));
  }

  undo() {
    if (!this.pending) return;
    const { item, timer, closeToast } = this.pending;
    clearTimeout(timer);
    closeToast();
    this.pending = null;
    this.app.store.dispatchEvent(new CustomEvent("unjudged", { detail: { id: item.id } }));
  }

  // Sends the verdict that waits; resolves when it is there.
  async flush(leaving = false) {
    if (!this.pending) return;
    const { item, verdict, reason, timer, closeToast } = this.pending;
    clearTimeout(timer);
    closeToast();
    this.pending = null;
    try {
      await post(`/incidents/${item.id}/verdict`, { verdict, reason }, { keepalive: leaving });
    } catch (error) {
      fail(error);
      this.app.store.dispatchEvent(new CustomEvent("unjudged", { detail: { id: item.id } }));
    }
  }

  async file(item) {
    try {
      await post(`/incidents/${item.id}/file`, {});
      toast(t("filed_toast", { place: item.place || item.camera_id }));
    } catch (error) { fail(error); }
  }

  async speak(item) {
    let speakers;
    try { speakers = await get("/speakers"); } catch (error) { fail(error); return; }
    const usable = speakers.filter((s) => s.enabled);
    if (!usable.length) { toast(t("no_speaker"), { bad: true }); return; }
    const choice = h("select", { class: "input", id: "speaker" }, usable.map((s) => h("option", { value: s.id }, s.name)));
    const text = h("textarea", { class: "input", rows: "3", maxlength: "300", placeholder: t("speak_text") });
    const phrase = t(`phrase_${item.type}`);
    text.value = phrase;
    const answer = await ask(t("speak"), h("div", { class: "stack" },
      h("label", { class: "field" }, t("speaker"), choice), h("label", { class: "field" }, t("speak_what"), text)),
    { okLabel: t("speak"), read: () => ({ speaker: choice.value, text: text.value.trim() }) });
    if (!answer) return;
    try {
      await post(`/speakers/${encodeURIComponent(answer.speaker)}/announce`, { text: answer.text === phrase ? "" : answer.text, incident_id: item.id });
      toast(t("spoken_toast"));
    } catch (error) { fail(error); }
  }

  claim(item, claim = true) {
    if (!this.may("incidents:act")) return Promise.resolve(null);
    return post(`/incidents/${item.id}/claim`, { claim }).catch(() => null);
  }
}

async function askReason() {
  let dialog = null;
  const more = h("input", { class: "input", maxlength: "300", placeholder: t("reason_more"), "aria-label": t("reason_more") });
  const finish = (name) => dialog.finish([t(`reason_${name}`), more.value.trim()].filter(Boolean).join(":"));
  const choices = h("div", { class: "reasons" }, REASONS.map((name, index) =>
    button(t(`reason_${name}`), { key: String(index + 1), onclick: () => finish(name) })));
  const answer = ask(t("reject_why"), h("div", { class: "stack" }, choices, more), { okLabel: null });
  dialog = document.querySelector("dialog[open]");
  dialog.addEventListener("keydown", (event) => {
    const index = Number(event.key) - 1;
    if (event.target !== more && REASONS[index]) { event.preventDefault(); finish(REASONS[index]); }
    else if (event.key === "Enter" && !event.target.closest("button")) { event.preventDefault(); finish("not_violation"); }
  });
  choices.firstChild.focus();
  return answer;
}

export const ACTION_ICON = { confirm: "check", reject: "cross", speak: "speak", file: "file" };
export const actionIcon = (name) => icon(ACTION_ICON[name], true);

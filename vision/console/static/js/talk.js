// Press to talk: the microphone's sound to a loudspeaker while the button is held, with the camera's picture beside it.

import { get, post } from "./api.js";
import { button, fill, h } from "./dom.js";
import { t, words } from "./i18n.js";
import { fail, toast } from "./toast.js";

const RATE = 16000;
const LOOK_MS = 1000;

// One press. `onState` hears: connecting, speaking, done, failed (with the reason in both languages).
export class Talk {
  constructor(speakerId, onState, onLevel = () => {}) {
    this.speakerId = speakerId;
    this.onState = onState;
    this.onLevel = onLevel;
    this.over = false;
  }

  async press() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
    } catch (error) {
      this.tell({ state: "failed", why: { zh: `${t("no_microphone")} (${error.name})`, en: `${t("no_microphone")} (${error.name})` } });
      return;
    }
    if (this.over) { this.close(); return; }
    this.context = new AudioContext({ sampleRate: RATE });
    await this.context.audioWorklet.addModule("/console/static/js/talk-worklet.js");
    const node = new AudioWorkletNode(this.context, "talk", { numberOfOutputs: 0 });
    this.context.createMediaStreamSource(this.stream).connect(node);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/v1/speakers/${encodeURIComponent(this.speakerId)}/talk?rate=${this.context.sampleRate}`);
    this.socket.binaryType = "arraybuffer";
    node.port.onmessage = ({ data }) => {
      this.onLevel(data.level);
      if (this.socket.readyState === WebSocket.OPEN && !this.over) this.socket.send(data.samples);
    };
    this.socket.onmessage = ({ data }) => this.tell(JSON.parse(data));
    this.socket.onclose = () => { this.tell({ state: "closed" }); this.close(); };
    if (this.over) this.release();
  }

  release() {
    this.over = true;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send("end");
    else if (this.socket) this.socket.addEventListener("open", () => this.socket.send("end"), { once: true });
    this.silence();
  }

  tell(news) {
    if (this.ended) return;
    if (news.state === "done" || news.state === "failed") this.ended = true;
    if (news.state !== "closed" || !this.ended) this.onState(news);
  }

  silence() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context?.state !== "closed") this.context?.close();
    this.onLevel(0);
  }

  close() {
    this.over = true;
    this.silence();
    if (this.socket?.readyState < WebSocket.CLOSING) this.socket.close();
  }
}

// A dialog with the live picture, the loudspeakers that reach the camera's zones, the button, and stop.
export async function openTalk(cameraId, title) {
  let speakers, phrases;
  try {
    [speakers, phrases] = await Promise.all([get(`/cameras/${encodeURIComponent(cameraId)}/speakers`), get("/phrases")]);
  } catch (error) { fail(error); return; }
  if (!speakers.length) { toast(t("no_speaker"), { bad: true }); return; }
  const image = h("img", { class: "talk-picture", alt: title });
  const choice = h("select", { class: "input", name: "speaker" }, speakers.map((s) => h("option", { value: s.id }, s.name)));
  const phrase = h("select", { class: "input grow talk-phrase", name: "phrase" }, phrases.map((p) => h("option", { value: p.id }, (p.zh || p.en).replace(/\{\w+\}[,,]?\s*/g, ""))));
  const state = h("output", { class: "talk-state", "aria-live": "polite" }, t("talk_idle"));
  const level = h("meter", { class: "talk-level", min: "0", max: "1", low: "0.02", high: "0.9", optimum: "0.4" });
  const hold = h("button", { class: "btn primary talk-hold", type: "button" }, t("talk_hold"));
  let talk = null;
  const press = () => {
    if (talk) return;
    talk = new Talk(choice.value, show, (value) => { level.value = value; });
    hold.setAttribute("aria-pressed", "true");
    talk.press().catch((error) => { show({ state: "failed", why: { zh: String(error), en: String(error) } }); });
  };
  const release = () => { talk?.release(); hold.removeAttribute("aria-pressed"); };
  const show = (news) => {
    state.dataset.state = news.state;
    fill(state, t(`talk_${news.state}`), news.why?.zh ? ` · ${words(news.why)}` : "");
    if (["done", "failed", "closed"].includes(news.state)) { talk?.close(); talk = null; hold.removeAttribute("aria-pressed"); }
  };
  hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); press(); });
  hold.addEventListener("pointerup", release);
  hold.addEventListener("pointercancel", release);
  hold.addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) { event.preventDefault(); press(); } });
  hold.addEventListener("keyup", (event) => { if (event.key === " ") release(); });
  const stop = async () => {
    release();
    try { await post(`/speakers/${encodeURIComponent(choice.value)}/stop`); } catch (error) { fail(error); }
  };
  const play = async () => {
    try { await post(`/speakers/${encodeURIComponent(choice.value)}/announce`, { phrase_id: phrase.value }); toast(t("spoken_toast")); } catch (error) { fail(error); }
  };
  const dialog = h("dialog", { class: "talk", onclose: () => { clearInterval(timer); talk?.close(); dialog.remove(); } },
    h("div", { class: "stack" }, h("h2", {}, title), image,
      h("label", { class: "field" }, t("speaker"), choice), state, level, hold,
      h("div", { class: "line" }, phrase, button("", { iconName: "next", kind: "square", title: t("talk_preview"), onclick: () => new Audio(`/api/v1/phrases/${encodeURIComponent(phrase.value)}/preview`).play().catch(fail) }), button(t("speak"), { iconName: "speak", onclick: play })),
      h("div", { class: "line" }, button(t("talk_stop"), { kind: "danger", onclick: stop }), h("span", { class: "grow" }), button(t("close"), { onclick: () => dialog.close() }))));
  const look = async () => {
    try {
      const response = await fetch(`/api/v1/cameras/${encodeURIComponent(cameraId)}/look?reason=talk&wait=false`, { cache: "no-store" });
      if (response.status !== 200) return;
      const old = image.src;
      image.src = URL.createObjectURL(await response.blob());
      if (old) URL.revokeObjectURL(old);
    } catch { /* the next turn tries again */ }
  };
  const timer = setInterval(look, LOOK_MS);
  document.body.append(dialog);
  dialog.showModal();
  look();
}

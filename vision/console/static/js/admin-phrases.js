// What loudspeakers say and when they may: the mute, the phrases with what each achieved, every speaker's own limits.

import { del, get, patch, put, putFile, soundUrl } from "./api.js";
import { field, guarded, hoursEditor, hoursText, list, percent, row, sure, table } from "./admin-parts.js";
import { button, fill, h } from "./dom.js";
import { lasted, t } from "./i18n.js";
import { TYPES } from "./labels.js";
import { ask, fail, toast } from "./toast.js";

const FIELDS = "{shop} {place} {zone} {district} {minutes}";
const EXAMPLE = { shop: "海鲜店", place: "解放路" }; // what stands in for the names while somebody listens

export async function phrases(body, app) {
  const again = () => phrases(body, app).catch(fail);
  const may = app.actions.may("registry:write");
  const [state, found, speakers, effect] = await Promise.all([get("/loudspeakers"), get("/phrases"), get("/speakers"), get("/statistics/loudspeakers")]);
  fill(body, muteBar(app, state, again), effects(effect),
    h("div", { class: "line table-tools" }, h("h2", { class: "grow" }, t("phrases")), may && button(t("add_phrase"), { iconName: "plus", kind: "primary", onclick: () => edit(null, again) })),
    phraseTable(found, effect, may, again),
    h("h2", { class: "table-tools spaced" }, t("speakers")),
    speakerTable(speakers, may, again));
}

function muteBar(app, state, again) {
  const talking = Object.entries(state.talking);
  return h("div", { class: `card line wrap mute ${state.muted ? "on" : ""}` },
    h("b", {}, t(state.muted ? "mute_on" : "mute_off")), h("span", { class: "small muted grow" }, talking.length ? talking.map(([speaker, who]) => `${speaker}: ${who}`).join(" · ") : t("mute_hint")),
    app.actions.may("speakers:speak") && button(t(state.muted ? "unmute" : "mute_all"), { iconName: state.muted ? "speak" : "mute", kind: state.muted ? "good" : "bad", onclick: guarded(() => put("/loudspeakers/mute", { on: !state.muted }), again) }));
}

function effects(effect) {
  const silent = Object.entries(effect.silent).sort((a, b) => b[1] - a[1]);
  const tile = (name, value, note) => h("div", { class: "card figure" }, h("span", { class: "small muted" }, t(name)), h("b", {}, value), h("span", { class: "tiny muted" }, note ?? ""));
  return h("div", { class: "figures spaced" },
    tile("spoken_month", effect.total.spoken), tile("rectified_rate", percent(effect.total.rate), t("rectified_of", { n: effect.total.rectified })),
    tile("rectified_after_s", effect.total.median_s === null ? "—" : lasted(0, new Date(effect.total.median_s * 1000))),
    tile("stayed_silent", silent.reduce((sum, [, n]) => sum + n, 0), silent.slice(0, 2).map(([cause, n]) => `${t(`cause_${cause || "none"}`)} ${n}`).join(" · ")),
    tile("speak_failed", effect.failed));
}

function phraseTable(found, effect, may, again) {
  const rates = new Map(effect.by_phrase.map((one) => [one.key, one]));
  return h("div", { class: "table-card" }, table(["phrase", "words", "fits", "recording", "rectified_rate", ""], found.map((phrase) => {
    const rate = rates.get(phrase.id);
    return row(h("div", {}, h("b", { class: "mono" }, phrase.id), h("div", { class: "tiny muted" }, t(`origin_${phrase.origin}`))),
      h("div", { class: "words" }, h("div", {}, phrase.zh || "—"), h("div", { class: "tiny muted" }, phrase.en)),
      h("div", { class: "small" }, fits(phrase)),
      phrase.recorded ? h("span", { class: "chip green" }, t("recorded")) : h("span", { class: "chip" }, t("by_speech")),
      rate ? h("div", {}, h("b", {}, percent(rate.rate)), h("div", { class: "tiny muted" }, t("rate_of", { rectified: rate.rectified, spoken: rate.spoken }))) : h("span", { class: "muted" }, "—"),
      h("div", { class: "line nowrap" }, button(t("listen"), { iconName: "speak", kind: "s", onclick: () => listen(phrase) }),
        may && button(t("edit"), { kind: "s", onclick: () => edit(phrase, again) }),
        may && upload(phrase, again),
        may && phrase.recorded && button(t("recording_off"), { kind: "s", onclick: guarded(() => del(`/phrases/${encodeURIComponent(phrase.id)}/recording`), again) }),
        may && ["own", "changed"].includes(phrase.origin) && button(t(phrase.origin === "own" ? "remove" : "phrase_reset"), { kind: "s", onclick: guarded(async () => { if (await sure(t(phrase.origin === "own" ? "remove" : "phrase_reset"), t("phrase_reset_hint", { id: phrase.id }))) await del(`/phrases/${encodeURIComponent(phrase.id)}`); }, again) })));
  })));
}

function fits(phrase) {
  const parts = [phrase.types.length ? phrase.types.map((type) => t(type)).join("、") : t("everything")];
  if (phrase.warning) parts.push(t("warning_n", { n: phrase.warning }));
  if (phrase.hours.length) parts.push(hoursText(phrase.hours));
  if (phrase.cameras.length || phrase.zones.length) parts.push([...phrase.cameras, ...phrase.zones].join(", "));
  return parts.join(" · ");
}

let playing = null;

async function listen(phrase) {
  playing?.pause();
  try {
    playing = new Audio(await soundUrl(`/phrases/${encodeURIComponent(phrase.id)}/preview`, EXAMPLE));
    playing.addEventListener("ended", () => URL.revokeObjectURL(playing.src), { once: true });
    await playing.play();
    toast(t("listening", { id: phrase.id }));
  } catch (error) { fail(error); }
}

function upload(phrase, again) {
  const input = h("input", { type: "file", accept: "audio/*", hidden: true, onchange: guarded(async () => {
    const [file] = input.files;
    if (file) await putFile(`/phrases/${encodeURIComponent(phrase.id)}/recording`, file);
  }, () => { toast(t("recording_kept")); return again(); }) });
  return h("span", {}, input, button(t("upload"), { kind: "s", title: t("upload_hint"), onclick: () => input.click() }));
}

async function edit(phrase, again) {
  const id = h("input", { class: "input mono", required: true, pattern: "[A-Za-z0-9][A-Za-z0-9_\\-]{0,79}", value: phrase?.id ?? "", disabled: Boolean(phrase) });
  const zh = h("textarea", { class: "input", rows: 2, maxlength: 300 }, phrase?.zh ?? ""), en = h("textarea", { class: "input", rows: 2, maxlength: 300 }, phrase?.en ?? "");
  const types = TYPES.map((type) => h("label", { class: "line" }, h("input", { type: "checkbox", name: type, checked: phrase?.types.includes(type) }), t(type)));
  const warning = h("select", { class: "input" }, [["", "warning_any"], ["1", "warning_first"], ["2", "warning_second"]].map(([value, name]) => h("option", { value, selected: String(phrase?.warning ?? "") === value }, t(name))));
  const cameras = h("input", { class: "input", placeholder: t("comma_list"), value: phrase?.cameras.join(", ") ?? "" }), zones = h("input", { class: "input", placeholder: t("comma_list"), value: phrase?.zones.join(", ") ?? "" });
  const hours = hoursEditor(phrase?.hours ?? []);
  const given = await ask(phrase ? t("edit_phrase") : t("add_phrase"), h("div", { class: "stack wide" },
    !phrase && field("phrase_id", id), field("in_chinese", zh, t("phrase_fields", { fields: FIELDS })), field("in_english", en),
    h("div", { class: "line wrap" }, types), field("which_warning", warning),
    h("details", {}, h("summary", {}, t("narrower")), h("div", { class: "stack" }, field("cameras", cameras), field("zones_list", zones), h("span", { class: "small muted" }, t("phrase_hours")), hours.element)),
    phrase?.recorded && h("p", { class: "trouble" }, t("recording_goes"))),
  { okLabel: t("save"), read: () => ({ id: id.value, body: { zh: zh.value.trim(), en: en.value.trim(), types: types.map((label) => label.firstChild).filter((box) => box.checked).map((box) => box.name), warning: warning.value ? Number(warning.value) : null, cameras: list(cameras.value), zones: list(zones.value), hours: hours.value() } }) });
  if (given) await guarded(() => put(`/phrases/${encodeURIComponent(given.id)}`, given.body), () => { toast(t("saved")); return again(); })();
}

function speakerTable(speakers, may, again) {
  return h("div", { class: "table-card" }, table(["name", "place", "quiet_hours", "limits", "status", ""], speakers.map((s) => row(
    h("div", {}, h("b", {}, s.name), h("div", { class: "tiny muted mono" }, `${s.id} · ${s.kind}`)), s.place,
    s.quiet.length ? hoursText(s.quiet) : t("never_quiet"),
    h("span", { class: "small" }, t("limits_of", { daily: s.daily_cap, cooldown: Math.round(s.cooldown_s), volume: Math.round(s.volume_cap * 100) })),
    h("div", { class: "line" }, h("span", { class: `chip ${s.enabled ? "green" : ""}` }, t(s.enabled ? "enabled" : "disabled")), s.sensitive_area && h("span", { class: "chip amber", title: s.exemption }, t("sensitive_area"))),
    may && h("div", { class: "line nowrap" }, button(t("edit"), { kind: "s", onclick: () => editSpeaker(s, again) }), button(t(s.enabled ? "disable" : "enable"), { kind: "s", onclick: guarded(() => patch(`/speakers/${encodeURIComponent(s.id)}`, { enabled: !s.enabled }), again) }))))));
}

async function editSpeaker(speaker, again) {
  const quiet = hoursEditor(speaker.quiet);
  const number = (value, props) => h("input", { class: "input", type: "number", required: true, value, ...props });
  const daily = number(speaker.daily_cap, { min: 0, max: 10000 }), cooldown = number(Math.round(speaker.cooldown_s), { min: 0, max: 86400 }), volume = number(Math.round(speaker.volume_cap * 100), { min: 1, max: 100 });
  const sensitive = h("input", { type: "checkbox", checked: speaker.sensitive_area }), exemption = h("input", { class: "input", maxlength: 500, value: speaker.exemption });
  const given = await ask(speaker.name, h("div", { class: "stack wide" }, h("span", { class: "small muted" }, t("quiet_hint")), quiet.element,
    h("div", { class: "three" }, field("daily_cap", daily), field("cooldown_s", cooldown), field("volume_cap", volume)),
    h("label", { class: "line" }, sensitive, t("sensitive_hint")), field("exemption", exemption)),
  { okLabel: t("save"), read: () => ({ quiet: quiet.value(), daily_cap: Number(daily.value), cooldown_s: Number(cooldown.value), volume_cap: Number(volume.value) / 100, sensitive_area: sensitive.checked, exemption: exemption.value.trim() }) });
  if (given) await guarded(() => patch(`/speakers/${encodeURIComponent(speaker.id)}`, given), () => { toast(t("saved")); return again(); })();
}

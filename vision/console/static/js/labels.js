// How incidents, cases and cameras are worded and coloured everywhere.

import { h } from "./dom.js";
import { lang, t } from "./i18n.js";

export const TYPES = ["out_of_store", "garbage", "bike_misparked"];

export const kindName = (item) => t(item.subtype && item.subtype !== item.type ? item.subtype : item.type);

// As the queue's second row of lists: what came since the last shift, what is late, where video and platform disagree.
const RUNNING = new Set(["filed", "dispatched"]);
export const late = (item, nowIso = new Date().toISOString()) => Boolean(item.case?.due_at) && RUNNING.has(item.case.status) && item.case.due_at < nowIso;
export const ACTIVE_STATES = ["open", "warned", "filed", "handled", "reopened"];

const STATUS_COLOUR = { open: "amber", warned: "violet", filed: "blue", handled: "violet", reopened: "red", closed: "green", rectified: "green", rejected: "", suspected: "", lapsed: "" };
const CASE_COLOUR = { pending: "amber", filed: "blue", dispatched: "blue", handled: "violet", returned: "red", suspended: "amber", closed: "green", dead: "red", withdrawn: "" };
const STATE_COLOUR = { live: "green", connecting: "amber", reconnecting: "amber", refused: "red", stopped: "red", unwatched: "red", view_moved: "amber", view_unusable: "amber", held: "violet", disabled: "" };

export const statusChip = (status) => h("span", { class: `chip ${STATUS_COLOUR[status] ?? ""}` }, t(status));
export const caseChip = (c) => h("span", { class: `chip ${CASE_COLOUR[c.status] ?? ""}` }, `${t(`case_${c.status}`)}${c.id ? ` · ${c.id}` : ""}`);
export const stateColour = (state) => STATE_COLOUR[state] ?? "amber";
export const stateName = (state) => { const key = `state_${state}`; const name = t(key); return name === key ? state : name; };
export const colourChip = (colour) => colour && h("span", { class: `chip ${colour === "yellow" ? "amber" : colour}` }, t(colour));
export const picked = (item, ...roles) => roles.map((role) => item.evidence.findLast?.((e) => e.role === role) ?? [...item.evidence].reverse().find((e) => e.role === role)).find(Boolean);

// Who did a step: a camera by its name, anything else by what it is; a person's own name stays.
export function actorName(actor, app) {
  const [kind, ...rest] = actor.split(":"), name = rest.join(":");
  if (kind === "camera") return `${t("camera")} ${app.cameraName(name)}`;
  const key = `actor_${kind}`, word = t(key);
  return word === key ? actor : [word, name].filter(Boolean).join(" ");
}

// What the audit log calls an action, in words; what has none keeps its own name.
export function actionName(action) {
  const key = `audit_${action}`, word = t(key);
  return word === key ? action : word;
}

// A worker's reason as "view: 中文 / English": the part in the reader's language; any other reason as it is.
export function reasonOf(camera) {
  const both = /^(.*?)([^:]*[\u4e00-\u9fff][^/]*) \/ (.+)$/u.exec(camera.reason);
  return both ? both[1] + (lang() === "zh" ? both[2] : both[3]).trim() : camera.reason;
}

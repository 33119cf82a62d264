// One incident in full: pictures before and after, why it was raised, its story, case and comments.

import { evidenceUrl, get, post } from "./api.js";
import { button, fill, focusIn, h } from "./dom.js";
import { lasted, t, when, words } from "./i18n.js";
import { actorName, caseChip, colourChip, kindName, picked, statusChip } from "./labels.js";
import { miniMap } from "./minimap.js";
import { zoomable } from "./picture.js";
import { fail, toast } from "./toast.js";

const AGAIN_AFTER_MS = 3000;
const VERBS = ["confirm", "reject", "speak", "file", "undo"];

export class IncidentView {
  // `wide`: the page of its own; else the pane beside the queue.
  constructor(app, { wide = false, onDone = () => {} } = {}) {
    this.app = app;
    this.wide = wide;
    this.onDone = onDone;
    this.item = null;
    this.detail = null;
    this.role = null;
    this.kept = new Map();
    this.element = h("article", { class: `incident ${wide ? "alone" : ""}`, "aria-live": "off" });
    this.clear();
  }

  clear() {
    this.item = this.detail = null;
    fill(this.element, h("div", { class: "empty" }, h("p", {}, t("nothing_selected"))));
  }

  // Shows what is known at once, then the rest.
  async show(item) {
    const same = this.item?.id === item.id;
    if (same && this.item.version === item.version && this.item.updated_at === item.updated_at && this.detail) return;
    this.item = item;
    if (!same) { this.detail = null; this.role = null; this.kept = new Map(); this.paint(); }
    try {
      const detail = await get(`/incidents/${item.id}`);
      if (this.item?.id !== item.id) return;
      this.detail = detail;
      this.item = detail;
      this.paint();
      if (this.wide && !this.shownPlace && location.hash) { this.shownPlace = true; const place = document.getElementById(location.hash.slice(1)); place?.classList.add("target"); place?.scrollIntoView({ block: "center" }); }
    } catch (error) {
      if (error.status === 404) this.clear(); else fail(error);
    }
  }

  paint() {
    const item = this.item;
    const back = focusIn(this.element); // before the parts are made: what is kept moves into the new ones
    fill(this.element, this.head(item), this.pictures(item), this.bar(item), this.clip(), this.facts(item));
    back?.();
  }

  // The same element at every painting of this alert: a zoomed picture, a half-written comment, a sound stay as they are.
  // A picture that was not there is asked for again: a slow store may have it by now.
  keep(name, make) {
    if (!this.kept.has(name) || this.kept.get(name).lostAt < Date.now() - AGAIN_AFTER_MS) this.kept.set(name, make());
    return this.kept.get(name);
  }

  head(item) {
    return h("header", { class: "incident-head" },
      h("div", { class: "line wrap" }, h("h1", {}, kindName(item)), statusChip(item.status), colourChip(item.colour),
        item.case && caseChip(item.case), item.verdict && h("span", { class: "chip" }, `${t(`verdict_${item.verdict}`)} · ${(item.verdict_by || "").replace(/^operator:/, "")}`),
        item.claimed_by && item.claimed_by !== this.app.me.name && h("span", { class: "chip amber" }, t("claimed_by", { name: item.claimed_by }))),
      h("p", { class: "muted" }, [item.place, this.app.cameraName(item.camera_id), item.district].filter(Boolean).join(" · ")),
      item.why && h("p", { class: "why" }, words(item.why)));
  }

  pictures(item) {
    const found = picked(item, "annotated", "original");
    const after = picked(item, "after_annotated", "after");
    const all = (this.detail?.evidence ?? item.evidence).filter((e) => e.media_type.startsWith("image/"));
    const shown = this.role ? all.find((e) => e.id === this.role) ?? found : found;
    const alt = t("picture_alt", { type: kindName(item), place: item.place });
    const figure = (evidence, caption) => h("figure", {},
      evidence ? this.keep(`${caption} ${evidence.id}`, () => zoomable(evidenceUrl(evidence.id), alt)) : h("div", { class: "picture missing" }, t("picture_missing")),
      h("figcaption", { class: "tiny muted" }, caption, evidence && ` · ${when(evidence.captured_at, { date: "full" })}`));
    return h("div", {},
      h("div", { class: after ? "pictures pair" : "pictures" },
        figure(shown, after ? t("before") : t(shown?.role ?? "annotated")), after && figure(after, t("now"))),
      all.length > 1 && h("div", { class: "filmstrip", role: "group", "aria-label": t("evidence") }, all.map((e) =>
        h("button", { type: "button", title: `${t(e.role)} · ${when(e.captured_at)}`, "aria-pressed": String(e.id === shown?.id), onclick: () => { this.role = e.id; this.paint(); } },
          h("img", { src: evidenceUrl(e.id, { width: 160 }), alt: "", loading: "lazy" }), h("span", { class: "tiny" }, t(e.role))))));
  }

  // The same element as long as it is the same clip: what is being played goes on when the page is painted anew.
  clip() {
    const clip = this.detail?.evidence.find((e) => e.media_type.startsWith("video/"));
    if (!clip) return null;
    if (this.film?.id !== clip.id) {
      const video = h("video", { class: "clip-video", controls: true, preload: "metadata", src: evidenceUrl(clip.id, { browser: true }) });
      const caption = h("figcaption", { class: "tiny muted line" }, `${t("clip")} · ${when(clip.captured_at, { date: "full" })}`, h("a", { class: "right", href: evidenceUrl(clip.id), download: `${this.item.id}.mp4` }, t("original")));
      this.film = { id: clip.id, element: h("figure", { class: "clip-figure" }, video, caption) };
    }
    return this.film.element;
  }

  bar(item) {
    const { actions } = this.app;
    const judged = item.verdict !== null || ["rejected", "closed", "rectified", "lapsed"].includes(item.status);
    const act = actions.may("incidents:act");
    const over = Boolean(item.ended_at);
    return h("div", { class: "actions" },
      button(t("confirm"), { iconName: "check", key: "C", kind: "good", disabled: judged || !act, onclick: () => { actions.confirm(item); this.onDone(); } }),
      button(t("reject"), { iconName: "cross", key: "R", kind: "bad", disabled: judged || !act, onclick: () => actions.reject(item) }),
      button(t("speak"), { iconName: "speak", key: "S", disabled: over || !actions.may("speakers:speak"), onclick: () => actions.speak(item) }),
      button(t("file"), { iconName: "file", key: "F", disabled: over || !act || item.status === "filed", onclick: () => actions.file(item) }),
      h("span", { class: "grow" }),
      button("", { iconName: "link", kind: "flat square", title: t("copy_link"), onclick: () => copyLink(item.id) }),
      !this.wide && h("a", { class: "btn flat", href: `/console/incidents/${item.id}`, title: t("open_page") }, t("open_page")));
  }

  facts(item) {
    const detail = this.detail;
    const row = (name, value) => value ? [h("dt", {}, name), h("dd", {}, value)] : [];
    return h("div", { class: "columns" },
      h("section", {}, h("h2", { class: "sub" }, t("facts")), h("dl", { class: "facts" },
          row(t("began"), when(item.began_at, { date: "full" })),
          row(item.ended_at ? t("ended") : t("lasting"), item.ended_at ? when(item.ended_at, { date: "full" }) : lasted(item.began_at)),
          row(t("last_seen"), when(item.last_seen_at)),
          row(t("camera"), h("a", { href: `/console/wall?camera=${encodeURIComponent(item.camera_id)}` }, this.app.cameraName(item.camera_id))),
          row(t("zone"), this.app.actions.may("registry:write") ? h("a", { href: `/console/zones/${encodeURIComponent(item.camera_id)}` }, item.zone_id) : item.zone_id),
          row(t("grid"), item.grid_id && h("a", { href: `/console/queue?tab=all&grid=${encodeURIComponent(item.grid_id)}` }, item.grid_id)),
          row(t("shop"), item.shop_id && h("span", { class: "line" }, item.shop_id, colourChip(item.colour))),
          row(t("confidence"), item.confidence ? `${Math.round(item.confidence * 100)} %` : null),
          row(t("objects"), item.object_count || null),
          row(t("code"), item.event_code ? `${item.event_code} (${item.standard_ref})` : null),
          row(t("department"), item.department || null),
          row(t("area_class"), item.area_class || null),
          row(t("offence"), item.offences > 1 ? t("offence_nth", { n: item.offences, colour: t(item.colour) }) : null)),
        this.map(item),
        h("h2", { class: "sub" }, t("cases")), this.cases(detail?.cases ?? (item.case ? [item.case] : [])),
        detail && detail.witnesses.length > 1 && [h("h2", { class: "sub" }, t("witnesses")), h("ul", {}, detail.witnesses.map((w) => h("li", { class: "small" }, h("a", { href: `/console/wall?camera=${encodeURIComponent(w.camera_id)}` }, this.app.cameraName(w.camera_id)), ` · ${when(w.first_seen_at)} – ${when(w.last_seen_at)}`)))],
        detail && detail.similar.length > 0 && [h("h2", { class: "sub" }, t("similar")), h("ul", { class: "similar" }, detail.similar.map((s) =>
          h("li", { class: "line" }, h("a", { href: `/console/incidents/${s.id}` }, when(s.began_at, { date: "full" })), statusChip(s.status), s.verdict && h("span", { class: "chip" }, t(`verdict_${s.verdict}`)), s.ended_at && h("span", { class: "tiny muted" }, lasted(s.began_at, s.ended_at)))))]),
      h("section", {}, h("h2", { class: "sub" }, t("story")), detail ? this.story(detail) : null,
        detail && detail.announcements.length > 0 && [h("h2", { class: "sub" }, t("announcements")), h("ul", {}, detail.announcements.map((a) =>
          h("li", { class: "small" }, `${when(a.at)} · ${a.speaker_id} · ${t(`outcome_${a.outcome}`)} ${a.text} ${words(a.reason)}`,
            ["spoken", "stopped"].includes(a.outcome) && this.keep(`sound-${a.id}`, () => h("audio", { controls: true, preload: "none", src: `/api/v1/announcements/${a.id}/audio`, "aria-label": `${t("audio")} ${when(a.at)}` })))))],
        h("h2", { class: "sub" }, t("comments")), this.comments(detail)));
  }

  cases(cases) {
    if (!cases.length) return h("p", { class: "muted small" }, t("no_case"));
    return h("ul", { class: "cases" }, cases.map((c) => h("li", {},
      h("div", { class: "line wrap" }, h("span", {}, c.platform), caseChip(c), c.due_at && this.deadline(c)),
      c.disagrees && h("p", { class: "small disagrees" }, words(c.disagrees)),
      (c.platform_status || c.reason) && h("p", { class: "small muted" }, [c.platform_status, c.reason].filter(Boolean).join(" · ")))));
  }

  deadline(c) {
    const due = new Date(c.due_at), late = !c.closed_at && due < new Date();
    const limit = c.limit ? `${c.limit.value} ${t(`unit_${c.limit.unit}`)}${c.limit.area_class ? `(${t("area", { area: c.limit.area_class })})` : ""}` : "";
    const left = c.closed_at ? "" : late ? t("overdue_by", { time: lasted(c.due_at) }) : t("due_in", { time: lasted(new Date().toISOString(), c.due_at) });
    return h("span", { class: late ? "chip red" : "chip" }, [`${t("due")} ${when(c.due_at)}`, limit, left].filter(Boolean).join(" · "));
  }

  // Where it is, its cameras and its zone's ground; nothing when nobody knows where that is.
  map(item) {
    const ids = new Set([item.camera_id, ...(this.detail?.witnesses ?? []).map((w) => w.camera_id)]);
    const seen = [...ids].map((id) => this.app.cameras.get(id)).filter((c) => c?.position).map((c) => ({ position: c.position, name: c.name, first: c.id === item.camera_id }));
    const at = item.longitude != null ? [item.longitude, item.latitude] : seen[0]?.position;
    return this.detail && at ? miniMap(this.app, { at, seen, ground: this.detail.ground }) : null;
  }

  story(detail) {
    return h("ol", { class: "story" }, detail.log.map((entry) => h("li", { id: `step-${entry.seq}` },
      h("a", { class: "step", href: `/console/incidents/${this.item.id}#step-${entry.seq}` }, h("time", { class: "mono tiny", datetime: entry.wall_at, title: entry.wall_at }, when(entry.wall_at))),
      h("div", {}, h("div", { class: "line wrap" }, statusChip(entry.to_status), h("span", { class: "tiny faint", title: entry.actor }, actorName(entry.actor, this.app))), h("p", { class: "small" }, words(entry.text))))));
  }

  comments(detail) {
    const text = this.keep("comment", () => h("input", { class: "input grow", maxlength: "2000", placeholder: t("add_comment"), "aria-label": t("add_comment") }));
    const send = async (event) => {
      event.preventDefault();
      if (!text.value.trim()) return;
      try {
        const comment = await post(`/incidents/${this.item.id}/comments`, { text: text.value.trim() });
        this.detail.comments.push(comment);
        text.value = "";
        this.paint();
      } catch (error) { fail(error); }
    };
    return h("div", {}, h("ul", { class: "comments" }, (detail?.comments ?? []).map((c) => h("li", { class: "small", id: `comment-${c.id}` }, h("b", {}, c.author), h("a", { class: "faint tiny", href: `/console/incidents/${this.item.id}#comment-${c.id}` }, ` ${when(c.at)}`), h("p", {}, c.text)))),
      this.app.actions.may("incidents:act") && h("form", { class: "line", onsubmit: send }, text, h("button", { class: "btn s", type: "submit" }, t("send"))));
  }
}

async function copyLink(id) {
  try {
    await navigator.clipboard.writeText(`${location.origin}/console/incidents/${id}`);
    toast(t("copied"));
  } catch (error) { fail(error); }
}

export function incidentPage(app, page, id) {
  const view = new IncidentView(app, { wide: true });
  fill(page, h("div", { class: "solo" }, h("a", { href: "/console/", class: "btn flat s" }, t("back")), view.element));
  view.show({ id, type: "", evidence: [], why: null, version: -1, status: "open", verdict: null, place: "" });
  const follow = (event) => { if (event.detail.item.id === id) view.show(event.detail.item); };
  app.store.addEventListener("alert", follow);
  const named = () => { if (view.detail && !named.done) { named.done = true; view.paint(); } }; // the cameras' names and places come after
  if (!app.cameras.size) app.store.addEventListener("cameras", named);
  const keys = (event) => {
    const action = app.actionKey(event);
    if (!VERBS.includes(action) || !view.detail) return; // the others move about in a list; here those keys scroll
    event.preventDefault();
    app.run(action, view.detail);
  };
  document.addEventListener("keydown", keys);
  return () => { app.store.removeEventListener("cameras", named); app.store.removeEventListener("alert", follow); document.removeEventListener("keydown", keys); };
}

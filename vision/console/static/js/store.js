// The active incidents of the whole city, kept current by the stream and told to whoever listens.

import { get, query } from "./api.js";
import { AlertStream } from "./stream.js";

const OVER = new Set(["closed", "rectified", "rejected", "lapsed", "suspected"]);
const FIRST_PAGE = 100;
const PAGE = 1000;

export class Store extends EventTarget {
  constructor() {
    super();
    this.incidents = new Map();
    this.state = "connecting";
    this.complete = false; // whether the whole list has been read once
    this.stream = null;
    this.lastArrival = 0; // ms from commit to here, of the newest alert
  }

  async start() {
    // The stream first, then the list: nothing that happens in between is missed, and versions sort out doubles.
    this.stream = new AlertStream({ onAlert: (alert) => this.take(alert), onState: (state) => this.turn(state) });
    await this.reload();
  }

  async reload() {
    const found = new Map();
    let cursor = null, limit = FIRST_PAGE; // a short first page, so that there is something to see at once
    do {
      const page = await get(`/incidents${query({ status: "active", limit, cursor })}`);
      for (const item of page.items) {
        found.set(item.id, item);
        this.keep(item);
      }
      if (cursor === null && page.next_cursor) this.dispatchEvent(new CustomEvent("reset"));
      cursor = page.next_cursor;
      limit = PAGE;
    } while (cursor);
    for (const id of [...this.incidents.keys()]) if (!found.has(id)) this.incidents.delete(id);
    this.complete = true;
    this.dispatchEvent(new CustomEvent("reset"));
  }

  turn(state) {
    const was = this.state;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state"));
    if (state === "live" && was === "broken") this.reload().catch(() => {});
  }

  take(alert) {
    this.lastArrival = Date.now() - new Date(alert.at);
    const before = this.incidents.get(alert.incident_id);
    this.keep(alert.incident);
    this.dispatchEvent(new CustomEvent("alert", { detail: { alert, before, item: alert.incident } }));
  }

  keep(item) {
    const known = this.incidents.get(item.id);
    if (known && known.updated_at > item.updated_at) return;
    if (OVER.has(item.status)) this.incidents.delete(item.id);
    else this.incidents.set(item.id, item);
  }

  drop(id) {
    this.incidents.delete(id);
  }

  counts() {
    let todo = 0, grave = 0;
    for (const item of this.incidents.values()) {
      if (item.verdict === null) todo += 1;
      if (item.gravity >= 3) grave += 1;
    }
    return { all: this.incidents.size, todo, inhand: this.incidents.size - todo, grave };
  }
}

// Gravest first, then newest; the id settles ties so that nothing ever swaps places by itself.
export function order(a, b) {
  return b.gravity - a.gravity || (a.began_at < b.began_at ? 1 : a.began_at > b.began_at ? -1 : a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

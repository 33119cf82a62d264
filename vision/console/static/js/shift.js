// What this person has yet to see: kept on the hub with their account, so that it is the same on every machine.

import { post } from "./api.js";

const EVERY_MS = 60e3;
const SOON_MS = 1500;

export class Shift extends EventTarget {
  constructor() {
    super();
    this.since = "9999"; // nothing is new until the hub has said what is
    this.opened = new Set();
    this.untold = new Set();
    this.timer = null;
    addEventListener("pagehide", () => { if (this.untold.size) this.tell({ keepalive: true }); });
  }

  begin() {
    this.tell();
    setInterval(() => this.tell(), EVERY_MS);
  }

  isNew(item) {
    return (item.confirmed_at ?? item.began_at) > this.since && !this.opened.has(item.id);
  }

  open(id) {
    if (this.opened.has(id)) return;
    this.opened.add(id);
    this.untold.add(id);
    this.timer ??= setTimeout(() => this.tell(), SOON_MS);
    this.dispatchEvent(new CustomEvent("change"));
  }

  // Throws what the hub answered when it did not take it.
  async allSeen() {
    this.keep(await post("/me/shift", { opened: [], all_seen: true }));
  }

  keep({ unread_since: since, opened }) {
    const same = since === this.since && opened.every((id) => this.opened.has(id));
    this.since = since;
    this.opened = new Set([...opened, ...this.untold]);
    if (!same) this.dispatchEvent(new CustomEvent("change"));
  }

  async tell({ keepalive = false } = {}) {
    clearTimeout(this.timer);
    this.timer = null;
    const ids = [...this.untold].slice(0, 500);
    for (const id of ids) this.untold.delete(id);
    try {
      this.keep(await post("/me/shift", { opened: ids }, { keepalive, quiet: keepalive }));
    } catch {
      for (const id of ids) this.untold.add(id); // the hub is away: told with the next beat
    }
  }
}

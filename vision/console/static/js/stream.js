// Follows the alert stream; after a break it goes on from the last alert seen, whoever closed the line.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

export class AlertStream {
  constructor({ onAlert, onState, cursor = null }) {
    this.onAlert = onAlert;
    this.onState = onState;
    this.cursor = cursor;
    this.wait = FIRST_WAIT_MS;
    this.source = null;
    this.timer = null;
    this.open();
  }

  open() {
    const after = this.cursor === null ? "" : `?cursor=${this.cursor}`;
    this.source = new EventSource(`/api/v1/alerts/stream${after}`);
    this.source.addEventListener("open", () => {
      this.wait = FIRST_WAIT_MS;
      this.onState("live");
    });
    this.source.addEventListener("cursor", (event) => { this.cursor = Number(event.lastEventId); });
    this.source.addEventListener("alert", (event) => {
      this.cursor = Number(event.lastEventId);
      this.onAlert(JSON.parse(event.data));
    });
    this.source.addEventListener("error", () => {
      // The browser gives up for good on some answers (a proxy's 502, a restart): always reopen ourselves.
      this.source.close();
      this.onState("broken");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.open(), this.wait * (0.7 + Math.random() * 0.6));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    });
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}

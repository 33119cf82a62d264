// Follows the alert stream; after a break it goes on from the last alert seen, whoever closed the line.
// A WebSocket, because browsers allow a host only six HTTP/1.1 connections and a stream would keep one for each tab.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

export class AlertStream {
  constructor({ onAlert, onState, cursor = null }) {
    this.onAlert = onAlert;
    this.onState = onState;
    this.cursor = cursor;
    this.wait = FIRST_WAIT_MS;
    this.socket = null;
    this.timer = null;
    this.open();
  }

  open() {
    const after = this.cursor === null ? "" : `?cursor=${this.cursor}`;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/alerts/ws${after}`);
    this.socket = socket;
    socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.cursor !== undefined) {
        // The first message: the line stands, and this is where it begins.
        this.cursor = message.cursor;
        this.wait = FIRST_WAIT_MS;
        this.onState("live");
        return;
      }
      this.cursor = message.id;
      this.onAlert(message);
    });
    socket.addEventListener("close", () => {
      if (this.socket !== socket) return;
      this.onState("broken");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.open(), this.wait * (0.7 + Math.random() * 0.6));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    });
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }
}

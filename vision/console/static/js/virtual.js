// A list of equal rows of which only the visible ones exist as elements: thousands cost as much as twenty.

import { h } from "./dom.js";

const SPARE = 4;

export class VirtualList {
  // make() gives an empty row element; show(element, item) fills it and must be cheap.
  constructor({ make, show, label }) {
    this.make = make;
    this.show = show;
    this.items = [];
    this.pool = [];
    this.runway = h("div", { class: "runway", role: "rowgroup" });
    this.element = h("div", { class: "vlist", role: "grid", tabindex: "0", "aria-label": label }, this.runway);
    this.element.addEventListener("scroll", () => this.paint(), { passive: true });
    new ResizeObserver(() => this.paint()).observe(this.element);
  }

  get rowHeight() {
    return parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 92;
  }

  // Puts new items in; rows above the view that come or go move the scroll so that what is looked at stays put.
  set(items) {
    const height = this.rowHeight;
    const top = this.element.scrollTop;
    const anchor = top > height / 2 ? this.items[Math.floor(top / height)] : null;
    this.items = items;
    this.element.setAttribute("aria-rowcount", items.length);
    this.runway.style.height = `${items.length * height}px`;
    if (anchor) {
      const index = items.findIndex((item) => item.id === anchor.id);
      if (index >= 0) this.element.scrollTop = index * height + (top % height);
    }
    this.paint();
  }

  paint() {
    const height = this.rowHeight;
    const first = Math.max(0, Math.floor(this.element.scrollTop / height) - SPARE);
    const count = Math.min(this.items.length - first, Math.ceil(this.element.clientHeight / height) + 2 * SPARE);
    while (this.pool.length < count) {
      const row = this.make();
      this.pool.push(row);
      this.runway.append(row);
    }
    this.pool.forEach((row, slot) => {
      // An index keeps its element while it stays in view, so hover and focus survive scrolling.
      const index = first + ((slot - (first % this.pool.length) + this.pool.length) % this.pool.length);
      const item = slot < this.pool.length && index < this.items.length && index < first + this.pool.length ? this.items[index] : undefined;
      row.hidden = !item;
      if (!item) return;
      row.style.transform = `translateY(${index * height}px)`;
      row.setAttribute("aria-rowindex", index + 1);
      this.show(row, item);
    });
  }

  reveal(index) {
    const height = this.rowHeight;
    const top = index * height, bottom = top + height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (bottom > this.element.scrollTop + this.element.clientHeight) this.element.scrollTop = bottom - this.element.clientHeight;
  }
}

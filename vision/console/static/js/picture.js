// A picture that can be zoomed with the wheel, moved by dragging and set back by a double click.

import { fill, h } from "./dom.js";
import { t } from "./i18n.js";

const MOST = 12;

export function zoomable(src, alt, overlay = null) {
  const image = h("img", { src, alt, draggable: "false", decoding: "async" });
  const stage = h("div", { class: "stage" }, image, overlay);
  const frame = h("div", { class: "picture", title: t("zoom_hint"), tabindex: "0" }, stage);
  let scale = 1, x = 0, y = 0, drag = null;

  const apply = () => {
    const w = frame.clientWidth, hh = frame.clientHeight;
    x = Math.min(0, Math.max(x, w - w * scale));
    y = Math.min(0, Math.max(y, hh - hh * scale));
    stage.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    frame.classList.toggle("zoomed", scale > 1);
  };
  const zoom = (factor, cx, cy) => {
    const next = Math.min(MOST, Math.max(1, scale * factor));
    x = cx - (cx - x) * (next / scale);
    y = cy - (cy - y) * (next / scale);
    scale = next;
    apply();
  };
  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    if (scale === 1) return;
    drag = { px: event.clientX - x, py: event.clientY - y };
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!drag) return;
    x = event.clientX - drag.px;
    y = event.clientY - drag.py;
    apply();
  });
  frame.addEventListener("pointerup", () => { drag = null; });
  frame.addEventListener("dblclick", () => { scale = 1; x = y = 0; apply(); });
  frame.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoom(1.25, frame.clientWidth / 2, frame.clientHeight / 2);
    else if (event.key === "-") zoom(0.8, frame.clientWidth / 2, frame.clientHeight / 2);
  });
  image.addEventListener("load", () => frame.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight));
  image.addEventListener("error", () => { frame.lostAt = Date.now(); frame.classList.add("missing"); fill(frame, t("picture_missing")); });
  return frame;
}

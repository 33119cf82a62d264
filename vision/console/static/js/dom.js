// Builds elements: h("div", {class: "x", onclick: f}, child, …). Text is always text, never markup.

export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  assign(element, props);
  append(element, children);
  return element;
}

function assign(element, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child);
  }
}

// Puts new children in; who was on one of the old ones with the keyboard is on its successor afterwards.
export function fill(element, ...children) {
  const back = focusIn(element);
  element.replaceChildren();
  append(element, children);
  back?.();
  return element;
}

// Takes note of what in the element has the focus; the answer gives it back to that, or to what stands in its place.
export function focusIn(element) {
  const focused = document.activeElement;
  if (!focused || focused === element || !element.contains(focused)) return null;
  const path = [];
  for (let at = focused; at !== element; at = at.parentNode) path.unshift([...at.parentNode.children].indexOf(at));
  return () => {
    const next = focused.isConnected ? focused : path.reduce((at, index) => at?.children[index], element);
    if (next?.tagName === focused.tagName) next.focus({ preventScroll: true });
  };
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, props, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  append(element, children);
  return element;
}

const PATHS = {
  queue: "M4 5h10M4 12h10M4 19h10M18 5l1.5 1.5L22 4M18 12l1.5 1.5L22 11M18 19l1.5 1.5L22 18",
  wall: "M3 4h8v7H3zM13 4h8v7h-8zM3 13h8v7H3zM13 13h8v7h-8z",
  map: "M9 4 3 6.5v13L9 17l6 3 6-2.5v-13L15 7zM9 4v13M15 7v13",
  zones: "M5 6 18 4l2 13-12 3zM5 6m-1.6 0a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 1 0-3.2 0M18 4m-1.6 0a1.6 1.6 0 1 0 3.2 0 1.6 1.6 0 1 0-3.2 0",
  fleet: "M4 8h11v9H4zM15 11l6-3v9l-6-3zM8 21h4M10 17v4",
  chart: "M4 20V4M4 20h16M8 16v-5M12 16V8M16 16v-7M20 16V6",
  admin: "M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM12 3v2.5M12 18.5V21M3 12h2.5M18.5 12H21M5.6 5.6l1.8 1.8M16.6 16.6l1.8 1.8M18.4 5.6l-1.8 1.8M7.4 16.6l-1.8 1.8",
  history: "M4 12a8 8 0 1 0 2.5-5.8L4 8.5M4 4v4.5h4.5M12 8v4.5l3 1.8",
  check: "M4 12.5 9.5 18 20 6.5",
  cross: "M6 6l12 12M18 6 6 18",
  speak: "M4 10v4h3l5 4V6L7 10zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11",
  mic: "M12 15a3.500 3.500 0 0 0 3.500-3.500v-5a3.500 3.500 0 0 0-7 0v5A3.500 3.500 0 0 0 12 15zM5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500 21 21",
  ptz: "M12 3v4M12 17v4M3 12h4M17 12h4M9.5 5 12 2.500 14.500 5M9.500 19l2.500 2.500 2.500-2.500M5 9.500 2.500 12 5 14.500M19 9.500l2.500 2.500-2.500 2.500M12 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z",
  file: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  undo: "M9 7 4 12l5 5M4 12h10a5 5 0 0 1 0 10h-2",
  next: "M5 12h13M13 6l6 6-6 6",
  back: "M19 12H6M11 6l-6 6 6 6",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4",
  bell: "M6 17V11a6 6 0 1 1 12 0v6l2 2H4zM10 21h4",
  mute: "M6 17V11a6 6 0 0 1 9-5.2M18 11v6l2 2H8M10 21h4M3 3l18 18",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c1-5 4-7 8-7s7 2 8 7",
  hand: "M7 12V6.5a1.5 1.5 0 0 1 3 0V11M10 10V4.5a1.5 1.5 0 0 1 3 0V11M13 10.500V5.500a1.500 1.500 0 0 1 3 0V13M16 9a1.500 1.500 0 0 1 3 0v6c0 4-2.500 6.500-6 6.500s-5-1.500-7-5L4 13.500c-.8-1.500 1-2.600 2-1.500l1.500 2",
  calm: "M3 12c2.500-4 5.500-6 9-6s6.500 2 9 6c-2.500 4-5.500 6-9 6s-6.500-2-9-6zM9.500 12.500l2 2 3.500-4",
  plus: "M12 5v14M5 12h14",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  save: "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.500-5.500l-1 1M14 10a4 4 0 0 0-6-.5l-3 3A4 4 0 0 0 10.500 18l1-1",
  down: "M12 4v12M7 11l5 5 5-5M5 20h14",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
};

export function icon(name, small = false) {
  return svg("svg", { class: small ? "icon s" : "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}

export function button(label, { iconName, key, kind = "", onclick, title, disabled, pressed, id } = {}) {
  return h("button", { class: `btn ${kind}`, type: "button", onclick, title, disabled, id, "aria-pressed": pressed === undefined ? undefined : String(pressed), "aria-label": label ? undefined : title },
    iconName && icon(iconName, true), label && h("span", {}, label), key && h("kbd", {}, key));
}

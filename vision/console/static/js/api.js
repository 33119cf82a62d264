// Talks to /api/v1: JSON in and out, the session's token with every change, errors as Problem.

const BASE = "/api/v1";
let csrf = "";

export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
  }
}

export function setCsrf(token) {
  csrf = token || "";
}

async function ask(method, path, body, extra = {}) {
  const headers = { Accept: "application/json", ...extra.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  let response;
  try {
    response = await fetch(BASE + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin", keepalive: extra.keepalive });
  } catch (error) {
    throw new Problem(0, "offline", String(error.message || error));
  }
  const type = response.headers.get("content-type") || "";
  const value = type.includes("json") ? await response.json() : null;
  if (!response.ok) {
    if (response.status === 401 && !extra.quiet) dispatchEvent(new CustomEvent("signed-out"));
    throw new Problem(response.status, value?.title || response.statusText, value?.detail || "");
  }
  return value;
}

export const get = (path, extra) => ask("GET", path, undefined, extra);
export const post = (path, body = {}, extra) => ask("POST", path, body, extra);
export const put = (path, body, extra) => ask("PUT", path, body, extra);
export const patch = (path, body, extra) => ask("PATCH", path, body, extra);
export const del = (path, extra) => ask("DELETE", path, undefined, extra);

export function query(values) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null && one !== "") parts.append(name, one);
  }
  const text = parts.toString();
  return text ? `?${text}` : "";
}

export function evidenceUrl(id, { width, reason = "review" } = {}) {
  return `${BASE}/evidence/${id.split("/").map(encodeURIComponent).join("/")}${query({ width, reason })}`;
}

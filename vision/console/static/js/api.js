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
  return read(response, extra.quiet);
}

async function read(response, quiet = false) {
  const type = response.headers.get("content-type") || "";
  const value = type.includes("json") && response.status !== 204 ? await response.json() : null;
  if (!response.ok) {
    if (response.status === 401 && !quiet) dispatchEvent(new CustomEvent("signed-out"));
    throw new Problem(response.status, value?.title || response.statusText, value?.detail || "");
  }
  return value;
}

// A file as the request's body.
export async function putFile(path, file) {
  const headers = { Accept: "application/json", "Content-Type": file.type || "application/octet-stream", ...(csrf ? { "X-CSRF-Token": csrf } : {}) };
  return read(await fetch(BASE + path, { method: "PUT", headers, body: file, credentials: "same-origin" }));
}

// A sound as an address that the page can play; refusals come as Problem, with the hub's own words.
export async function soundUrl(path, values = {}) {
  const response = await fetch(BASE + path + query(values), { credentials: "same-origin" });
  if (!response.ok) await read(response);
  return URL.createObjectURL(await response.blob());
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

export function evidenceUrl(id, { width, browser, reason = "review" } = {}) {
  return `${BASE}/evidence/${id.split("/").map(encodeURIComponent).join("/")}${query({ width, browser, reason })}`;
}

// Words in the chosen language. Chinese is the first language; both tables have the same keys (tested).

import { ZH } from "./words-zh.js";
import { EN } from "./words-en.js";

const TABLES = { zh: ZH, en: EN };
let language = "zh";

export function setLanguage(name) {
  language = name in TABLES ? name : "zh";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

export const lang = () => language;

export function t(key, values = {}) {
  const text = TABLES[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// A reason or text that comes in both languages.
export const words = (both) => (both ? both[language] || both.zh || both.en || "" : "");

export function when(iso, { date = "auto" } = {}) {
  if (!iso) return "—";
  const at = new Date(iso);
  const today = new Date().toDateString() === at.toDateString();
  const time = at.toLocaleTimeString("en-GB");
  if (date === "never" || (date === "auto" && today)) return time;
  const day = `${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;
  return date === "full" ? `${at.getFullYear()}-${day} ${time}` : `${day} ${time.slice(0, 5)}`;
}

// How far a zone (this machine's, if none is named) is from UTC now: "UTC+8"; in a browser that cannot say, its name.
export function offset(timeZone = undefined) {
  for (const timeZoneName of ["shortOffset", "short"]) { // Chromium before 95 throws at the first
    try {
      const parts = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName }).formatToParts(new Date());
      return parts.find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC");
    } catch { /* the next one */ }
  }
  return timeZone ?? "";
}

export function lasted(fromIso, toIso = null) {
  const seconds = Math.max(0, Math.round((new Date(toIso ?? Date.now()) - new Date(fromIso)) / 1000));
  if (seconds < 60) return t("seconds", { n: seconds });
  if (seconds < 3600) return t("minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return t("hours", { n: Math.floor(seconds / 3600), m: Math.floor((seconds % 3600) / 60) });
  return t("days", { n: Math.floor(seconds / 86400), h: Math.floor((seconds % 86400) / 3600) });
}

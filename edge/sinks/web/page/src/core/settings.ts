// What each viewer has chosen for this browser.

import { effect, signal, type Signal } from "@preact/signals";

/** A choice that this browser remembers; what is not `allowed` falls back to `first`. */
export function kept<T extends string | boolean>(name: string, first: T, allowed: readonly T[]): Signal<T> {
  const choice = signal(read(name, first, allowed));
  effect(() => {
    try {
      localStorage.setItem(`edge.${name}`, JSON.stringify(choice.value));
    } catch {
      // A browser that keeps nothing still shows everything.
    }
  });
  return choice;
}

function read<T extends string | boolean>(name: string, first: T, allowed: readonly T[]): T {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(`edge.${name}`) ?? "null");
    return allowed.find((value) => value === stored) ?? first;
  } catch {
    return first;
  }
}

const SWITCH = [true, false] as const;
const preferred = navigator.languages.some((language) => language.toLowerCase().startsWith("zh"));

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];
export const language = kept<Language>("language", preferred ? "zh" : "en", LANGUAGES);

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
export const theme = kept<Theme>("theme", "auto", THEMES);

export const drawn = {
  boxes: kept<boolean>("boxes", true, SWITCH),
  labels: kept<boolean>("labels", true, SWITCH),
  scores: kept<boolean>("scores", true, SWITCH),
};

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

// Numbers, ages and times as people of this language write them.

import { words } from "./index";

export interface Amount {
  value: string;
  unit: string;
}

export function number(value: number, digits = 0): string {
  return value.toLocaleString(words.value.locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A number that may not be known. */
export function maybe(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined ? words.value.none : number(value, digits);
}

/** A span with the unit that suits its length. */
export function span(ms: number): Amount {
  if (ms < 2000) return { value: number(ms), unit: "ms" };
  if (ms < 120_000) return { value: number(ms / 1000, 1), unit: "s" };
  if (ms < 7_200_000) return { value: number(ms / 60_000), unit: "min" };
  return { value: number(ms / 3_600_000, 1), unit: "h" };
}

export function spanText(ms: number): string {
  const { value, unit } = span(ms);
  return `${value} ${unit}`;
}

export function percent(share: number | null | undefined, digits = 0): string {
  return share === null || share === undefined ? words.value.none : `${number(share * 100, digits)} %`;
}

/** Hours, minutes and seconds; with the day unless it is today. */
export function time(at: string | number | Date | null): string {
  if (at === null) return words.value.none;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const clock = date.toLocaleTimeString(words.value.locale, { hour12: false });
  return isToday(date) ? clock : `${date.toLocaleDateString(words.value.locale)} ${clock}`;
}

/** Day, month and hour, for counts. */
export function hour(at: string): string {
  return new Date(at).toLocaleString(words.value.locale, {
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
}

function isToday(date: Date): boolean {
  return date.toDateString() === new Date().toDateString();
}

// What all cameras share: the link to the service, its words about itself, and the time.

import { signal } from "@preact/signals";
import type { Condition } from "../core/wire";
import type { Wanted } from "./link";

export interface LinkState {
  state: "connecting" | "open" | "polling" | "closed";
  reason: string;
}

export const linkState = signal<LinkState>({ state: "connecting", reason: "" });
export const staleMs = signal(2000);
export const conditions = signal<Condition[]>([]);
export const about = signal({ model: "", engine: "", version: "" });
export const labels = signal<string[]>([]);

/** The pictures that are asked for: only where they are can they be missed. */
export const wanted = signal<Wanted>({ cameras: [], width: null });

/** `performance.now()`, moved on ten times a second: between messages ages grow. */
export const clockTick = signal(performance.now());
const TICK_MS = 100;

/** Let time pass on the page. */
export function startClock(): void {
  setInterval(() => {
    clockTick.value = performance.now();
  }, TICK_MS);
}

// One camera as this browser knows it. An old picture never counts as live.

import { computed, signal } from "@preact/signals";
import type { CameraState, Verdict } from "../core/wire";
import { clockTick, linkState, staleMs, wanted } from "./line-state";
import { type Arrived, wants } from "./link";

export type Shown = CameraState | "late" | "offline";

export interface Moment {
  state: Shown;
  /** The service's own words, or empty where the page has its own for the state. */
  reason: string;
  /** Age of the newest picture in seconds, for `late`. */
  oldS: number;
}

/** A picture with what is said about it. */
export interface Taken {
  frame: Arrived;
  picture: ImageBitmap;
}

const CALM: ReadonlySet<Shown> = new Set<Shown>(["live", "connecting", "ended"]);

export const isTrouble = (state: Shown): boolean => !CALM.has(state);

export class Camera {
  readonly told = signal<{ state: CameraState; reason: string }>({ state: "connecting", reason: "" });
  readonly newest = signal<Taken | null>(null);
  /** The picture that this viewer holds, and since when. */
  readonly held = signal<(Taken & { since: number }) | null>(null);
  /** When the last NG frame was captured. */
  readonly lastNg = signal<number | null>(null);

  /** What is true at this moment, whatever the last message said. */
  readonly now = computed<Moment>(() => this.moment());
  readonly live = computed(() => this.now.value.state === "live");
  readonly verdict = computed<Verdict | null>(() => this.judged());

  private waiting: Arrived | null = null;
  private decoding = false;

  constructor(readonly name: string) {}

  /** Milliseconds since the newest picture was captured. */
  age(): number | null {
    const taken = this.newest.value;
    return taken && Math.max(0, clockTick.value - taken.frame.bornAt);
  }

  /** Take a newer picture; while one is decoded, a newer one replaces the one that waits. */
  async show(frame: Arrived): Promise<void> {
    this.waiting = frame;
    if (this.decoding) return;
    this.decoding = true;
    try {
      for (let next = this.next(); next; next = this.next()) {
        this.take({ frame: next, picture: await createImageBitmap(next.jpeg) });
      }
    } finally {
      this.decoding = false;
    }
  }

  /** No more pictures are asked for: the last one must not stand there when they are again. */
  leave(): void {
    const last = this.newest.peek()?.picture;
    this.waiting = null;
    this.newest.value = null;
    if (last !== this.held.peek()?.picture) last?.close();
  }

  hold(): void {
    const taken = this.newest.peek();
    if (taken) this.held.value = { ...taken, since: performance.now() };
  }

  resume(): void {
    const held = this.held.peek();
    this.held.value = null;
    if (held && held.picture !== this.newest.peek()?.picture) held.picture.close();
  }

  private next(): Arrived | null {
    const next = this.waiting;
    this.waiting = null;
    return next;
  }

  private take(taken: Taken): void {
    if (!wants(wanted.peek(), this.name)) {
      taken.picture.close();
      return;
    }
    const old = this.newest.peek()?.picture;
    this.newest.value = taken;
    if (taken.frame.verdict === "ng") this.lastNg.value = taken.frame.bornAt;
    if (old !== this.held.peek()?.picture) old?.close();
  }

  private moment(): Moment {
    const link = linkState.value;
    const told = this.told.value;
    if (link.state === "closed") return { state: "offline", reason: link.reason, oldS: 0 };
    if (told.state !== "live") return { ...told, oldS: 0 };
    if (!wants(wanted.value, this.name)) return { state: "live", reason: "", oldS: 0 };
    const age = this.age();
    if (age === null) return { state: "connecting", reason: "", oldS: 0 };
    if (age > staleMs.value) return { state: "late", reason: "", oldS: Math.floor(age / 1000) };
    return { state: "live", reason: "", oldS: 0 };
  }

  private judged(): Verdict | null {
    const verdict = this.newest.value?.frame.verdict ?? null;
    return verdict !== null && !this.live.value ? "unknown" : verdict;
  }
}

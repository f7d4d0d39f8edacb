// Connects the cameras on the page with the service, by WebSocket or, where that is blocked, without.

import { computed, effect, signal } from "@preact/signals";
import { ask } from "../core/client";
import { introduce, offers } from "../core/session";
import type { CameraNote, Hello, ServiceNote } from "../core/wire";
import { words } from "../words";
import { Camera } from "./camera";
import { Fallback } from "./fallback";
import { about, conditions, labels, linkState, staleMs, wanted } from "./line-state";
import { type Arrived, type Heard, Link, type Wanted, wants } from "./link";

/** So many links in a row that never said hello, while HTTP works, mean: WebSockets are blocked. */
const SILENT_LINKS = 3;

const known = signal<ReadonlyMap<string, Camera>>(new Map());

/** Every camera, by name in order. */
export const cameras = computed(() =>
  [...known.value.values()].sort((a, b) => a.name.localeCompare(b.name)),
);
export const cameraCalled = (name: string): Camera | undefined => known.value.get(name);

/** Ask for pictures of these cameras, so many screen pixels wide; null: of all, empty: of none. */
export function want(names: readonly string[] | null, width: number | null): void {
  wanted.value = { cameras: names, width };
  for (const camera of cameras.peek()) if (!wants(wanted.peek(), camera.name)) camera.leave();
}

class Feed implements Heard {
  private link: Link | null = null;
  private fallback: Fallback | null = null;
  private silentLinks = 0;

  start(): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.link = new Link(`${scheme}://${location.host}/ws`, this);
  }

  stop(): void {
    this.link?.close();
    this.endFallback();
    known.value = new Map();
    linkState.value = { state: "connecting", reason: "" };
  }

  want(asked: Wanted): void {
    this.link?.want(asked);
    this.fallback?.want(asked);
  }

  hello(message: Hello): void {
    const running = about.peek().version;
    if (running && running !== message.version) location.reload();
    this.silentLinks = 0;
    this.endFallback();
    labels.value = message.labels;
    staleMs.value = message.stale_ms;
    about.value = { ...about.peek(), model: message.model, version: message.version };
    this.service(message);
    for (const note of message.cameras) this.status(note);
    linkState.value = { state: "open", reason: "" };
    void introduce().catch(() => undefined); // a restarted service may have other rooms
  }

  service({ engine, conditions: told }: ServiceNote): void {
    about.value = { ...about.peek(), engine };
    conditions.value = told;
  }

  status({ camera, state, reason }: CameraNote): void {
    cameraOf(camera).told.value = { state, reason };
  }

  frame(frame: Arrived): void {
    const camera = cameraOf(frame.camera);
    // Frames come from live cameras only; this one may never have had to report a state.
    if (!camera.newest.peek() && camera.told.peek().state === "connecting") {
      camera.told.value = { state: "live", reason: "" };
    }
    void camera.show(frame);
    if (frame.seq !== undefined) this.link?.taken(frame.seq);
  }

  closed(reason: string, waitMs: number, greeted: boolean): void {
    this.silentLinks = greeted ? 0 : this.silentLinks + 1;
    if (this.silentLinks === SILENT_LINKS) void this.considerFallback();
    if (!this.fallback) this.sayClosed(reason, waitMs);
    void introduce().catch(() => undefined); // the session may have ended
  }

  private sayClosed(reason: string, waitMs: number): void {
    const { offlineWhy, again } = words.peek().link;
    const seconds = Math.max(1, Math.round(waitMs / 1000));
    const why = reason || offlineWhy(location.host);
    linkState.value = { state: "closed", reason: `${why}. ${again(seconds)}.` };
  }

  private async considerFallback(): Promise<void> {
    const path = "/api/cameras";
    if (this.fallback || !offers(path)) return;
    try {
      await ask(path);
    } catch {
      this.silentLinks = 0; // not even HTTP answers: nothing is blocked, the service is away
      return;
    }
    this.fallback = new Fallback(this, () => this.fallbackFailed());
    this.fallback.want(wanted.value);
    linkState.value = { state: "polling", reason: words.peek().link.pollingWhy };
  }

  private fallbackFailed(): void {
    this.endFallback();
    this.silentLinks = 0;
    this.sayClosed("", 1000);
  }

  private endFallback(): void {
    this.fallback?.close();
    this.fallback = null;
  }
}

function cameraOf(name: string): Camera {
  const camera = known.peek().get(name);
  if (camera) return camera;
  const added = new Camera(name);
  known.value = new Map([...known.peek(), [name, added]]);
  return added;
}

/** Watch the line until the returned function is called. */
export function watchLine(): () => void {
  const feed = new Feed();
  feed.start();
  const stopWanting = effect(() => {
    feed.want(wanted.value);
  });
  return () => {
    stopWanting();
    feed.stop();
  };
}

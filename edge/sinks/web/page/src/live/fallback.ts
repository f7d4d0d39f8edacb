// Pictures one by one over plain HTTP, for networks that block WebSockets.

import { ask, get } from "../core/client";
import type { CameraRow, FrameHeader } from "../core/wire";
import { type Arrived, type Heard, type Wanted, wants } from "./link";

const STATES_EVERY_MS = 1000;
const PICTURE_EVERY_MS = 100;
const AFTER_FAILURE_MS = 1000;

/** Asks for the newest picture of each wanted camera, each after the one before has come. */
export class Fallback {
  private readonly over = new AbortController();
  private readonly asking = new Set<string>();
  private wanted: Wanted = { cameras: [], width: null };

  constructor(
    private readonly heard: Pick<Heard, "status" | "frame">,
    private readonly failed: () => void,
  ) {
    void this.watchStates();
  }

  want(wanted: Wanted): void {
    this.wanted = wanted;
  }

  close(): void {
    this.over.abort();
  }

  private isOver(): boolean {
    return this.over.signal.aborted;
  }

  private async watchStates(): Promise<void> {
    while (!this.isOver()) {
      try {
        const cameras = await get<CameraRow[]>("/api/cameras", this.over.signal);
        for (const { name, state, reason } of cameras) {
          this.heard.status({ camera: name, state, reason });
          if (wants(this.wanted, name)) void this.watchPictures(name);
        }
      } catch {
        if (!this.isOver()) this.failed();
      }
      await pause(STATES_EVERY_MS);
    }
  }

  private async watchPictures(camera: string): Promise<void> {
    if (this.asking.has(camera)) return;
    this.asking.add(camera);
    while (!this.isOver() && wants(this.wanted, camera)) {
      try {
        const frame = await this.picture(camera);
        if (!this.isOver()) this.heard.frame(frame);
        await pause(PICTURE_EVERY_MS);
      } catch {
        await pause(AFTER_FAILURE_MS); // its state says why
      }
    }
    this.asking.delete(camera);
  }

  private async picture(camera: string): Promise<Arrived> {
    const { width } = this.wanted;
    const path = `/api/cameras/${encodeURIComponent(camera)}/picture.jpg${width ? `?width=${width}` : ""}`;
    const askedAt = performance.now();
    const response = await ask(path, { signal: this.over.signal });
    const header = JSON.parse(response.headers.get("x-edge-frame") ?? "") as FrameHeader;
    // Sent at some moment after the question: counted from the question it never looks too young.
    return { ...header, jpeg: await response.blob(), bornAt: askedAt - header.age_ms };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((go) => setTimeout(go, ms));
}

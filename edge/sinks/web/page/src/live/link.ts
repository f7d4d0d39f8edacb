// The WebSocket: opens it, opens it again, and tells how old each frame really is.

import type { CameraNote, FrameHeader, Hello, ServiceNote } from "../core/wire";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
/** Two good clocks part by less than 0.1 ms a second. */
const CLOCK_DRIFT = 1e-4;

export interface Arrived extends FrameHeader {
  jpeg: Blob;
  /** When the frame was captured, on this browser's `performance.now()`. */
  bornAt: number;
}

export interface Heard {
  hello(message: Hello): void;
  service(message: ServiceNote): void;
  status(message: CameraNote): void;
  frame(frame: Arrived): void;
  /** The link is gone and will be tried again in `waitMs`; `greeted`: it had worked. */
  closed(reason: string, waitMs: number, greeted: boolean): void;
}

/** What this viewer wants to be sent; `cameras` null: all, empty: no pictures, only states. */
export interface Wanted {
  cameras: readonly string[] | null;
  width: number | null;
}

export function wants({ cameras }: Wanted, camera: string): boolean {
  return cameras === null || cameras.includes(camera);
}

type Message =
  | ({ type: "hello" } & Hello)
  | ({ type: "service" } & ServiceNote)
  | ({ type: "status" } & CameraNote);

export class Link {
  private socket: WebSocket | null = null;
  private waitMs = FIRST_WAIT_MS;
  private timer = 0;
  private over = false;
  private greeted = false;
  private wanted: Wanted | null = null;
  private clock = new SharedClock();

  constructor(
    private readonly url: string,
    private readonly heard: Heard,
  ) {
    this.open();
  }

  /** Ask for these cameras in this size, now and after each new connection. */
  want(wanted: Wanted): void {
    if (JSON.stringify(wanted) === JSON.stringify(this.wanted)) return;
    this.wanted = wanted;
    this.tellWanted();
  }

  /** Tell that a picture was taken in, so that a slow link is sent fewer and smaller ones. */
  taken(seq: number): void {
    this.tell({ type: "taken", seq });
  }

  close(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private open(): void {
    this.clock = new SharedClock();
    this.greeted = false;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => this.receive(data);
    socket.onclose = ({ reason }) => this.closed(reason);
    this.socket = socket;
  }

  private closed(reason: string): void {
    if (this.over) return;
    this.heard.closed(reason, this.waitMs, this.greeted);
    this.timer = setTimeout(() => this.open(), this.waitMs);
    this.waitMs = Math.min(2 * this.waitMs, LONGEST_WAIT_MS);
  }

  private receive(data: string | ArrayBuffer): void {
    if (typeof data !== "string") {
      this.heard.frame(frameFrom(data, this.clock));
      return;
    }
    const message = JSON.parse(data) as Message;
    if (message.type === "hello") {
      this.waitMs = FIRST_WAIT_MS;
      this.greeted = true;
      this.heard.hello(message);
      this.tellWanted();
    } else if (message.type === "service") this.heard.service(message);
    else this.heard.status(message);
  }

  private tellWanted(): void {
    if (this.wanted) this.tell({ type: "watch", quality: "auto", ...this.wanted });
  }

  private tell(message: object): void {
    if (this.greeted && this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }
}

/**
 * How far the server's clock is from this browser's: the quickest message so far tells.
 *
 * So the time that a picture spent in a slow network counts as its age.
 */
export class SharedClock {
  private offset = Infinity;
  private takenAt = 0;

  /** When, on this browser's clock, something happened that the server sent off at `sentAtMs`. */
  here(sentAtMs: number, nowMs: number): number {
    const offset = nowMs - sentAtMs;
    const drifted = this.offset + (nowMs - this.takenAt) * CLOCK_DRIFT;
    this.offset = Number.isFinite(drifted) ? Math.min(offset, drifted) : offset;
    this.takenAt = nowMs;
    return sentAtMs + this.offset;
  }
}

function frameFrom(data: ArrayBuffer, clock: SharedClock): Arrived {
  const now = performance.now();
  const headerLength = new DataView(data).getUint32(0);
  const text = new TextDecoder().decode(new Uint8Array(data, 4, headerLength));
  const header = JSON.parse(text) as FrameHeader;
  const sentHere = header.sent_at === undefined ? now : clock.here(header.sent_at * 1000, now);
  const jpeg = new Blob([new Uint8Array(data, 4 + headerLength)], { type: "image/jpeg" });
  return { ...header, jpeg, bornAt: sentHere - header.age_ms };
}

// The WebSocket: opens it, opens it again, and tells how old each frame really is.

const LONGEST_WAIT_MS = 5000;
const CLOCK_DRIFT = 1e-4; // two good clocks part by less than 0.1 ms a second

export class Link {
  /** handlers: opened(), closed(reason, waitMs), hello(message), service(message), status(message), frame(frame) */
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.waitMs = 250;
    this.open();
  }

  open() {
    this.offset = Infinity;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.handlers.opened();
    socket.onmessage = ({ data }) => this.receive(data, performance.now());
    socket.onclose = ({ reason }) => {
      this.handlers.closed(reason, this.waitMs);
      setTimeout(() => this.open(), this.waitMs);
      this.waitMs = Math.min(2 * this.waitMs, LONGEST_WAIT_MS);
    };
  }

  receive(data, now) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.type === "hello") this.waitMs = 250;
      this.handlers[message.type]?.(message);
      return;
    }
    const headerLength = new DataView(data).getUint32(0);
    const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, headerLength)));
    frame.jpeg = new Uint8Array(data, 4 + headerLength);
    frame.bornAt = this.bornAt(frame, now);
    this.handlers.frame(frame);
  }

  // When the frame was captured, on this browser's clock. The quickest message so far tells how
  // far the two clocks are apart, so time spent in a slow network counts as age.
  bornAt(frame, now) {
    const offset = now - frame.sent_at * 1000;
    const drifted = this.offset + (now - this.offsetAt) * CLOCK_DRIFT;
    this.offset = Number.isFinite(drifted) ? Math.min(offset, drifted) : offset;
    this.offsetAt = now;
    return frame.sent_at * 1000 + this.offset - frame.age_ms;
  }
}

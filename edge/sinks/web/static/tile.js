// One camera: its picture, figures and state. An old picture never looks live.

import { paint } from "./paint.js";
import { colourOf, isTrouble, titleOf } from "./words.js";

const figure = (value, unit) => [String(value), Object.assign(document.createElement("small"), { textContent: ` ${unit}` })];

export class Tile {
  /** view: {labels, shown, staleMs} — shared by all tiles. */
  constructor(camera, view) {
    this.view = view;
    this.camera = { state: "connecting", reason: "" };
    this.link = { state: "open", reason: "" };
    this.element = document.getElementById("tile").content.firstElementChild.cloneNode(true);
    this.element.dataset.camera = camera;
    this.element.setAttribute("aria-label", `Camera ${camera}`);
    this.part("name").textContent = camera;
    this.canvas = this.element.querySelector("canvas");
    this.canvas.setAttribute("aria-label", `Live picture of ${camera}`);
    this.resized = new ResizeObserver(() => this.repaint());
    this.resized.observe(this.canvas);
  }

  part(name) {
    return this.element.querySelector(`.${name}`);
  }

  setState(state, reason) {
    this.camera = { state, reason };
    this.refresh();
  }

  setLink(state, reason) {
    this.link = { state, reason };
    this.refresh();
  }

  // Newest only: while one picture is decoded, a newer one replaces the one that waits.
  async show(frame) {
    this.waiting = frame;
    if (this.decoding) return;
    this.decoding = true;
    try {
      while (this.waiting) {
        const next = this.waiting;
        this.waiting = null;
        const picture = await createImageBitmap(new Blob([next.jpeg], { type: "image/jpeg" }));
        this.picture?.close();
        this.picture = picture;
        this.frame = next;
        this.repaint();
        this.count();
        this.refresh();
      }
    } finally {
      this.decoding = false;
    }
  }

  repaint() {
    if (!this.picture || this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      paint(this.canvas, this.picture, this.frame, this.view.labels, this.view.shown);
    });
  }

  // What is true at this moment, whatever the last message said.
  now() {
    if (this.link.state !== "open") return { state: "offline", reason: this.link.reason };
    if (this.camera.state !== "live") return this.camera;
    const age = this.age();
    if (age === null) return { state: "connecting", reason: "Waiting for the first picture" };
    if (age <= this.view.staleMs) return this.camera;
    return { state: "late", reason: `The newest picture is ${(age / 1000).toFixed(0)} s old` };
  }

  age() {
    return this.frame ? Math.max(0, performance.now() - this.frame.bornAt) : null;
  }

  refresh() {
    const { state, reason } = this.now();
    const live = state === "live";
    const overlay = this.part("overlay");
    this.element.dataset.state = state;
    this.element.dataset.live = live;
    this.element.dataset.trouble = isTrouble(state);
    write(this.part("badge"), live ? "Live" : titleOf(state));
    write(this.part("what"), titleOf(state));
    write(this.part("why"), reason);
    overlay.hidden = live;
    const age = this.age();
    if (age !== null) this.part("age").replaceChildren(...aged(age));
    if (live !== this.counted) this.count();
    if (!live) this.part("fps").replaceChildren("–");
  }

  count() {
    const live = this.now().state === "live";
    this.counted = live;
    const found = live ? this.frame.detections : [];
    const none = live && found.length === 0;
    const count = this.part("count");
    write(count, live ? (none ? "No detections" : String(found.length)) : "Unknown");
    count.dataset.none = none;
    write(this.part("unit"), live ? (none ? "" : found.length === 1 ? "detection" : "detections") : "detections");
    this.legend(found);
    const stats = this.frame?.stats;
    if (!live || !stats) return;
    this.part("fps").replaceChildren(...figure(stats.fps.toFixed(1), "fps"));
    this.part("dropped").replaceChildren(stats.dropped.toLocaleString("en"));
    const median = stats.latency_ms.p50;
    if (median !== null) this.part("latency").replaceChildren(...aged(median));
  }

  legend(found) {
    const counts = new Map();
    for (const { class_id: id } of found) counts.set(id, (counts.get(id) ?? 0) + 1);
    const key = JSON.stringify([...counts].sort(([a], [b]) => a - b));
    if (key === this.legendKey) return;
    this.legendKey = key;
    const rows = JSON.parse(key).map(([id, number]) => {
      const row = document.createElement("li");
      row.style.setProperty("--colour", colourOf(id));
      const times = document.createElement("b");
      times.textContent = number;
      row.append(this.view.labels[id] ?? `class ${id}`, times);
      return row;
    });
    this.part("legend").replaceChildren(...rows);
  }
}

function aged(ms) {
  if (ms < 2000) return figure(Math.round(ms), "ms");
  return ms < 120000 ? figure((ms / 1000).toFixed(1), "s") : figure(Math.round(ms / 60000), "min");
}

// Screen readers announce what is written: only what changed.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

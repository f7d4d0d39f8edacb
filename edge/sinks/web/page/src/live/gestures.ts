// Wheel, drag and pinch on a picture, as changes of its view.

import type { Signal } from "@preact/signals";
import { type Extent, moved, STEP, type View, zoomed } from "./zoom";

const WHEEL_STEP = 0.0015;

/**
 * Zooms and moves `view` by pointer; returns how to stop.
 *
 * A wheel without Ctrl scrolls the page while the whole picture is shown, unless `wheels`.
 */
export function followGestures(
  element: HTMLElement,
  view: Signal<View>,
  picture: () => Extent,
  wheels: () => boolean,
): () => void {
  const pointers = new Map<number, { x: number; y: number }>();
  const over = new AbortController();
  const listen = { signal: over.signal };

  const screen = (): DOMRect => element.getBoundingClientRect();
  const zoom = (factor: number, x: number, y: number): void => {
    const { left, top, width, height } = screen();
    const at: [number, number] = [(x - left) / width, (y - top) / height];
    view.value = zoomed(view.peek(), factor, at, { width, height }, picture());
  };

  element.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !wheels() && view.peek().scale === 1) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * WHEEL_STEP * (event.ctrlKey ? 4 : 1)), event.clientX, event.clientY);
    },
    { ...listen, passive: false },
  );
  element.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (view.peek().scale > 1 || pointers.size > 1) element.setPointerCapture(event.pointerId);
    },
    listen,
  );
  element.addEventListener(
    "pointermove",
    (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const next = { x: event.clientX, y: event.clientY };
      pointers.set(event.pointerId, next);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const factor = Math.hypot(next.x - other.x, next.y - other.y) / (Math.hypot(last.x - other.x, last.y - other.y) || 1);
        zoom(factor, (next.x + other.x) / 2, (next.y + other.y) / 2);
      } else if (view.peek().scale > 1) {
        view.value = moved(view.peek(), next.x - last.x, next.y - last.y, screen(), picture());
      }
    },
    listen,
  );
  const lift = (event: PointerEvent): void => {
    pointers.delete(event.pointerId);
  };
  element.addEventListener("pointerup", lift, listen);
  element.addEventListener("pointercancel", lift, listen);
  element.addEventListener("dblclick", (event) => zoom(STEP * STEP, event.clientX, event.clientY), listen);
  return () => over.abort();
}

// The canvas of one camera: repainted when there is something new, at most once a screen refresh.

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { drawn } from "../core/settings";
import { words } from "../words";
import type { Camera } from "./camera";
import { followGestures } from "./gestures";
import { labels } from "./line-state";
import { paint } from "./paint";
import type { View } from "./zoom";

interface Props {
  camera: Camera;
  view: Signal<View>;
  /** Whether a wheel zooms without Ctrl. */
  wheels: boolean;
}

export function Screen({ camera, view, wheels }: Props): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const wheelZooms = useRef(wheels);
  wheelZooms.current = wheels;

  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    let asked = 0;
    let painted: ImageBitmap | null = null;
    const repaint = (): void => {
      asked ||= requestAnimationFrame(() => {
        asked = 0;
        const taken = camera.held.peek() ?? camera.newest.peek();
        if (!taken) return;
        const switched = {
          boxes: drawn.boxes.peek(),
          labels: drawn.labels.peek(),
          scores: drawn.scores.peek(),
        };
        const how = { view: view.peek(), drawn: switched };
        paint(element, taken.picture, taken.frame, how);
        if (taken.picture !== painted) tellPainted(element, camera);
        painted = taken.picture;
      });
    };
    const seen = [camera.held, camera.newest, view, labels, drawn.boxes, drawn.labels, drawn.scores];
    const stops = seen.map((one) => one.subscribe(repaint));
    const resized = new ResizeObserver(repaint);
    resized.observe(element);
    const size = (): { width: number; height: number } =>
      (camera.held.peek() ?? camera.newest.peek())?.frame ?? { width: 16, height: 9 };
    const ignore = followGestures(element, view, size, () => wheelZooms.current);
    return () => {
      for (const stop of stops) stop();
      ignore();
      resized.disconnect();
      cancelAnimationFrame(asked);
    };
  }, [camera, view]);

  return <canvas ref={canvas} role="img" aria-label={words.value.live.picture(camera.name)} />;
}

/** For whoever measures how long a frame takes to the screen. */
function tellPainted(element: HTMLElement, camera: Camera): void {
  const frame = camera.newest.peek()?.frame;
  if (!frame) return;
  const detail = { camera: camera.name, index: frame.index, ageMs: performance.now() - frame.bornAt };
  element.dispatchEvent(new CustomEvent("edge-painted", { bubbles: true, detail }));
}

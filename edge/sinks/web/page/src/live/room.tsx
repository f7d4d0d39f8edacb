// The live room: every camera as a tile, or one of them alone.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { place } from "../core/route";
import { offers } from "../core/session";
import { words } from "../words";
import { cameras, want } from "./feed";
import { Latest } from "./latest";
import { linkState } from "./line-state";
import { Tile } from "./tile";

/** Asked widths go in steps, so that viewers share pictures. */
const WIDTHS_PX = [320, 480, 640, 960, 1280, 1920];

export function LiveRoom(): JSX.Element {
  const wall = useRef<HTMLDivElement>(null);
  const { live } = words.value;
  const asked = place.value.detail;
  const only = asked ? cameras.value.filter(({ name }) => name === asked) : cameras.value;
  const shown = only.length ? only : cameras.value;
  useWanted(wall, only.length && asked ? asked : null);
  return (
    <div class="live">
      <h1 class="visually-hidden">{words.value.rooms.live}</h1>
      <div ref={wall} class="cameras" data-many={shown.length > 1} role="group" aria-label={live.cameras}>
        {shown.map((camera) => (
          <Tile key={camera.name} camera={camera} alone={shown.length === 1} />
        ))}
        {!shown.length && <p class="empty">{linkState.value.reason || live.waiting}</p>}
      </div>
      {offers("/api/detections") && <Latest />}
    </div>
  );
}

/** Ask for the pictures that are seen, no wider than they are shown; for none in a hidden tab. */
function useWanted(wall: { current: HTMLElement | null }, only: string | null): void {
  useEffect(() => {
    const ask = (): void => {
      if (document.hidden) want([], null);
      else want(only === null ? null : [only], widthOf(wall.current));
    };
    const resized = new ResizeObserver(ask);
    if (wall.current) resized.observe(wall.current);
    document.addEventListener("visibilitychange", ask);
    document.addEventListener("fullscreenchange", ask);
    ask();
    return () => {
      resized.disconnect();
      document.removeEventListener("visibilitychange", ask);
      document.removeEventListener("fullscreenchange", ask);
      want([], null);
    };
  }, [wall, only]);
}

function widthOf(wall: HTMLElement | null): number | null {
  const canvases = [...(wall?.querySelectorAll("canvas") ?? [])];
  const widest = Math.max(0, ...canvases.map((canvas) => canvas.clientWidth));
  const needed = widest * (window.devicePixelRatio || 1);
  return WIDTHS_PX.find((width) => width >= needed) ?? null;
}

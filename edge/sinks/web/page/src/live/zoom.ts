// Which part of the picture is looked at.

import type { Point } from "../core/wire";

/** `scale` 1 shows the whole picture; `x`, `y`: what is in the middle, as shares of the picture. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: View = { scale: 1, x: 0.5, y: 0.5 };
export const MOST = 12;
export const STEP = 1.4;

/** The picture on the screen: where its corner is, and screen pixels a picture pixel. */
export interface Place {
  left: number;
  top: number;
  scale: number;
}

export interface Extent {
  width: number;
  height: number;
}

/** Zoom so that the point `at` (shares of the screen's width and height) stays where it is. */
export function zoomed(view: View, factor: number, at: Point, screen: Extent, picture: Extent): View {
  const scale = clamp(view.scale * factor, 1, MOST);
  const before = placeOf(view, screen, picture);
  const under = {
    x: (at[0] * screen.width - before.left) / (picture.width * before.scale),
    y: (at[1] * screen.height - before.top) / (picture.height * before.scale),
  };
  const fit = fitted(screen, picture) * scale;
  return inside({
    scale,
    x: under.x + ((0.5 - at[0]) * screen.width) / (picture.width * fit),
    y: under.y + ((0.5 - at[1]) * screen.height) / (picture.height * fit),
  });
}

/** Move the picture by so many screen pixels. */
export function moved(view: View, dx: number, dy: number, screen: Extent, picture: Extent): View {
  const { scale } = placeOf(view, screen, picture);
  return inside({
    ...view,
    x: view.x - dx / (picture.width * scale),
    y: view.y - dy / (picture.height * scale),
  });
}

export function placeOf(view: View, screen: Extent, picture: Extent): Place {
  const scale = fitted(screen, picture) * view.scale;
  return {
    left: screen.width / 2 - view.x * picture.width * scale,
    top: screen.height / 2 - view.y * picture.height * scale,
    scale,
  };
}

function fitted(screen: Extent, picture: Extent): number {
  return Math.min(screen.width / picture.width, screen.height / picture.height);
}

function inside({ scale, x, y }: View): View {
  const margin = 0.5 / scale;
  return { scale, x: clamp(x, margin, 1 - margin), y: clamp(y, margin, 1 - margin) };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

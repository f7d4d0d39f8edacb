// Regions as arithmetic: corners are shares of the picture's width and height, 0..1.

import type { Point } from "../core/wire";

/** Below this share of the picture a region was drawn by mistake; the service refuses it too. */
export const LEAST_AREA = 1e-4;

export type Flaw = "tooFew" | "crosses" | "tooSmall";

/** What is wrong with a region, or null. */
export function flawOf(polygon: readonly Point[]): Flaw | null {
  if (polygon.length < 3) return "tooFew";
  if (crosses(polygon)) return "crosses";
  return Math.abs(area(polygon)) < LEAST_AREA ? "tooSmall" : null;
}

/** Signed area by the shoelace formula. */
export function area(polygon: readonly Point[]): number {
  return edges(polygon).reduce((sum, [[x1, y1], [x2, y2]]) => sum + x1 * y2 - x2 * y1, 0) / 2;
}

/** Whether two edges that are no neighbours meet. */
export function crosses(polygon: readonly Point[]): boolean {
  const all = edges(polygon);
  return all.some((one, i) =>
    all.some((other, j) => j > i + 1 && !(i === 0 && j === all.length - 1) && meet(one, other)),
  );
}

export function insideOf(value: number): number {
  return Math.min(1, Math.max(0, Math.round(value * 10_000) / 10_000));
}

export function moveCorner(polygon: readonly Point[], index: number, [x, y]: Point): Point[] {
  return polygon.map((corner, i) => (i === index ? [insideOf(x), insideOf(y)] : corner));
}

/** Move all corners alike, as far as the picture allows. */
export function moveAll(polygon: readonly Point[], dx: number, dy: number): Point[] {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  const right = clamp(dx, -Math.min(...xs), 1 - Math.max(...xs));
  const down = clamp(dy, -Math.min(...ys), 1 - Math.max(...ys));
  return polygon.map(([x, y]) => [insideOf(x + right), insideOf(y + down)]);
}

/** A new corner in the middle of the edge after `index`. */
export function splitEdge(polygon: readonly Point[], index: number): Point[] {
  const a = polygon[index];
  const b = polygon[(index + 1) % polygon.length];
  if (!a || !b) return [...polygon];
  const middle: Point = [insideOf((a[0] + b[0]) / 2), insideOf((a[1] + b[1]) / 2)];
  return [...polygon.slice(0, index + 1), middle, ...polygon.slice(index + 1)];
}

export function dropCorner(polygon: readonly Point[], index: number): Point[] {
  return polygon.length > 3 ? polygon.filter((_, i) => i !== index) : [...polygon];
}

type Edge = readonly [Point, Point];

function edges(polygon: readonly Point[]): Edge[] {
  return polygon.map((corner, i) => [corner, polygon[(i + 1) % polygon.length] ?? corner]);
}

function meet([a, b]: Edge, [c, d]: Edge): boolean {
  return turn(a, b, c) * turn(a, b, d) <= 0 && turn(c, d, a) * turn(c, d, b) <= 0;
}

function turn([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point): number {
  return Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

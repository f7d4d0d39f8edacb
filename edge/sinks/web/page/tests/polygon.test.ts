import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { area, dropCorner, flawOf, moveAll, moveCorner, splitEdge } from "../src/line/polygon";
import type { Point } from "../src/core/wire";

const SQUARE: Point[] = [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.4]];

const FLAWS: [string, Point[], string | null][] = [
  ["a square", SQUARE, null],
  ["a triangle", SQUARE.slice(0, 3), null],
  ["an L", [[0, 0], [1, 0], [1, 0.5], [0.5, 0.5], [0.5, 1], [0, 1]], null],
  ["two points", SQUARE.slice(0, 2), "tooFew"],
  ["a bow tie", [[0, 0], [1, 1], [1, 0], [0, 1]], "crosses"],
  ["a corner on another edge", [[0, 0], [1, 0], [1, 1], [0.5, 0], [0, 1]], "crosses"],
  ["a speck", [[0, 0], [0.005, 0], [0.005, 0.005]], "tooSmall"],
];
for (const [name, polygon, flaw] of FLAWS) {
  test(`${name} is ${flaw ?? "usable"}`, () => equal(flawOf(polygon), flaw));
}

test("an area is the same whichever way round", () => {
  equal(Math.abs(area(SQUARE)).toFixed(6), "0.040000");
  equal(Math.abs(area([...SQUARE].reverse())).toFixed(6), "0.040000");
});

test("a corner stays on the picture", () => {
  deepEqual(moveCorner(SQUARE, 1, [1.7, -3])[1], [1, 0]);
});

test("a region that is moved keeps its form at the edge of the picture", () => {
  deepEqual(moveAll(SQUARE, 5, -5), [[0.8, 0], [1, 0], [1, 0.2], [0.8, 0.2]]);
});

test("a new corner lies in the middle of its edge, the last edge too", () => {
  deepEqual(splitEdge(SQUARE, 3)[4], [0.2, 0.3]);
  equal(splitEdge(SQUARE, 0).length, 5);
});

test("a triangle keeps its corners", () => {
  equal(dropCorner(SQUARE, 0).length, 3);
  equal(dropCorner(SQUARE.slice(0, 3), 0).length, 3);
});

import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { MOST, moved, placeOf, WHOLE, zoomed } from "../src/live/zoom";

const SCREEN = { width: 800, height: 600 };
const PICTURE = { width: 1280, height: 720 };

const near = (a: number, b: number): void => ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test("the whole picture is centred and as large as fits", () => {
  deepEqual(placeOf(WHOLE, SCREEN, PICTURE), { left: 0, top: 75, scale: 0.625 });
});

test("what is under the pointer stays there", () => {
  const at: [number, number] = [0.4, 0.55];
  const under = (view: typeof WHOLE): number[] => {
    const { left, top, scale } = placeOf(view, SCREEN, PICTURE);
    return [(at[0] * SCREEN.width - left) / scale, (at[1] * SCREEN.height - top) / scale];
  };
  const once = zoomed(WHOLE, 2, at, SCREEN, PICTURE);
  const twice = zoomed(once, 1.5, at, SCREEN, PICTURE);
  const [x = 0, y = 0] = under(once);
  const [nextX = 0, nextY = 0] = under(twice);
  near(nextX, x);
  near(nextY, y);
});

test("zoom ends at its limits and comes back to the whole", () => {
  equal(zoomed(WHOLE, 1000, [0.5, 0.5], SCREEN, PICTURE).scale, MOST);
  deepEqual(zoomed(zoomed(WHOLE, 5, [0.9, 0.1], SCREEN, PICTURE), 0.01, [0.5, 0.5], SCREEN, PICTURE), WHOLE);
});

test("the picture cannot be pushed off the screen", () => {
  const far = moved({ scale: 4, x: 0.5, y: 0.5 }, 1e6, -1e6, SCREEN, PICTURE);
  deepEqual(far, { scale: 4, x: 0.125, y: 0.875 });
});

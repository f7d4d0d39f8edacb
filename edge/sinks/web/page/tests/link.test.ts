import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { SharedClock } from "../src/live/link";

test("time in a slow network counts as age", () => {
  const clock = new SharedClock();
  equal(clock.here(1000, 5000), 5000); // the quickest so far: taken as if it needed no time
  equal(clock.here(2000, 6900).toFixed(6), "6000.190000"); // 900 ms late, less the clocks' drift
});

test("a quicker message corrects what was thought of the clocks", () => {
  const clock = new SharedClock();
  clock.here(1000, 5400);
  ok(Math.abs(clock.here(2000, 6000) - 6000) < 1e-6);
});

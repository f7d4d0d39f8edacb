// The line room: what makes a frame NG, camera by camera, and what was counted.

import type { JSX } from "preact";
import { usePolled } from "../core/polled";
import { go, place } from "../core/route";
import { offers } from "../core/session";
import type { LineVersion } from "../core/wire";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { Counts } from "./counts";
import { RulesEditor } from "./editor";

interface Line {
  cameras: (LineVersion & { camera: string })[];
}

const EVERY_MS = 10_000;

export function LineRoom(): JSX.Element {
  const { line, rooms } = words.value;
  const polled = usePolled<Line>("/api/line", EVERY_MS);
  const all = polled.data?.cameras ?? [];
  const shown = all.find(({ camera }) => camera === place.value.detail) ?? all[0];
  return (
    <div class="room">
      <header class="room-head">
        <h1>{rooms.line}</h1>
        {all.length > 1 && (
          <div class="switches" role="group" aria-label={line.camera}>
            {all.map(({ camera }) => (
              <button key={camera} type="button" class="switch" aria-pressed={camera === shown?.camera} onClick={() => go("line", camera)}>
                {camera}
              </button>
            ))}
          </div>
        )}
      </header>
      <Outdated {...polled} />
      {polled.data && !shown && <p class="empty">{line.noCameras}</p>}
      {shown && <RulesEditor key={shown.camera} camera={shown.camera} newest={shown} reload={polled.again} />}
      {offers("/api/counts") && <Counts />}
    </div>
  );
}

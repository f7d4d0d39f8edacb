// The room of recorded frames: filtered, as pictures or as a table, each opened in full.

import type { JSX } from "preact";
import { useListed } from "../core/listed";
import { go, place } from "../core/route";
import { withQuery } from "../core/client";
import { kept } from "../core/settings";
import type { DetectionRow } from "../core/wire";
import { Failure } from "../ui/act";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { Detail } from "./detail";
import { asQuery, FilterForm, filters } from "./filters";
import { DetectionTable } from "./table";
import { Thumbnail } from "./thumbnail";

const PAGE = 48;
const EVERY_MS = 4000;
const LOOKS = ["wall", "table"] as const;
const look = kept<(typeof LOOKS)[number]>("recent", "wall", LOOKS);

export function RecentRoom(): JSX.Element {
  const { recent, more, rooms } = words.value;
  const query = asQuery(filters.value);
  const list = useListed<DetectionRow>("/api/detections", { ...query, limit: PAGE }, EVERY_MS);
  const open = place.value.detail;
  return (
    <div class="room">
      <header class="room-head">
        <h1>{rooms.recent}</h1>
        <small>{recent.newest}</small>
        <div class="switches" role="group" aria-label={recent.view}>
          {LOOKS.map((name) => (
            <button key={name} type="button" class="switch" aria-pressed={look.value === name} onClick={() => (look.value = name)}>
              {recent[name]}
            </button>
          ))}
        </div>
        <a class="button" href={withQuery("/api/export/detections.csv", query)} download>{recent.exportCsv}</a>
        <a class="button" href={withQuery("/api/export/coco.json", query)} download="detections.coco.json">{recent.exportCoco}</a>
      </header>
      <FilterForm />
      <Outdated {...list.polled} />
      {list.polled.data && !list.items.length && <p class="empty">{recent.nothing}</p>}
      {look.value === "wall" ? <Wall rows={list.items} /> : <DetectionTable rows={list.items} />}
      <Failure failed={list.failed} />
      {list.hasMore && (
        <button type="button" class="more" onClick={list.more}>{more}</button>
      )}
      {open && <Detail id={open} rows={list.items} onClose={() => go("recent")} />}
    </div>
  );
}

function Wall({ rows }: { rows: DetectionRow[] }): JSX.Element {
  return (
    <ul class="wall" aria-label={words.value.recent.wall}>
      {rows.map((row) => (
        <li key={row.id}>
          <Thumbnail row={row} />
        </li>
      ))}
    </ul>
  );
}

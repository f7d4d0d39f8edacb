// A recorded frame, small, with what was found in it.

import type { JSX } from "preact";
import { hashOf } from "../core/route";
import type { DetectionRow } from "../core/wire";
import { labelOf } from "../live/classes";
import { colourOf } from "../live/colours";
import { labels } from "../live/line-state";
import { Swatch } from "../live/figures";
import { words } from "../words";
import { time } from "../words/format";

export function Thumbnail({ row }: { row: DetectionRow }): JSX.Element {
  const { recent, verdict } = words.value;
  return (
    <a class="thumbnail" href={hashOf("recent", String(row.id))} data-verdict={row.verdict}>
      {row.has_picture !== false ? (
        <img src={`/api/detections/${row.id}/thumbnail.jpg`} alt="" loading="lazy" decoding="async" />
      ) : (
        <span class="no-picture">{recent.noPicture}</span>
      )}
      <span class="caption">
        <span>
          <span class="visually-hidden">{row.camera} </span>
          {time(row.at)}
        </span>
        {row.verdict && <b class="mark" data-verdict={row.verdict}>{verdict[row.verdict]}</b>}
      </span>
      <Labels row={row} />
    </a>
  );
}

/** What was found, a class each, with its number. */
export function Labels({ row }: { row: DetectionRow }): JSX.Element {
  const counts = new Map<string, number>();
  for (const found of row.boxes) counts.set(labelOf(found), (counts.get(labelOf(found)) ?? 0) + 1);
  return (
    <span class="labels">
      {[...counts].map(([label, times]) => (
        <span key={label}>
          <Swatch colour={colourOf(Math.max(0, labels.value.indexOf(label)))} />
          {label}
          {times > 1 && <b> {times}</b>}
        </span>
      ))}
    </span>
  );
}

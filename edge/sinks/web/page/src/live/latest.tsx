// The last frames in which something was found, as a strip below the live pictures.

import type { JSX } from "preact";
import { hashOf } from "../core/route";
import { usePolled } from "../core/polled";
import type { DetectionRow, Paged } from "../core/wire";
import { Thumbnail } from "../recent/thumbnail";
import { Outdated } from "../ui/outdated";
import { words } from "../words";

const MOST = 12;
const EVERY_MS = 3000;

export function Latest(): JSX.Element | null {
  const polled = usePolled<Paged<DetectionRow>>(`/api/detections?limit=${MOST}&min_score=0`, EVERY_MS);
  const rows = polled.data?.items ?? [];
  if (!rows.length) return null;
  return (
    <section class="latest" aria-label={words.value.live.latest}>
      <h2>
        <a href={hashOf("recent")}>{words.value.live.latest}</a>
      </h2>
      <Outdated {...polled} />
      <ul class="strip">
        {rows.map((row) => (
          <li key={row.id}>
            <Thumbnail row={row} />
          </li>
        ))}
      </ul>
    </section>
  );
}

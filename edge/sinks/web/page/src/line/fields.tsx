// Regions as numbers: the same as on the picture, for whoever has no mouse.

import type { JSX } from "preact";
import type { Point, Region } from "../core/wire";
import { IconButton } from "../ui/icon";
import { words } from "../words";
import type { Draft } from "./draft";
import { dropCorner, flawOf, moveCorner, splitEdge } from "./polygon";

export function RegionFields({ draft }: { draft: Draft }): JSX.Element {
  const { line } = words.value;
  return (
    <section class="card" aria-label={line.regions}>
      <h2>{line.regions}</h2>
      <p class="hint">{line.regionsWhat}</p>
      {draft.rules.value.regions.map((region, i) => (
        <OneRegion key={i} region={region} index={i} draft={draft} />
      ))}
    </section>
  );
}

interface Props {
  region: Region;
  index: number;
  draft: Draft;
}

function OneRegion({ region, index, draft }: Props): JSX.Element {
  const { line } = words.value;
  const flaw = flawOf(region.polygon);
  const open = draft.chosen.value === index;
  const set = (changed: Partial<Region>): void => draft.setRegion(index, { ...region, ...changed });
  return (
    <div class="one-region" data-chosen={open}>
      <div class="region-row">
        <input aria-label={`${line.name}: ${region.name}`} value={region.name} maxLength={64} onFocus={() => (draft.chosen.value = index)} onInput={(event) => set({ name: event.currentTarget.value })} />
        <IconButton icon="settings" label={`${line.points}: ${region.name}`} pressed={open} onClick={() => (draft.chosen.value = open ? null : index)} />
        <IconButton icon="trash" label={`${line.removeRegion}: ${region.name}`} onClick={() => draft.removeRegion(index)} />
      </div>
      {flaw && <p class="notice" data-kind="bad" role="alert">{line[flaw]}</p>}
      {open && <Points region={region} set={set} />}
    </div>
  );
}

interface PointsProps {
  region: Region;
  set: (changed: Partial<Region>) => void;
}

function Points({ region: { name, polygon }, set }: PointsProps): JSX.Element {
  const { line } = words.value;
  return (
    <div class="points" role="group" aria-label={`${line.points}: ${name}`}>
      <span class="hint">{line.points}</span>
      {polygon.map((corner, i) => (
        <div key={i} class="point">
          {(["x", "y"] as const).map((axis, j) => (
            <input
              key={axis}
              type="number"
              min="0"
              max="100"
              step="0.5"
              aria-label={`${line.point(name, i + 1)}, ${axis}`}
              value={Math.round((corner[j] ?? 0) * 1000) / 10}
              onChange={(event) => set({ polygon: moveCorner(polygon, i, replaced(corner, j, event.currentTarget.valueAsNumber)) })}
            />
          ))}
          <IconButton icon="plus" label={`${line.addPoint}: ${line.point(name, i + 1)}`} onClick={() => set({ polygon: splitEdge(polygon, i) })} />
          <IconButton icon="minus" label={`${line.removePoint}: ${line.point(name, i + 1)}`} disabled={polygon.length < 4} onClick={() => set({ polygon: dropCorner(polygon, i) })} />
        </div>
      ))}
    </div>
  );
}

function replaced([x, y]: Point, axis: number, percent: number): Point {
  const share = Number.isFinite(percent) ? percent / 100 : 0;
  return axis === 0 ? [share, y] : [x, share];
}

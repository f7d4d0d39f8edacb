// What is found, counted and measured on one camera, beside its picture.

import type { ComponentChildren, JSX } from "preact";
import type { Found } from "../core/wire";
import { words } from "../words";
import { number, type Amount, span, spanText } from "../words/format";
import type { Camera } from "./camera";
import { classOf } from "./classes";
import { colourOf } from "./colours";
import { clockTick, labels } from "./line-state";

const MINUTE_MS = 60_000;

export function VerdictPlate({ camera }: { camera: Camera }): JSX.Element | null {
  const verdict = camera.verdict.value;
  if (verdict === null) return null;
  const { verdict: said } = words.value;
  const lastNg = camera.lastNg.value;
  const ago = lastNg === null ? null : Math.floor((clockTick.value - lastNg) / 1000) * 1000;
  return (
    <div class="verdict" data-verdict={verdict} role="status" aria-label={said.title}>
      <p class="word">{said[verdict]}</p>
      {ago !== null && ago >= 1000 && ago < 10 * MINUTE_MS && verdict !== "ng" && (
        <p class="before">{said.lastNg(ago < MINUTE_MS ? `${ago / 1000} s` : spanText(ago))}</p>
      )}
    </div>
  );
}

export function Count({ camera }: { camera: Camera }): JSX.Element {
  const { live } = words.value;
  const found = foundBy(camera);
  if (!found) {
    return (
      <div class="found">
        <p class="count">{live.unknownCount}</p>
        <p class="unit">{live.detections(2)}</p>
      </div>
    );
  }
  const none = found.length === 0;
  return (
    <div class="found">
      <p class="count" data-none={none}>{none ? live.nothing : number(found.length)}</p>
      <p class="unit">{none ? "" : live.detections(found.length)}</p>
    </div>
  );
}

export function Legend({ camera }: { camera: Camera }): JSX.Element {
  const counts = new Map<number, number>();
  for (const found of foundBy(camera) ?? []) {
    const id = classOf(found);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return (
    <ul class="legend" aria-label={words.value.live.byClass}>
      {[...counts]
        .sort(([a], [b]) => a - b)
        .map(([id, times]) => (
          <li key={id}>
            <Swatch colour={colourOf(id)} />
            {labels.value[id] ?? `class ${id}`}
            <b>{times}</b>
          </li>
        ))}
    </ul>
  );
}

export function Swatch({ colour }: { colour: string }): JSX.Element {
  return (
    <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
      <rect width="10" height="10" rx="2" fill={colour} />
    </svg>
  );
}

export function Figures({ camera }: { camera: Camera }): JSX.Element {
  const { live } = words.value;
  const stats = camera.newest.value?.frame.stats ?? null;
  const now = camera.live.value;
  const age = camera.age();
  const median = stats?.latency_ms.p50 ?? null;
  return (
    <dl class="figures">
      <Figure name={live.rate} part="fps">
        {now && stats ? <Quantity value={number(stats.fps, 1)} unit={live.fps} /> : null}
      </Figure>
      <Figure name={live.age} part="age">{age === null ? null : <Quantity {...span(age)} />}</Figure>
      <Figure name={live.dropped} part="dropped">{stats && number(stats.dropped)}</Figure>
      <Figure name={live.latency} part="latency">
        {median === null ? null : <Quantity {...span(median)} />}
      </Figure>
    </dl>
  );
}

interface FigureProps {
  name: string;
  part: string;
  children: ComponentChildren;
}

function Figure({ name, part, children }: FigureProps): JSX.Element {
  return (
    <div data-part={part}>
      <dt>{name}</dt>
      <dd class={part}>{children ?? words.value.none}</dd>
    </div>
  );
}

function Quantity({ value, unit }: Amount): JSX.Element {
  return (
    <>
      {value}
      <small> {unit}</small>
    </>
  );
}

/** What is found now; null: unknown. */
function foundBy(camera: Camera): readonly Found[] | null {
  const taken = camera.newest.value;
  return taken && camera.live.value ? taken.frame.detections : null;
}

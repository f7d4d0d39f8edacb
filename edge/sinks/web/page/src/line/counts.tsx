// Frames and detections by hour. Frames, not parts: one part is seen in many frames.

import type { JSX } from "preact";
import { usePolled } from "../core/polled";
import type { HourRow } from "../core/wire";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { hour, number, spanText } from "../words/format";

const HOURS = 24;
const EVERY_MS = 15_000;

export function Counts(): JSX.Element {
  const { line } = words.value;
  const polled = usePolled<HourRow[]>(`/api/counts?hours=${HOURS}`, EVERY_MS);
  const rows = polled.data ?? [];
  return (
    <section aria-label={line.counts}>
      <h2>{line.counts}</h2>
      <p class="hint">{line.countsWhat}</p>
      <Outdated {...polled} />
      {polled.data && !rows.length && <p class="loading">{line.noCounts}</p>}
      {rows.length > 0 && <CountTable rows={rows} />}
    </section>
  );
}

function CountTable({ rows }: { rows: HourRow[] }): JSX.Element {
  const { line, verdict } = words.value;
  const most = Math.max(1, ...rows.map(({ frames }) => frames));
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={line.counts}>
      <table class="counts">
        <thead>
          <tr>
            <th scope="col">{line.hour}</th>
            <th scope="col">{line.camera}</th>
            <th scope="col" class="number">{line.frames}</th>
            <th scope="col"><span class="visually-hidden">{line.share}</span></th>
            <th scope="col" class="number">{verdict.ok}</th>
            <th scope="col" class="number">{verdict.ng}</th>
            <th scope="col" class="number">{verdict.unknown}</th>
            <th scope="col" class="number">{line.dropped}</th>
            <th scope="col" class="number">{line.blind}</th>
            <th scope="col">{line.detections}</th>
          </tr>
        </thead>
        <tbody>
          {rows.toReversed().map((row) => (
            <Row key={`${row.hour} ${row.camera}`} row={row} most={most} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row, most }: { row: HourRow; most: number }): JSX.Element {
  const found = Object.entries(row.detections).sort(([, a], [, b]) => b - a);
  return (
    <tr>
      <td class="when">{hour(row.hour)}</td>
      <td>{row.camera}</td>
      <td class="number">{number(row.frames)}</td>
      <td><Bar row={row} most={most} /></td>
      <td class="number">{number(row.ok)}</td>
      <td class="number" data-some={row.ng > 0}>{number(row.ng)}</td>
      <td class="number">{number(row.unknown)}</td>
      <td class="number">{number(row.dropped)}</td>
      <td class="number">{row.blind_s ? spanText(row.blind_s * 1000) : number(0)}</td>
      <td>{found.map(([label, times]) => `${label} ${number(times)}`).join(", ") || words.value.none}</td>
    </tr>
  );
}

/** The hour's frames by verdict, as long as the busiest hour at most. */
function Bar({ row, most }: { row: HourRow; most: number }): JSX.Element {
  const judged = row.ok + row.ng + row.unknown;
  const parts = judged
    ? ([["ok", row.ok], ["unknown", row.unknown], ["ng", row.ng]] as const)
    : ([["none", row.frames]] as const);
  let x = 0;
  return (
    <svg class="bar-of" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      {parts.map(([name, frames]) => {
        const width = (100 * frames) / Math.max(most, judged);
        x += width;
        return <rect key={name} data-part={name} x={x - width} width={width} height="10" />;
      })}
    </svg>
  );
}

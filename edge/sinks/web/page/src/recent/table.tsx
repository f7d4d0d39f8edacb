// Recorded frames as a table.

import type { JSX } from "preact";
import { hashOf } from "../core/route";
import type { DetectionRow } from "../core/wire";
import { VerdictMark } from "../ui/marks";
import { words } from "../words";
import { number, percent, spanText, time } from "../words/format";
import { Labels } from "./thumbnail";

export function DetectionTable({ rows }: { rows: DetectionRow[] }): JSX.Element | null {
  const { recent } = words.value;
  if (!rows.length) return null;
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={recent.table}>
      <table>
        <thead>
          <tr>
            <th scope="col">{recent.picture}</th>
            <th scope="col">{recent.at}</th>
            <th scope="col">{recent.camera}</th>
            <th scope="col">{recent.verdict}</th>
            <th scope="col">{recent.found}</th>
            <th scope="col" class="number">{recent.score}</th>
            <th scope="col" class="number">{recent.frame}</th>
            <th scope="col" class="number">{recent.age}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.id} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row }: { row: DetectionRow }): JSX.Element {
  const best = row.boxes.length ? Math.max(...row.boxes.map(({ score }) => score)) : null;
  return (
    <tr>
      <td>{row.has_picture !== false && <img class="mini" src={`/api/detections/${row.id}/thumbnail.jpg`} alt="" loading="lazy" />}</td>
      <td>
        <a href={hashOf("recent", String(row.id))}>{time(row.at)}</a>
      </td>
      <td>{row.camera}</td>
      <td><VerdictMark verdict={row.verdict} /></td>
      <td><Labels row={row} /></td>
      <td class="number">{percent(best)}</td>
      <td class="number">{number(row.frame)}</td>
      <td class="number">{spanText(row.age_ms)}</td>
    </tr>
  );
}

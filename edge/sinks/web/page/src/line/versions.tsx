// The rules as they were, each to be taken into the editor again.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { usePolled } from "../core/polled";
import type { LineVersion } from "../core/wire";
import { tell } from "../ui/news";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { time } from "../words/format";
import type { Draft } from "./draft";

interface Props {
  camera: string;
  newest: number;
  draft: Draft;
}

export function Versions({ camera, newest, draft }: Props): JSX.Element | null {
  const { line } = words.value;
  const [open, setOpen] = useState(false);
  if (newest === 0) return null;
  return (
    <details class="card" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{line.versions}</summary>
      {open && <List key={newest} camera={camera} draft={draft} />}
    </details>
  );
}

function List({ camera, draft }: { camera: string; draft: Draft }): JSX.Element {
  const { line, none } = words.value;
  const polled = usePolled<LineVersion[]>(`/api/line/${encodeURIComponent(camera)}/versions`, 0);
  const load = (version: LineVersion): void => {
    draft.take(version.rules);
    tell(line.loaded(version.version));
  };
  return (
    <>
      <Outdated {...polled} />
      <table>
        <tbody>
          {(polled.data ?? []).map((version) => (
            <tr key={version.version}>
              <th scope="row">{line.version(version.version)}</th>
              <td class="when">{time(version.changed_at)}</td>
              <td>{version.who ?? none}</td>
              <td>{version.why ?? none}</td>
              <td>
                <button type="button" aria-label={`${line.load}: ${line.version(version.version)}`} onClick={() => load(version)}>{line.load}</button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

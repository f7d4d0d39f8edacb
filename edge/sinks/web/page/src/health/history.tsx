// What changed at the service, when, by whom and why.

import type { JSX } from "preact";
import { usePolled } from "../core/polled";
import type { HistoryRow } from "../core/wire";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { time } from "../words/format";

const EVERY_MS = 10_000;
const MOST = 100;

export function History(): JSX.Element {
  const { health, none } = words.value;
  const polled = usePolled<HistoryRow[]>(`/api/history?limit=${MOST}`, EVERY_MS);
  return (
    <section aria-label={health.changed}>
      <h2>{health.changed}</h2>
      <Outdated {...polled} />
      {polled.data?.length === 0 && <p class="loading">{health.nothingChanged}</p>}
      {polled.data && polled.data.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-label={health.changed}>
          <table>
            <thead>
              <tr>
                <th scope="col">{health.at}</th>
                <th scope="col">{health.what}</th>
                <th scope="col">{health.who}</th>
                <th scope="col">{health.why}</th>
              </tr>
            </thead>
            <tbody>
              {polled.data.map((row, i) => (
                <tr key={i}>
                  <td class="when">{time(row.at)}</td>
                  <td>{row.what}</td>
                  <td>{row.who ?? none}</td>
                  <td>{row.why ?? none}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

// Which recorded frames are shown.

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import type { Verdict } from "../core/wire";
import { cameras } from "../live/feed";
import { labels } from "../live/line-state";
import { words } from "../words";
import { number } from "../words/format";

export interface Filters {
  camera: string;
  label: string;
  verdict: Verdict | "";
  min_score: string;
  /** Local time, as the browser's field has it. */
  since: string;
  until: string;
}

const ALL: Filters = { camera: "", label: "", verdict: "", min_score: "", since: "", until: "" };

/** Kept while other rooms are visited. */
export const filters = signal<Filters>(ALL);

/** The filters as the service reads them, times in UTC. */
export function asQuery({ since, until, ...others }: Filters): Record<string, string> {
  const utc = (local: string): string => (local ? new Date(local).toISOString() : "");
  return { ...others, since: utc(since), until: utc(until) };
}

export function FilterForm(): JSX.Element {
  const { recent, verdict } = words.value;
  const set = (changed: Partial<Filters>): void => {
    filters.value = { ...filters.value, ...changed };
  };
  const { min_score: score, since, until } = filters.value;
  return (
    <form class="filters" aria-label={recent.filters} onSubmit={(event) => event.preventDefault()}>
      <Choice name="camera" label={recent.camera} options={cameras.value.map(({ name }) => [name, name])} set={set} />
      <Choice name="label" label={recent.label} options={labels.value.map((label) => [label, label])} set={set} />
      <Choice name="verdict" label={recent.verdict} options={(["ng", "ok", "unknown"] as const).map((one) => [one, verdict[one]])} set={set} />
      <label class="field">
        <span>
          {recent.score} {score && `${number(Number(score) * 100)} %`}
        </span>
        <input type="range" min="0" max="1" step="0.05" value={score || "0"} onChange={(event) => set({ min_score: event.currentTarget.value === "0" ? "" : event.currentTarget.value })} />
      </label>
      <label class="field">
        <span>{recent.since}</span>
        <input type="datetime-local" value={since} onChange={(event) => set({ since: event.currentTarget.value })} />
      </label>
      <label class="field">
        <span>{recent.until}</span>
        <input type="datetime-local" value={until} onChange={(event) => set({ until: event.currentTarget.value })} />
      </label>
      <button type="button" onClick={() => (filters.value = ALL)} disabled={Object.values(filters.value).every((value) => value === "")}>
        {recent.clear}
      </button>
    </form>
  );
}

interface ChoiceProps {
  name: "camera" | "label" | "verdict";
  label: string;
  options: (readonly [string, string])[];
  set: (changed: Partial<Filters>) => void;
}

function Choice({ name, label, options, set }: ChoiceProps): JSX.Element {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} name={name} value={filters.value[name]} onChange={(event) => set({ [name]: event.currentTarget.value })}>
        <option value="">{words.value.recent.any}</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>{text}</option>
        ))}
      </select>
    </div>
  );
}

// Which classes make a frame NG, and from which score and size on.

import type { JSX } from "preact";
import type { ClassRule } from "../core/wire";
import { colourOf } from "../live/colours";
import { Swatch } from "../live/figures";
import { labels } from "../live/line-state";
import { words } from "../words";
import { type Draft, ruleOf } from "./draft";

type Limit = "min_score" | "min_width_px" | "min_height_px";

export function ClassTable({ draft }: { draft: Draft }): JSX.Element {
  const { line } = words.value;
  const { classes, max_age_ms: maxAge } = draft.rules.value;
  const listed = [...labels.value, ...Object.keys(classes).filter((label) => !labels.value.includes(label))];
  return (
    <section class="card" aria-label={line.classes}>
      <h2>{line.classes}</h2>
      <p class="hint">{line.classesWhat}</p>
      <div class="scroll" tabIndex={0} role="group" aria-label={line.classes}>
        <table class="class-table">
          <thead>
            <tr>
              <th scope="col">{line.label}</th>
              <th scope="col">{line.ng}</th>
              <th scope="col">{line.minScore}</th>
              <th scope="col">{line.minWidth}</th>
              <th scope="col">{line.minHeight}</th>
            </tr>
          </thead>
          <tbody>
            {listed.map((label, i) => (
              <Row key={label} label={label} index={i} draft={draft} />
            ))}
          </tbody>
        </table>
      </div>
      <label class="field">
        <span>{line.maxAge}</span>
        <input
          type="number"
          min="1"
          max="600000"
          step="50"
          value={maxAge}
          onChange={(event) => {
            const value = event.currentTarget.valueAsNumber;
            if (value > 0) draft.rules.value = { ...draft.rules.value, max_age_ms: value };
          }}
        />
      </label>
    </section>
  );
}

interface RowProps {
  label: string;
  index: number;
  draft: Draft;
}

function Row({ label, index, draft }: RowProps): JSX.Element {
  const { line } = words.value;
  const rule = ruleOf(draft.rules.value, label);
  const set = (changed: Partial<ClassRule>): void => draft.setClass(label, changed);
  const limit = (name: Limit, what: string, most: number, step: number): JSX.Element => (
    <td>
      <input
        type="number"
        min="0"
        max={most}
        step={step}
        aria-label={line.ofClass(what, label)}
        value={rule[name] ?? ""}
        placeholder="–"
        onChange={(event) => {
          const value = event.currentTarget.valueAsNumber;
          set({ [name]: Number.isFinite(value) ? Math.min(most, Math.max(0, value)) : null });
        }}
      />
    </td>
  );
  return (
    <tr>
      <th scope="row">
        <span class="class-name">
          <Swatch colour={colourOf(index)} />
          {label}
        </span>
      </th>
      <td>
        <input type="checkbox" aria-label={line.ofClass(line.ng, label)} checked={rule.ng} onChange={(event) => set({ ng: event.currentTarget.checked })} />
      </td>
      {limit("min_score", line.minScore, 1, 0.05)}
      {limit("min_width_px", line.minWidth, 100_000, 1)}
      {limit("min_height_px", line.minHeight, 100_000, 1)}
    </tr>
  );
}

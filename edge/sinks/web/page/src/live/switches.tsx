// What is drawn on pictures, in every room that shows them.

import type { JSX } from "preact";
import { drawn } from "../core/settings";
import { words } from "../words";

export function Switches(): JSX.Element {
  const { live } = words.value;
  return (
    <div class="switches" role="group" aria-label={live.drawn}>
      {(["boxes", "labels", "scores"] as const).map((name) => (
        <button
          key={name}
          type="button"
          class="switch"
          aria-pressed={drawn[name].value}
          onClick={() => (drawn[name].value = !drawn[name].value)}
        >
          {live[name]}
        </button>
      ))}
    </div>
  );
}

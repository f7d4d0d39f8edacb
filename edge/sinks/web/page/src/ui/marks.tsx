// Small words in the colour of what they mean.

import type { JSX } from "preact";
import type { Verdict } from "../core/wire";
import { words } from "../words";

export function VerdictMark({ verdict }: { verdict: Verdict | null }): JSX.Element {
  if (verdict === null) return <>{words.value.none}</>;
  return <b class="mark" data-verdict={verdict}>{words.value.verdict[verdict]}</b>;
}

// Says that what is shown is not how it is now.

import type { JSX } from "preact";
import type { Polled } from "../core/polled";
import { words } from "../words";
import { time } from "../words/format";

export function Outdated({ data, failed, at }: Polled<unknown>): JSX.Element | null {
  if (!failed) return data === null ? <p class="loading">{words.value.loading}</p> : null;
  const { outdated, noAnswer } = words.value;
  const text = data !== null ? outdated(time(at)) : failed.status ? failed.what : noAnswer;
  return (
    <p class="notice" data-kind="bad" role="alert">
      {text} {failed.status ? failed.remedy : ""}
    </p>
  );
}

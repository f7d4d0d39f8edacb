// A new bundle while the line runs: started, watched, judged, aborted.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { change } from "../core/client";
import { usePolled } from "../core/polled";
import { hashOf } from "../core/route";
import { may } from "../core/session";
import type { Act, Recalibration } from "../core/wire";
import { ActDialog } from "../ui/act";
import { Allowed } from "../ui/allowed";
import { tell } from "../ui/news";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { spanText } from "../words/format";

const PATH = "/api/recalibration";
const EVERY_MS = 1500;
const KIND = { idle: "", running: "warn", passed: "good", failed: "bad" } as const;

interface Props {
  /** Called when one has ended, whichever way. */
  finished: () => void;
  /** Whether the last one published nothing and left a report. */
  refused: boolean;
}

export function RecalibrationCard({ finished, refused }: Props): JSX.Element {
  const { models: said } = words.value;
  const polled = usePolled<Recalibration>(PATH, EVERY_MS);
  const state = polled.data?.state;
  const before = useRef(state);
  useEffect(() => {
    if (before.current === "running" && state !== "running") finished();
    before.current = state;
  }, [state, finished]);
  return (
    <section aria-label={said.recalibration}>
      <div class="room-head">
        <h2>{said.recalibration}</h2>
        <Buttons running={state === "running"} changed={polled.again} />
      </div>
      <Outdated {...polled} />
      {polled.data && <Progress now={polled.data} />}
      {refused && <p><a href={hashOf("models", "refused")}>{said.refusedReport}</a></p>}
    </section>
  );
}

function Buttons({ running, changed }: { running: boolean; changed: () => void }): JSX.Element {
  const { models: said } = words.value;
  const [asked, setAsked] = useState<"start" | "abort" | null>(null);
  const close = (): void => setAsked(null);
  const start = async (by: Act): Promise<void> => {
    await change("POST", PATH, by);
    tell(said.started);
    changed();
  };
  const abort = async (by: Act): Promise<void> => {
    await change("DELETE", PATH, by);
    tell(said.aborted);
    changed();
  };
  return (
    <Allowed role="engineer">
      {running ? (
        <button type="button" disabled={!may("engineer")} onClick={() => setAsked("abort")}>{said.abort}</button>
      ) : (
        <button type="button" class="primary" disabled={!may("engineer")} onClick={() => setAsked("start")}>{said.recalibrate}</button>
      )}
      {asked === "start" && (
        <ActDialog title={said.recalibrateTitle} what={said.recalibrateWhat} button={said.recalibrate} act={start} onClose={close} />
      )}
      {asked === "abort" && (
        <ActDialog title={said.abortTitle} what={said.abortWhat} button={said.abort} danger act={abort} onClose={close} />
      )}
    </Allowed>
  );
}

function Progress({ now }: { now: Recalibration }): JSX.Element {
  const { models: said, none } = words.value;
  const lines = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (lines.current) lines.current.scrollTop = lines.current.scrollHeight;
  }, [now.lines.length]);
  const spent = now.seconds === null ? "" : spanText(now.seconds * 1000);
  return (
    <div class="progress" data-state={now.state}>
      <p>
        <b class="mark" data-kind={KIND[now.state]}>{said.states[now.state]}</b>{" "}
        {now.step && <span>{now.step} </span>}
        {spent && <span>{now.state === "running" ? said.seconds(spent) : said.took(spent)} </span>}
        {now.to && <span>{said.fromTo(now.from ?? none, now.to)}</span>}
      </p>
      {now.reason && <p class="notice" data-kind={KIND[now.state]}>{now.reason}</p>}
      {now.lines.length > 0 && (
        <pre ref={lines} class="lines" tabIndex={0} role="log" aria-label={said.progress}>{now.lines.join("\n")}</pre>
      )}
    </div>
  );
}

// The health of the service: its state in plain words, its figures, and what changed.

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { usePolled } from "../core/polled";
import { hashOf } from "../core/route";
import { offers } from "../core/session";
import type { Health, Models, Series, SeriesName } from "../core/wire";
import { isTrouble } from "../live/camera";
import { about } from "../live/line-state";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { number, spanText } from "../words/format";
import { nameOf } from "../words/states";
import { History } from "./history";
import { factsOf } from "./host";
import { Plot } from "./plot";

const EVERY_MS = 3000;
const SERIES_EVERY_MS = 5000;
const MODELS_EVERY_MS = 30_000;
const SPANS_MIN = [15, 60, 480, 1440];
const minutes = signal(60);

export function HealthRoom(): JSX.Element {
  const { health, rooms } = words.value;
  const polled = usePolled<Health>("/api/health", EVERY_MS);
  return (
    <div class="room">
      <h1 class="visually-hidden">{rooms.health}</h1>
      <Outdated {...polled} />
      {polled.data && <State health={polled.data} old={polled.failed !== null} />}
      <div class="cards">
        {polled.data && <CameraCard health={polled.data} />}
        {polled.data && <RunningCard health={polled.data} />}
        {polled.data?.host && (
          <Card title={health.host}>
            <Facts facts={factsOf(polled.data.host)} />
          </Card>
        )}
      </div>
      {offers("/api/series") && <Plots />}
      {offers("/api/history") && <History />}
    </div>
  );
}

function State({ health, old }: { health: Health; old: boolean }): JSX.Element {
  const { service, health: said } = words.value;
  return (
    <section class="state" data-state={health.state} data-old={old} aria-label={said.reasons}>
      <p class="word">{service[health.state].name}</p>
      <p class="what">{service[health.state].what}</p>
      <ul>
        {health.reasons.map(({ state, reason }, i) => (
          <li key={i}>
            <b>{nameOf(state)} </b>
            {reason}
          </li>
        ))}
        {!health.reasons.length && health.state === "running" && <li>{said.fine}</li>}
      </ul>
    </section>
  );
}

export function Card({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function CameraCard({ health }: { health: Health }): JSX.Element {
  const { health: said, camera: states, live, none } = words.value;
  return (
    <Card title={said.cameras}>
      <table>
        <tbody>
          {health.cameras.map(({ camera, state, fps, age_s: age }) => (
            <tr key={camera}>
              <th scope="row"><a href={hashOf("live", camera)}>{camera}</a></th>
              <td><b class="mark" data-kind={state === "live" ? "good" : isTrouble(state) ? "bad" : "warn"}>{states[state]}</b></td>
              <td class="number">{state === "live" ? `${number(fps, 1)} ${live.fps}` : none}</td>
              <td class="number">{age === null ? none : spanText(age * 1000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function RunningCard({ health }: { health: Health }): JSX.Element {
  const { health: said, model, engine, live } = words.value;
  const models = usePolled<Models>(offers("/api/models") ? "/api/models" : null, MODELS_EVERY_MS);
  const reported = models.data?.bundles.find(({ id, report }) => report && id === health.bundle);
  const report = reported && <a href={hashOf("models", reported.id)}>{said.report}</a>;
  return (
    <Card title={said.running}>
      <Facts
        facts={[
          [model, about.value.model],
          [engine, health.engine],
          [said.bundle, <>{health.bundle === null || health.bundle === "" ? said.noBundle : health.bundle} {report}</>],
          [live.latency, health.latency_ms.p50 === null ? null : spanText(health.latency_ms.p50)],
          [said.uptime, spanText(health.uptime_s * 1000)],
          [said.version, about.value.version],
        ]}
      />
    </Card>
  );
}

export type Fact = [name: string, value: ComponentChildren];

function Facts({ facts }: { facts: Fact[] }): JSX.Element {
  return (
    <dl class="fact-list">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? words.value.none}</dd>
        </div>
      ))}
    </dl>
  );
}

function Plots(): JSX.Element {
  const { health } = words.value;
  const polled = usePolled<Series>(`/api/series?minutes=${minutes.value}`, SERIES_EVERY_MS);
  const series = polled.data;
  return (
    <section aria-label={health.minutes}>
      <div class="room-head">
        <h2>{health.span(minutes.value)}</h2>
        <div class="switches" role="group" aria-label={health.minutes}>
          {SPANS_MIN.map((span) => (
            <button key={span} type="button" class="switch" aria-pressed={minutes.value === span} onClick={() => (minutes.value = span)}>
              {health.span(span)}
            </button>
          ))}
        </div>
      </div>
      <Outdated {...polled} />
      {series && (series.at.length ? <PlotGrid series={series} /> : <p class="loading">{health.noData}</p>)}
    </section>
  );
}

function PlotGrid({ series }: { series: Series }): JSX.Element {
  const { health } = words.value;
  const curve = (name: SeriesName, called: string) => ({ name: called, values: series[name] ?? [] });
  const plots = useMemo(
    () => [
      { title: health.rate, digits: 1, curves: [curve("fps", health.rate)] },
      { title: health.age, digits: 0, curves: [curve("frame_age_p50_ms", health.p50), curve("frame_age_p99_ms", health.p99)] },
      { title: health.latency, digits: 0, curves: [curve("latency_p50_ms", health.latency)] },
      { title: health.detections, digits: 0, curves: [curve("detections", health.detections)] },
      { title: health.temperature, digits: 1, curves: [curve("temperature_c", health.temperature)] },
    ].filter(({ curves }) => curves.some(({ values }) => values.some((value) => value !== null))),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `curve` only reads `series`
    [series, health],
  );
  return (
    <div class="plots">
      {plots.map(({ title, digits, curves }) => (
        <Plot key={title} title={title} at={series.at} curves={curves} digits={digits} />
      ))}
    </div>
  );
}

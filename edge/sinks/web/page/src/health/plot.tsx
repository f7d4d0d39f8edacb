// A plot over time, in the page's colours; a gap means: not known.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import { theme } from "../core/settings";
import { words } from "../words";
import { maybe } from "../words/format";

export interface Curve {
  name: string;
  values: readonly (number | null)[];
}

interface Props {
  title: string;
  /** Unix seconds. */
  at: readonly number[];
  curves: readonly Curve[];
  digits?: number;
}

const HEIGHT_PX = 170;

export function Plot({ title, at, curves, digits = 0 }: Props): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const data = useRef<UPlot.AlignedData>([[]]);
  data.current = [[...at], ...curves.map(({ values }) => [...values])];
  const names = curves.map(({ name }) => name).join("\n");
  const timeWord = words.value.health.time;
  const shownTheme = theme.value;

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new UPlot(options(names.split("\n"), timeWord, digits, element.clientWidth), data.current, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    resized.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = (): void => made.redraw();
    dark.addEventListener("change", redraw);
    return () => {
      dark.removeEventListener("change", redraw);
      resized.disconnect();
      made.destroy();
    };
  }, [names, timeWord, digits, shownTheme]);
  useEffect(() => {
    plot.current?.setData(data.current);
  }, [at, curves]);

  const latest = curves.map(({ name, values }) => `${curves.length > 1 ? `${name} ` : ""}${maybe(lastOf(values), digits)}`);
  return (
    <figure class="plot" aria-label={words.value.health.plotOf(`${title}: ${latest.join(", ")}`)}>
      <figcaption>
        {title}
        <span>{latest.join(" · ")}</span>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

function options(names: string[], timeWord: string, digits: number, width: number): UPlot.Options {
  const colour = (name: string) => (): string => getComputedStyle(document.documentElement).getPropertyValue(name);
  const axis: UPlot.Axis = {
    stroke: colour("--muted"),
    grid: { stroke: colour("--grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height: HEIGHT_PX,
    series: [
      { label: timeWord, value: (_, at: number | null) => (at === null ? "" : new Date(at * 1000).toLocaleTimeString()) },
      ...names.map((label, i) => ({
        label,
        stroke: colour(`--plot-${i + 1}`),
        width: 1.75,
        points: { show: false },
        value: (_: UPlot, value: number | null) => maybe(value, digits),
      })),
    ],
    axes: [{ ...axis, size: 30, space: 90, values: (_, ats) => ats.map((at) => clock(at, ats)) }, { ...axis, size: 46 }],
    scales: { y: { range: (_, least, most) => fromZero(least, most) } },
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { show: false },
  };
}

/** From 0, so that a flat line looks flat. */
function fromZero(_least: number | null, most: number | null): [number, number] {
  return [0, Math.max(1e-3, (most ?? 1) * 1.15)];
}

/** With seconds where the marks of the axis are closer than minutes. */
function clock(at: number, marks: readonly number[]): string {
  const close = (marks[1] ?? Infinity) - (marks[0] ?? 0) < 60;
  const seconds = close ? ({ second: "2-digit" } as const) : {};
  const shape = { hour: "2-digit", minute: "2-digit", hour12: false, ...seconds } as const;
  return new Date(at * 1000).toLocaleTimeString(words.peek().locale, shape);
}

function lastOf(values: readonly (number | null)[]): number | null {
  return values.at(-1) ?? null;
}

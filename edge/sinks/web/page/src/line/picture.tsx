// Regions on the live picture: drawn, moved and bent by mouse, touch or keyboard.

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Point, Region } from "../core/wire";
import { cameraCalled, want } from "../live/feed";
import { Screen } from "../live/screen";
import { WHOLE } from "../live/zoom";
import { words } from "../words";
import type { Draft } from "./draft";
import { dropCorner, insideOf, moveAll, moveCorner, splitEdge } from "./polygon";

interface Props {
  camera: string;
  draft: Draft;
  editable: boolean;
}

const WIDTH_PX = 960;
/** Corners are drawn in units of a thousandth of the picture's width. */
const UNITS = 1000;
const NEAR = 0.025;

export function RegionPicture({ camera, draft, editable }: Props): JSX.Element {
  const { line } = words.value;
  const known = cameraCalled(camera);
  const whole = useSignal(WHOLE);
  const drawing = useSignal<Point[] | null>(null);
  const live = known?.live.value === true;
  useEffect(() => {
    want([camera], WIDTH_PX);
    return () => want([], null);
  }, [camera]);
  const finish = (): void => {
    const polygon = drawing.peek();
    if (polygon && polygon.length > 2) {
      draft.addRegion({ name: freeName(draft.rules.peek().regions, line.region), polygon });
    }
    drawing.value = null;
  };
  const size = known?.newest.value?.frame ?? { width: 16, height: 9 };
  const high = (UNITS * size.height) / size.width;

  return (
    <div class="region-picture">
      <svg class="region-space" viewBox={`0 0 ${UNITS} ${high}`} aria-hidden="true" />
      {known && <div class="region-screen" data-live={live}><Screen camera={known} view={whole} wheels={false} /></div>}
      {!live && <p class="region-dark">{line.noPicture}</p>}
      <Drawing camera={camera} draft={draft} editable={editable} high={high} drawing={drawing} finish={finish} />
      <div class="region-tools">
        {drawing.value ? (
          <>
            <p role="status">{line.drawing}</p>
            <button type="button" disabled={drawing.value.length < 3} onClick={finish}>{line.finish}</button>
            <button type="button" onClick={() => (drawing.value = null)}>{line.giveUp}</button>
          </>
        ) : (
          <button type="button" onClick={() => (drawing.value = [])}>{line.addRegion}</button>
        )}
      </div>
    </div>
  );
}

interface DrawingProps extends Props {
  high: number;
  /** The corners of a region that is being drawn; null: none is. */
  drawing: Signal<Point[] | null>;
  finish: () => void;
}

function Drawing({ camera, draft, editable, high, drawing, finish }: DrawingProps): JSX.Element {
  const svg = useRef<SVGSVGElement>(null);
  const at = (event: MouseEvent): Point => {
    const { left, top, width, height } = svg.current?.getBoundingClientRect() ?? new DOMRect();
    return [insideOf((event.clientX - left) / width), insideOf((event.clientY - top) / height)];
  };
  const addCorner = (event: MouseEvent): void => {
    const corners = drawing.peek();
    if (!corners) return;
    const corner = at(event);
    const first = corners[0];
    if (first && corners.length > 2 && near(first, corner)) finish();
    else drawing.value = [...corners, corner];
  };
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const corners = drawing.peek();
      if (event.key === "Enter" && corners && corners.length > 2) {
        event.preventDefault();
        finish();
      }
      if (event.key === "Escape") drawing.value = null;
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, [drawing, finish]);
  const points = (polygon: readonly Point[]): string => polygon.map(([x, y]) => `${x * UNITS},${y * high}`).join(" ");
  return (
    <svg
      ref={svg}
      class="region-drawing"
      viewBox={`0 0 ${UNITS} ${high}`}
      role="group"
      aria-label={words.value.line.picture(camera)}
      data-drawing={drawing.value !== null}
      onClick={addCorner}
    >
      {draft.rules.value.regions.map((region, i) => (
        <RegionShape key={i} region={region} index={i} draft={draft} editable={editable && !drawing.value} high={high} at={at} points={points} />
      ))}
      {drawing.value && <polyline class="region-line" points={points(drawing.value)} />}
      {drawing.value?.map(([x, y], i) => <circle key={i} class="corner" cx={x * UNITS} cy={y * high} r="9" />)}
    </svg>
  );
}

interface ShapeProps {
  region: Region;
  index: number;
  draft: Draft;
  editable: boolean;
  high: number;
  at: (event: MouseEvent) => Point;
  points: (polygon: readonly Point[]) => string;
}

function RegionShape({ region, index, draft, editable, high, at, points }: ShapeProps): JSX.Element {
  const { line } = words.value;
  const dragged = useRef<Point | null>(null);
  const chosen = draft.chosen.value === index;
  const bend = (polygon: Point[]): void => draft.setRegion(index, { ...region, polygon });
  const [labelX, labelY] = region.polygon[0] ?? [0, 0];

  const grab = (event: PointerEvent): void => {
    if (!editable) return;
    draft.chosen.value = index;
    dragged.current = at(event);
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
  };
  const drag = (event: PointerEvent): void => {
    if (!dragged.current) return;
    const now = at(event);
    bend(moveAll(region.polygon, now[0] - dragged.current[0], now[1] - dragged.current[1]));
    dragged.current = now;
  };
  const drop = (): void => {
    dragged.current = null;
  };
  return (
    <g data-chosen={chosen}>
      <polygon class="region" points={points(region.polygon)} onPointerDown={grab} onPointerMove={drag} onPointerUp={drop} onPointerCancel={drop} />
      <text class="region-name" x={labelX * UNITS + 12} y={labelY * high + 26}>{region.name}</text>
      {editable && chosen && region.polygon.map((_, i) => (
        <EdgeHandle key={`edge-${i}`} polygon={region.polygon} index={i} high={high} bend={bend} />
      ))}
      {editable && region.polygon.map((corner, i) => (
        <Corner key={i} name={line.point(region.name, i + 1)} polygon={region.polygon} index={i} corner={corner} high={high} at={at} bend={bend} choose={() => (draft.chosen.value = index)} />
      ))}
    </g>
  );
}

interface CornerProps {
  name: string;
  polygon: Point[];
  index: number;
  corner: Point;
  high: number;
  at: (event: MouseEvent) => Point;
  bend: (polygon: Point[]) => void;
  choose: () => void;
}

const STEPS: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function Corner({ name, polygon, index, corner: [x, y], high, at, bend, choose }: CornerProps): JSX.Element {
  const dragging = useRef(false);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    const by = event.shiftKey ? 0.05 : 0.005;
    if (step) bend(moveCorner(polygon, index, [x + step[0] * by, y + step[1] * by]));
    else if (event.key === "Delete" || event.key === "Backspace") bend(dropCorner(polygon, index));
    else return;
    event.preventDefault();
  };
  return (
    <circle
      class="corner"
      role="button"
      tabIndex={0}
      aria-label={name}
      cx={x * UNITS}
      cy={y * high}
      r="10"
      onFocus={choose}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        dragging.current = true;
        choose();
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (dragging.current) bend(moveCorner(polygon, index, at(event)));
      }}
      onPointerUp={() => (dragging.current = false)}
      onPointerCancel={() => (dragging.current = false)}
    />
  );
}

interface EdgeProps {
  polygon: Point[];
  index: number;
  high: number;
  bend: (polygon: Point[]) => void;
}

/** Adds a corner in the middle of an edge; for the mouse, the fields have a button for it. */
function EdgeHandle({ polygon, index, high, bend }: EdgeProps): JSX.Element | null {
  const middle = splitEdge(polygon, index)[index + 1];
  if (!middle) return null;
  const [x, y] = middle;
  return <circle class="edge" cx={x * UNITS} cy={y * high} r="7" onPointerDown={() => bend(splitEdge(polygon, index))} />;
}

function near(a: Point, b: Point): boolean {
  return Math.hypot(a[0] - b[0], a[1] - b[1]) < NEAR;
}

function freeName(regions: Region[], called: (number: number) => string): string {
  const taken = new Set(regions.map(({ name }) => name));
  let n = regions.length + 1;
  while (taken.has(called(n))) n += 1;
  return called(n);
}

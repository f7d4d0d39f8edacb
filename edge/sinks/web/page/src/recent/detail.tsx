// One recorded frame in full, with its boxes.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../core/client";
import { usePolled } from "../core/polled";
import { go } from "../core/route";
import { drawn } from "../core/settings";
import type { DetectionRow } from "../core/wire";
import { followGestures } from "../live/gestures";
import { labelOf } from "../live/classes";
import { paint } from "../live/paint";
import { Switches } from "../live/switches";
import { type View, WHOLE } from "../live/zoom";
import { Failure } from "../ui/act";
import { Dialog } from "../ui/dialog";
import { VerdictMark } from "../ui/marks";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { number, percent, spanText, time } from "../words/format";

interface Props {
  id: string;
  /** The frames around it, newest first. */
  rows: DetectionRow[];
  onClose: () => void;
}

export function Detail({ id, rows, onClose }: Props): JSX.Element {
  const { recent } = words.value;
  const listed = rows.findIndex((row) => String(row.id) === id);
  const asked = usePolled<DetectionRow>(listed < 0 ? `/api/detections/${encodeURIComponent(id)}` : null, 0);
  const row = rows[listed] ?? asked.data;
  const step = (by: number): void => {
    const next = rows[listed + by];
    if (listed >= 0 && next) go("recent", String(next.id));
  };
  return (
    <Dialog title={row ? recent.open(row.camera, time(row.at)) : id} onClose={onClose} wide>
      {listed < 0 && <Outdated {...asked} />}
      {row && <FullFrame key={row.id} row={row} />}
      {listed >= 0 && (
        <footer class="steps">
          <button type="button" disabled={listed === 0} onClick={() => step(-1)}>{recent.newer}</button>
          <button type="button" disabled={listed === rows.length - 1} onClick={() => step(1)}>{recent.older}</button>
        </footer>
      )}
    </Dialog>
  );
}

function FullFrame({ row }: { row: DetectionRow }): JSX.Element {
  const { recent } = words.value;
  return (
    <div class="full-frame">
      {row.has_picture !== false ? <Still row={row} /> : <p class="empty">{recent.noPicture}</p>}
      <div class="facts">
        <Switches />
        <dl>
          <dt>{recent.verdict}</dt>
          <dd><VerdictMark verdict={row.verdict} /></dd>
          <dt>{recent.frame}</dt>
          <dd>{number(row.frame)}</dd>
          <dt>{recent.age}</dt>
          <dd>{spanText(row.age_ms)}</dd>
        </dl>
        <ul class="boxes">
          {row.boxes.map((found, i) => (
            <li key={i}>
              {labelOf(found)} <b>{percent(found.score)}</b>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function Still({ row }: { row: DetectionRow }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useSignal<View>(WHOLE);
  const [picture, setPicture] = useState<ImageBitmap | null>(null);
  const [failed, setFailed] = useState<ApiError | null>(null);

  useEffect(() => {
    const over = new AbortController();
    ask(`/api/detections/${row.id}/picture.jpg`, { signal: over.signal })
      .then((response) => response.blob())
      .then((blob) => createImageBitmap(blob))
      .then(setPicture)
      .catch((error: unknown) => {
        if (!over.signal.aborted) setFailed(error instanceof ApiError ? error : new ApiError(0, String(error)));
      });
    return () => over.abort();
  }, [row.id]);

  useEffect(() => {
    const element = canvas.current;
    if (!element || !picture) return undefined;
    const painted = { width: row.width, height: row.height, detections: row.boxes };
    const repaint = (): void => {
      const switched = { boxes: drawn.boxes.peek(), labels: drawn.labels.peek(), scores: drawn.scores.peek() };
      paint(element, picture, painted, { view: view.peek(), drawn: switched });
    };
    const stops = [view, drawn.boxes, drawn.labels, drawn.scores].map((one) => one.subscribe(repaint));
    const resized = new ResizeObserver(repaint);
    resized.observe(element);
    const ignore = followGestures(element, view, () => painted, () => true);
    return () => {
      for (const stop of stops) stop();
      resized.disconnect();
      ignore();
    };
  }, [picture, row, view]);

  return (
    <div class="still">
      <canvas ref={canvas} role="img" aria-label={row.boxes.map(labelOf).join(", ") || words.value.live.nothing} />
      <Failure failed={failed} />
    </div>
  );
}

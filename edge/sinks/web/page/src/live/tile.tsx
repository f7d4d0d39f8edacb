// One camera on the screen: its picture, verdict, figures and state.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { drawn } from "../core/settings";
import { hashOf } from "../core/route";
import { Icon, IconButton } from "../ui/icon";
import { words } from "../words";
import { number, spanText } from "../words/format";
import { type Camera, isTrouble, type Moment } from "./camera";
import { cameras } from "./feed";
import { Count, Figures, Legend, VerdictPlate } from "./figures";
import { clockTick } from "./line-state";
import { imageFile } from "./paint";
import { Screen } from "./screen";
import { moved, STEP, type View, WHOLE, zoomed } from "./zoom";

interface Props {
  camera: Camera;
  /** Whether it has the page for itself. */
  alone: boolean;
}

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [0.1, 0],
  ArrowRight: [-0.1, 0],
  ArrowUp: [0, 0.1],
  ArrowDown: [0, -0.1],
};

export function Tile({ camera, alone }: Props): JSX.Element {
  const element = useRef<HTMLElement>(null);
  const view = useSignal<View>(WHOLE);
  const full = useFullScreen(element);
  const now = camera.now.value;
  const size = camera.newest.value?.frame ?? { width: 16, height: 9 };
  const zoom = (factor: number): void => {
    view.value = zoomed(view.value, factor, [0.5, 0.5], size, size);
  };
  const keys: Record<string, () => void> = {
    "+": () => zoom(STEP),
    "=": () => zoom(STEP),
    "-": () => zoom(1 / STEP),
    "0": () => (view.value = WHOLE),
    h: () => toggleHold(camera),
    f: () => full.toggle(),
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = view.value.scale > 1 ? ARROWS[event.key] : undefined;
    const act = arrow
      ? () => (view.value = moved(view.value, arrow[0] * size.width, arrow[1] * size.height, size, size))
      : keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  };

  return (
    <section
      ref={element}
      class="tile"
      aria-label={words.value.live.camera(camera.name)}
      data-camera={camera.name}
      data-state={now.state}
      data-live={now.state === "live"}
      data-trouble={isTrouble(now.state)}
      data-verdict={camera.verdict.value}
      data-held={camera.held.value !== null}
      data-alone={alone || full.on}
      onKeyDown={onKeyDown}
    >
      <header class="head">
        {alone && cameras.value.length > 1 && (
          <a class="button" href={hashOf("live")} aria-label={words.value.live.all} title={words.value.live.all}>
            <Icon name="back" />
          </a>
        )}
        <h2 class="name">{alone ? camera.name : <a href={hashOf("live", camera.name)}>{camera.name}</a>}</h2>
        <Badge now={now} />
      </header>
      <div class="screen">
        <Screen camera={camera} view={view} wheels={alone || full.on} />
        <Held camera={camera} />
        {view.value.scale > 1 && <p class="zoom">{words.value.live.zoomed(`${number(view.value.scale, 1)}×`)}</p>}
        <Overlay now={now} />
      </div>
      <Tools camera={camera} view={view.value} zoom={zoom} whole={() => (view.value = WHOLE)} full={full} />
      <div class="panel">
        <div class="result">
          <VerdictPlate camera={camera} />
          <Count camera={camera} />
        </div>
        <Figures camera={camera} />
        <Legend camera={camera} />
      </div>
    </section>
  );
}

function Badge({ now }: { now: Moment }): JSX.Element {
  return <p class="badge">{words.value.camera[now.state]}</p>;
}

/** Over a picture that is not live: a big word, and why. */
function Overlay({ now }: { now: Moment }): JSX.Element | null {
  const { camera, live } = words.value;
  if (now.state === "live") return null;
  const why = now.state === "late" ? live.old(now.oldS) : now.reason || live.firstPicture;
  return (
    <div class="overlay">
      <div role="alert">
        <p class="what">{camera[now.state]}</p>
        <p class="unknown">{live.unknown}</p>
      </div>
      <p class="why">{why}</p>
    </div>
  );
}

function Held({ camera }: { camera: Camera }): JSX.Element | null {
  const held = camera.held.value;
  if (!held) return null;
  const { live } = words.value;
  const age = Math.max(0, clockTick.value - held.frame.bornAt);
  const rounded = Math.max(1000, Math.floor(age / 1000) * 1000);
  return (
    <div class="held" role="status">
      <p>
        <b>{live.held(rounded < 60_000 ? `${rounded / 1000} s` : spanText(rounded))}</b> {live.heldWhy}
      </p>
      <button type="button" onClick={() => camera.resume()}>
        <Icon name="play" />
        {live.resume}
      </button>
    </div>
  );
}

interface ToolsProps {
  camera: Camera;
  view: View;
  zoom: (factor: number) => void;
  whole: () => void;
  full: FullScreen;
}

function Tools({ camera, view, zoom, whole, full }: ToolsProps): JSX.Element {
  const { live } = words.value;
  const held = camera.held.value !== null;
  const nothing = !held && !camera.live.value;
  return (
    <div class="tools" role="group" aria-label={live.camera(camera.name)} title={live.keys}>
      <IconButton icon={held ? "play" : "hold"} label={held ? live.resume : live.hold} pressed={held} disabled={nothing} onClick={() => toggleHold(camera)} />
      <IconButton icon="plus" label={live.zoomIn} onClick={() => zoom(STEP)} />
      <IconButton icon="minus" label={live.zoomOut} disabled={view.scale === 1} onClick={() => zoom(1 / STEP)} />
      <IconButton icon="whole" label={live.zoomReset} disabled={view.scale === 1} onClick={whole} />
      <IconButton icon="save" label={live.save} disabled={nothing} onClick={() => void saveImage(camera)} />
      <IconButton icon={full.on ? "shrink" : "full"} label={full.on ? live.leaveFullScreen : live.fullScreen} onClick={() => full.toggle()} />
    </div>
  );
}

function toggleHold(camera: Camera): void {
  if (camera.held.peek()) camera.resume();
  else if (camera.live.peek()) camera.hold();
}

async function saveImage(camera: Camera): Promise<void> {
  const taken = camera.held.peek() ?? camera.newest.peek();
  if (!taken) return;
  const at = new Date(Date.now() - (performance.now() - taken.frame.bornAt));
  const switched = { boxes: drawn.boxes.peek(), labels: drawn.labels.peek(), scores: drawn.scores.peek() };
  const file = await imageFile(taken.picture, taken.frame, switched);
  if (!file) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `${camera.name}-${at.toISOString().replace(/[:.]/g, "-")}.jpg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

interface FullScreen {
  on: boolean;
  toggle: () => void;
}

/** The browser's full screen, or the whole window where it has none. */
function useFullScreen(element: { current: HTMLElement | null }): FullScreen {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const changed = (): void => setOn(document.fullscreenElement === element.current);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, [element]);
  const toggle = (): void => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (document.fullscreenEnabled) void element.current?.requestFullscreen();
    else location.hash = hashOf("live", element.current?.dataset.camera ?? "");
  };
  return { on, toggle };
}

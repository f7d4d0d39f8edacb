// Draws one picture and its boxes on a canvas, sharp on any screen.

import type { Found } from "../core/wire";
import { classOf, labelOf } from "./classes";
import { colourOf } from "./colours";
import { type Extent, type Place, placeOf, type View, WHOLE } from "./zoom";

export interface Drawn {
  boxes: boolean;
  labels: boolean;
  scores: boolean;
}

export interface Painted extends Extent {
  detections: readonly Found[];
}

interface Tag {
  text: string;
  font: string;
  pad: number;
  colour: string;
  wide: number;
  high: number;
  x: number;
  y: number;
}

interface Easel extends Place {
  pen: CanvasRenderingContext2D;
  ratio: number;
  width: number;
  drawn: Drawn;
}

const GROUND = "#05080b";
const INK = "#0b0f14";

/** Fill the canvas with the picture as `view` shows it. */
export function paint(
  canvas: HTMLCanvasElement,
  picture: CanvasImageSource,
  painted: Painted,
  { view = WHOLE, drawn }: { view?: View; drawn: Drawn },
): void {
  const ratio = window.devicePixelRatio || 1;
  const screen = {
    width: Math.round(canvas.clientWidth * ratio),
    height: Math.round(canvas.clientHeight * ratio),
  };
  if (canvas.width !== screen.width || canvas.height !== screen.height) Object.assign(canvas, screen);
  paintOn(canvas, picture, painted, { ...placeOf(view, screen, painted), ratio, drawn });
}

/** The picture in its own size with what is switched on, as a file. */
export function imageFile(
  picture: ImageBitmap,
  painted: Painted,
  drawn: Drawn,
): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const scale = picture.width / painted.width;
  paintOn(canvas, picture, painted, { left: 0, top: 0, scale, ratio: 1, drawn });
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

function paintOn(
  canvas: HTMLCanvasElement,
  picture: CanvasImageSource,
  painted: Painted,
  how: Omit<Easel, "pen" | "width">,
): void {
  const pen = canvas.getContext("2d", { alpha: false });
  if (!pen) return;
  const easel: Easel = { ...how, pen, width: canvas.width };
  pen.fillStyle = GROUND;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const { left, top, scale } = how;
  pen.drawImage(picture, left, top, painted.width * scale, painted.height * scale);
  const strongestFirst = painted.detections;
  const weakestFirst = [...strongestFirst].reverse(); // so that the strongest are on top
  if (how.drawn.boxes) for (const found of weakestFirst) paintBox(easel, found);
  if (!how.drawn.labels && !how.drawn.scores) return;
  const tags: Tag[] = [];
  for (const found of strongestFirst) tags.push(tagFor(easel, found, tags));
  for (const tag of tags.reverse()) paintTag(easel, tag);
}

function paintBox({ pen, left, top, scale, ratio }: Easel, found: Found): void {
  const [x1, y1, x2, y2] = found.box;
  const sides = [left + x1 * scale, top + y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale] as const;
  pen.lineJoin = "round";
  pen.lineWidth = 5 * ratio;
  pen.strokeStyle = "rgb(0 0 0 / 0.55)"; // an edge that shows on bright parts too
  pen.strokeRect(...sides);
  pen.lineWidth = 2.5 * ratio;
  pen.strokeStyle = colourOf(classOf(found));
  pen.strokeRect(...sides);
}

/** Label and score, at the first corner of the box where no other tag is. */
function tagFor(easel: Easel, found: Found, others: readonly Tag[]): Tag {
  const { pen, left, top, scale, ratio, width, drawn } = easel;
  const size = Math.round((width / ratio < 720 ? 13 : 15) * ratio);
  const font = `650 ${size}px system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans SC", "DejaVu Sans", sans-serif`;
  pen.font = font;
  const score = `${Math.round(found.score * 100)} %`;
  const text = [...(drawn.labels ? [labelOf(found)] : []), ...(drawn.scores ? [score] : [])].join(" ");
  const pad = Math.round(5 * ratio);
  const edge = 1.25 * ratio;
  const wide = pen.measureText(text).width + 2 * pad;
  const tag = { text, font, pad, colour: colourOf(classOf(found)), wide, high: size + pad };
  const [x1, y1, x2, y2] = found.box;
  const within = (x: number): number => Math.max(0, Math.min(x, width - wide));
  const start = within(left + x1 * scale - edge);
  const end = within(left + x2 * scale + edge - wide);
  const above = top + y1 * scale - tag.high - edge;
  const below = top + y2 * scale + edge;
  const corners = [[start, above], [start, below], [end, above], [end, below]] as const;
  const seen = corners.filter(([, y]) => y >= 0).map(([x, y]) => ({ ...tag, x, y }));
  const free = seen.find((corner) => !others.some((other) => overlap(corner, other)));
  return free ?? seen[0] ?? { ...tag, x: start, y: 0 };
}

function overlap(a: Tag, b: Tag): boolean {
  return a.x < b.x + b.wide && b.x < a.x + a.wide && a.y < b.y + b.high && b.y < a.y + a.high;
}

function paintTag({ pen, ratio }: Easel, tag: Tag): void {
  pen.font = tag.font;
  pen.fillStyle = tag.colour;
  pen.fillRect(tag.x, tag.y, tag.wide, tag.high);
  pen.fillStyle = INK;
  pen.textBaseline = "middle";
  pen.fillText(tag.text, tag.x + tag.pad, tag.y + tag.high / 2 + ratio * 0.5);
}

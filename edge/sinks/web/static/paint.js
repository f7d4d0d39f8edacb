// Draws one picture and its boxes on a canvas, sharp on any screen.

import { colourOf } from "./words.js";

/** shown: {boxes, labels} — what is switched on. */
export function paint(canvas, picture, frame, labels, shown) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const pen = canvas.getContext("2d", { alpha: false });
  const scale = Math.min(width / frame.width, height / frame.height);
  const left = (width - frame.width * scale) / 2;
  const top = (height - frame.height * scale) / 2;
  pen.fillStyle = "#05080b";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(picture, left, top, frame.width * scale, frame.height * scale);
  const place = { left, top, scale, ratio, width };
  const strongestFirst = frame.detections;
  const weakestFirst = [...strongestFirst].reverse(); // so that the strongest are on top
  if (shown.boxes) for (const found of weakestFirst) paintBox(pen, found, place);
  if (!shown.labels) return;
  const tags = [];
  for (const found of strongestFirst) tags.push(tagFor(pen, found, labels, place, tags));
  for (const tag of tags.reverse()) paintTag(pen, tag, ratio);
}

function paintBox(pen, found, { left, top, scale, ratio }) {
  const [x1, y1, x2, y2] = found.box;
  const sides = [left + x1 * scale, top + y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale];
  pen.lineJoin = "round";
  pen.lineWidth = 5 * ratio;
  pen.strokeStyle = "rgb(0 0 0 / 0.55)"; // an edge that shows on bright parts too
  pen.strokeRect(...sides);
  pen.lineWidth = 2.5 * ratio;
  pen.strokeStyle = colourOf(found.class_id);
  pen.strokeRect(...sides);
}

// Label and score, at the first corner of the box where no other tag is.
function tagFor(pen, found, labels, { left, top, scale, ratio, width }, others) {
  const size = Math.round((width / ratio < 720 ? 13 : 15) * ratio);
  pen.font = `650 ${size}px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`;
  const name = labels[found.class_id] ?? `class ${found.class_id}`;
  const text = `${name} ${Math.round(found.score * 100)} %`;
  const pad = Math.round(5 * ratio);
  const line = 1.25 * ratio;
  const tag = { text, pad, font: pen.font, colour: colourOf(found.class_id) };
  tag.wide = pen.measureText(text).width + 2 * pad;
  tag.high = size + pad;
  const [x1, y1, x2, y2] = found.box;
  const inside = (x) => Math.max(0, Math.min(x, width - tag.wide));
  const start = inside(left + x1 * scale - line);
  const end = inside(left + x2 * scale + line - tag.wide);
  const above = top + y1 * scale - tag.high - line;
  const below = top + y2 * scale + line;
  const corners = [[start, above], [start, below], [end, above], [end, below]]
    .filter(([, y]) => y >= 0)
    .map(([x, y]) => ({ ...tag, x, y }));
  return corners.find((corner) => !others.some((other) => overlap(corner, other))) ?? corners[0];
}

function overlap(a, b) {
  return a.x < b.x + b.wide && b.x < a.x + a.wide && a.y < b.y + b.high && b.y < a.y + a.high;
}

function paintTag(pen, tag, ratio) {
  pen.font = tag.font;
  pen.fillStyle = tag.colour;
  pen.fillRect(tag.x, tag.y, tag.wide, tag.high);
  pen.fillStyle = "#0b0f14";
  pen.textBaseline = "middle";
  pen.fillText(tag.text, tag.x + tag.pad, tag.y + tag.high / 2 + ratio * 0.5);
}

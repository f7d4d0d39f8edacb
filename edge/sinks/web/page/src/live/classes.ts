// A class by its number, and by its label, each as far as it is known.

import type { Found } from "../core/wire";
import { labels } from "./line-state";

export function classOf({ class_id: id, label }: Found): number {
  return id ?? Math.max(0, label === undefined ? 0 : labels.peek().indexOf(label));
}

export function labelOf({ class_id: id, label }: Found): string {
  return label ?? labels.peek()[id ?? -1] ?? `class ${id ?? "?"}`;
}

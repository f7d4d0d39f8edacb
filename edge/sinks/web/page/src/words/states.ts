// What a state is called, whoever's it is; one that this page does not know keeps its own word.

import type { Condition } from "../core/wire";
import { words } from "./index";

export function nameOf(state: Condition["state"]): string {
  const { service, camera, warning } = words.value;
  if (state === "warning") return warning;
  const known: Record<string, string | undefined> = { ...camera };
  for (const [name, { name: said }] of Object.entries(service)) known[name] = said;
  return known[state] ?? state;
}

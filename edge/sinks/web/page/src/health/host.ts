// What the machine says about itself, whatever it is able to say.

import type { Host } from "../core/wire";
import { words } from "../words";
import { number, percent } from "../words/format";
import type { Fact } from "./room";

/** A row for each temperature and for each plain figure; unknown names are shown as they are. */
export function factsOf({ temperatures = [], ...others }: Host): Fact[] {
  const { fact } = words.value.health;
  return [
    ...temperatures.map(({ name, c }): Fact => [name, `${number(c, 1)} °C`]),
    ...Object.entries(others).flatMap(([name, value]): Fact[] => {
      const text = textOf(name, value);
      return text === null ? [] : [[fact[name] ?? name.replaceAll("_", " "), text]];
    }),
  ];
}

function textOf(name: string, value: Host[string]): string | null {
  const { yes, no } = words.value.health;
  if (value === null) return null;
  if (typeof value === "boolean") return value ? yes : no;
  if (typeof value === "string") return value;
  if (typeof value === "number") return figure(name, value);
  if (!Array.isArray(value) && !Object.keys(value as object).length) return null; // nothing is counted here
  const told = Array.isArray(value) ? value.map(String) : Object.entries(value as object).map((pair) => pair.join(" "));
  return told.join(", ") || no;
}

function figure(name: string, value: number): string {
  if (name.endsWith("_load")) return percent(value);
  if (name.endsWith("_mb")) return value < 10_000 ? `${number(value)} MB` : `${number(value / 1000, 1)} GB`;
  if (name.endsWith("_mhz")) return `${number(value)} MHz`;
  if (name.endsWith("_w")) return `${number(value, 1)} W`;
  return number(value, Number.isInteger(value) ? 0 : 1);
}

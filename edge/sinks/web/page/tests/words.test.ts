import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { en } from "../src/words/en";
import { zh } from "../src/words/zh";

type Leaf = string | ((...values: never[]) => string);

function leaves(tree: object, path = ""): [string, Leaf][] {
  return Object.entries(tree).flatMap(([name, value]: [string, Leaf | object]) =>
    typeof value === "object" ? leaves(value, `${path}.${name}`) : [[`${path}.${name}`, value] as [string, Leaf]],
  );
}

const said = (leaf: Leaf): string =>
  typeof leaf === "string" ? leaf : (leaf as (...values: unknown[]) => string)(31, 47, 53);

/** Names, units and numbers that are the same in every language. */
const SHARED = /^(–|OK|NG|Edge|mAP50-95|mAP50|99 %|Edge 31|)$/;

test("both languages have the same words", () => {
  deepEqual(leaves(zh).map(([path]) => path), leaves(en).map(([path]) => path));
});

test("no word is empty", () => {
  for (const [path, leaf] of [...leaves(en), ...leaves(zh)]) ok(said(leaf).trim(), path);
});

test("every word is translated", () => {
  const english = new Map(leaves(en));
  for (const [path, leaf] of leaves(zh)) {
    const text = said(leaf);
    const original = english.get(path);
    if (original === undefined || SHARED.test(text) || path === ".locale") continue;
    ok(/[\p{Script=Han}，：]/u.test(text), `${path}: ${text}`);
  }
});

test("a translation says every figure that the original says", () => {
  const chinese = new Map(leaves(zh));
  for (const [path, leaf] of leaves(en)) {
    const translated = chinese.get(path);
    if (translated === undefined) throw new Error(path);
    const figures = (text: string): string[] => [...new Set(text.match(/31|47|53/g))].sort();
    deepEqual(figures(said(translated)), figures(said(leaf)), path);
  }
});

test("one and many differ in English", () => {
  equal(en.models.selected(1), "1 frame selected");
  equal(en.models.selected(2), "2 frames selected");
});

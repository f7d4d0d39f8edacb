// The rules as somebody edits them: what they were, what they are now, and by which version.

import { type ReadonlySignal, computed, signal, type Signal } from "@preact/signals";
import type { ClassRule, LineVersion, Region, Rules } from "../core/wire";
import { flawOf } from "./polygon";

/** A result that comes later than this counts as UNKNOWN; the service's own default. */
const MAX_AGE_MS = 1000;
const NO_RULE: ClassRule = { ng: false, min_score: null, min_width_px: null, min_height_px: null };

export interface Draft {
  /** The version that was looked at when the editing began. */
  version: Signal<number>;
  rules: Signal<Rules>;
  /** Index of the region that is edited, or null. */
  chosen: Signal<number | null>;
  changed: ReadonlySignal<boolean>;
  usable: ReadonlySignal<boolean>;
  load: (from: Pick<LineVersion, "version" | "rules">) => void;
  /** Take other rules into the editor; they still replace the version that was looked at. */
  take: (rules: Rules | null) => void;
  setRegion: (index: number, region: Region) => void;
  removeRegion: (index: number) => void;
  addRegion: (region: Region) => void;
  setClass: (label: string, changed: Partial<ClassRule>) => void;
}

export function draftOf(newest: Pick<LineVersion, "version" | "rules">): Draft {
  const version = signal(newest.version);
  const rules = signal(newest.rules ?? empty());
  const saved = signal(text(rules.value));
  const chosen = signal<number | null>(null);
  const setRegions = (regions: Region[]): void => {
    rules.value = { ...rules.value, regions };
  };
  const take = (other: Rules | null): void => {
    rules.value = other ?? empty();
    chosen.value = null;
  };
  return {
    version,
    rules,
    chosen,
    changed: computed(() => text(rules.value) !== saved.value),
    usable: computed(() => rules.value.regions.every(({ polygon }) => flawOf(polygon) === null)),
    load: (from) => {
      version.value = from.version;
      take(from.rules);
      saved.value = text(rules.value);
    },
    take,
    setRegion: (index, region) => setRegions(rules.value.regions.map((old, i) => (i === index ? region : old))),
    removeRegion: (index) => {
      chosen.value = null;
      setRegions(rules.value.regions.filter((_, i) => i !== index));
    },
    addRegion: (region) => {
      setRegions([...rules.value.regions, region]);
      chosen.value = rules.value.regions.length - 1;
    },
    setClass: (label, changed) => {
      const { classes } = rules.value;
      const rule = { ...(classes[label] ?? NO_RULE), ...changed };
      rules.value = { ...rules.value, classes: { ...classes, [label]: rule } };
    },
  };
}

export function ruleOf(rules: Rules, label: string): ClassRule {
  return rules.classes[label] ?? NO_RULE;
}

function empty(): Rules {
  return { regions: [], classes: {}, max_age_ms: MAX_AGE_MS };
}

function text(rules: Rules): string {
  return JSON.stringify(rules);
}

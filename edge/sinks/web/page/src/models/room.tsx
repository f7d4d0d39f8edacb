// The model room: which bundle inspects, how it came to that, and the next one.

import type { JSX } from "preact";
import { place, go } from "../core/route";
import { offers } from "../core/session";
import { usePolled } from "../core/polled";
import type { Models } from "../core/wire";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { Bundles } from "./bundles";
import { CollectedFrames } from "./collected";
import { RecalibrationCard } from "./recalibration";
import { Report } from "./report";

const EVERY_MS = 5000;

export function ModelRoom(): JSX.Element {
  const polled = usePolled<Models>("/api/models", EVERY_MS);
  const reported = place.value.detail;
  return (
    <div class="room">
      <h1 class="visually-hidden">{words.value.rooms.models}</h1>
      <Outdated {...polled} />
      {polled.data && <Bundles models={polled.data} changed={polled.again} />}
      {offers("/api/recalibration") && <RecalibrationCard finished={polled.again} refused={polled.data?.refused === true} />}
      {offers("/api/collected") && <CollectedFrames />}
      {reported && <Report id={reported} onClose={() => go("models")} />}
    </div>
  );
}

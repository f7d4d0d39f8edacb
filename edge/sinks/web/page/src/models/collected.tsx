// The wall of collected frames: looked at, kept or discarded, several at once.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, change } from "../core/client";
import { useListed } from "../core/listed";
import { may } from "../core/session";
import type { Act, Collected, CollectedRow } from "../core/wire";
import { ActDialog, Failure } from "../ui/act";
import { Allowed } from "../ui/allowed";
import { Dialog } from "../ui/dialog";
import { tell } from "../ui/news";
import { Outdated } from "../ui/outdated";
import { words } from "../words";
import { number, time } from "../words/format";

const PATH = "/api/collected";
const PAGE = 48;
const EVERY_MS = 10_000;
const THUMBNAIL_PX = 240;

export function CollectedFrames(): JSX.Element {
  const { models: said, more } = words.value;
  const list = useListed<CollectedRow, Collected>(PATH, { limit: PAGE }, EVERY_MS);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [looked, setLooked] = useState<CollectedRow | null>(null);
  const chosen = list.items.filter(({ name }) => selected.has(name));
  const toggle = (name: string): void => {
    const next = new Set(selected);
    if (!next.delete(name)) next.add(name);
    setSelected(next);
  };
  const total = list.polled.data;
  return (
    <section aria-label={said.collected}>
      <div class="room-head">
        <h2>{said.collected}</h2>
        {total && <small>{said.collectedSum(total.images, number(total.megabytes, 1))}</small>}
        <Sorting
          chosen={chosen}
          selectAll={() => setSelected(new Set(list.items.map(({ name }) => name)))}
          selectNone={() => setSelected(new Set())}
          changed={list.polled.again}
        />
      </div>
      <p class="hint">{said.collectedWhy}</p>
      <Outdated {...list.polled} />
      {total && !list.items.length && <p class="loading">{total.collecting === false ? said.notCollecting : said.noFrames}</p>}
      <ul class="wall">
        {list.items.map((row) => (
          <li key={row.name}>
            <Frame row={row} selected={selected.has(row.name)} toggle={() => toggle(row.name)} look={() => setLooked(row)} />
          </li>
        ))}
      </ul>
      <Failure failed={list.failed} />
      {list.hasMore && <button type="button" class="more" onClick={list.more}>{more}</button>}
      {looked && (
        <Dialog title={`${looked.camera}, ${time(looked.at)}`} onClose={() => setLooked(null)} wide>
          <img class="full-picture" src={pictureOf(looked)} alt={looked.why} />
        </Dialog>
      )}
    </section>
  );
}

interface FrameProps {
  row: CollectedRow;
  selected: boolean;
  toggle: () => void;
  look: () => void;
}

function Frame({ row, selected, toggle, look }: FrameProps): JSX.Element {
  const { models: said } = words.value;
  const name = `${row.camera}, ${time(row.at)}`;
  return (
    <div class="collected" data-kept={row.kept} data-selected={selected}>
      <button type="button" class="picture" aria-label={said.look(name)} onClick={look}>
        <img src={pictureOf(row, THUMBNAIL_PX)} alt="" loading="lazy" decoding="async" />
      </button>
      <label>
        <input type="checkbox" checked={selected} disabled={!may("operator")} aria-label={said.select(name)} onChange={toggle} />
        <span>{time(row.at)}</span>
        {row.kept === true && <b class="mark" data-kind="good">{said.kept}</b>}
        {row.kept === false && <b class="mark">{said.discarded}</b>}
      </label>
      <small>{said.whys[row.why] ?? row.why}</small>
    </div>
  );
}

interface SortingProps {
  chosen: CollectedRow[];
  selectAll: () => void;
  selectNone: () => void;
  changed: () => void;
}

function Sorting({ chosen, selectAll, selectNone, changed }: SortingProps): JSX.Element {
  const { models: said } = words.value;
  const [asked, setAsked] = useState<"keep" | "discard" | null>(null);
  const none = chosen.length === 0;
  const sort = async (by: Act): Promise<void> => {
    let gone = 0;
    for (const { name } of chosen) {
      try {
        await change("PATCH", `${PATH}/${encodeURIComponent(name)}`, { kept: asked === "keep", ...by });
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
        gone += 1; // made room for a newer one meanwhile
      }
    }
    tell(gone ? said.changedButGone(chosen.length - gone, gone) : said.changed(chosen.length));
    selectNone();
    changed();
  };
  return (
    <Allowed role="operator">
      <span role="status">{none ? "" : said.selected(chosen.length)}</span>
      <button type="button" disabled={!may("operator")} onClick={none ? selectAll : selectNone}>{none ? said.selectAll : said.selectNone}</button>
      <button type="button" disabled={none} onClick={() => setAsked("keep")}>{said.keep}</button>
      <button type="button" disabled={none} onClick={() => setAsked("discard")}>{said.discard}</button>
      {asked && (
        <ActDialog
          title={asked === "keep" ? said.keepTitle(chosen.length) : said.discardTitle(chosen.length)}
          what={asked === "keep" ? said.keepWhat : said.discardWhat}
          button={asked === "keep" ? said.keep : said.discard}
          danger={asked === "discard"}
          act={sort}
          onClose={() => setAsked(null)}
        />
      )}
    </Allowed>
  );
}

function pictureOf({ name }: CollectedRow, width?: number): string {
  return `${PATH}/${encodeURIComponent(name)}/picture.jpg${width ? `?width=${width}` : ""}`;
}

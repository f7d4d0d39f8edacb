// The rules of one camera: edited, saved as the next version, or not when somebody was quicker.

import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiError, change, get } from "../core/client";
import { may } from "../core/session";
import type { Act, LineVersion, Rules } from "../core/wire";
import { ActDialog } from "../ui/act";
import { Allowed } from "../ui/allowed";
import { tell } from "../ui/news";
import { words } from "../words";
import { time } from "../words/format";
import { ClassTable } from "./classes";
import { type Draft, draftOf } from "./draft";
import { RegionFields } from "./fields";
import { RegionPicture } from "./picture";
import { Versions } from "./versions";

interface Props {
  camera: string;
  newest: LineVersion;
  reload: () => void;
}

export function RulesEditor({ camera, newest, reload }: Props): JSX.Element {
  const { line } = words.value;
  // Made once: what others save meanwhile must not disturb somebody's editing.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const draft = useMemo(() => draftOf(newest), [camera]);
  const [conflict, setConflict] = useState<LineVersion | null>(null);
  const editable = may("engineer");
  useEffect(() => {
    if (!draft.changed.peek() && newest.version > draft.version.peek()) draft.load(newest);
  }, [draft, newest]);

  return (
    <>
      <VersionLine newest={newest} draft={draft} />
      {newest.unknown_labels && newest.unknown_labels.length > 0 && (
        <p class="notice" data-kind="bad">{line.unknownLabels(newest.unknown_labels.join(", "))}</p>
      )}
      {conflict && <Conflict theirs={conflict} draft={draft} done={() => setConflict(null)} />}
      <fieldset class="rules" disabled={!editable}>
        <legend class="visually-hidden">{line.regions}</legend>
        <RegionPicture camera={camera} draft={draft} editable={editable} />
        <div class="rule-fields">
          <RegionFields draft={draft} />
          <ClassTable draft={draft} />
        </div>
      </fieldset>
      <SaveBar camera={camera} draft={draft} saved={reload} conflicted={setConflict} />
      <Versions camera={camera} newest={newest.version} draft={draft} />
    </>
  );
}

function VersionLine({ newest, draft }: { newest: LineVersion; draft: Draft }): JSX.Element {
  const { line, none } = words.value;
  return (
    <p class="version-line">
      {newest.rules ? (
        <>
          <b>{line.version(newest.version)}</b> {time(newest.changed_at)}, {newest.who ?? none}: {newest.why ?? none}
        </>
      ) : (
        line.noVersion
      )}
      {draft.changed.value && <b class="mark" data-kind="warn">{line.changed}</b>}
    </p>
  );
}

interface SaveProps {
  camera: string;
  draft: Draft;
  saved: () => void;
  conflicted: (theirs: LineVersion) => void;
}

function SaveBar({ camera, draft, saved, conflicted }: SaveProps): JSX.Element {
  const { line } = words.value;
  const [asked, setAsked] = useState(false);
  const path = `/api/line/${encodeURIComponent(camera)}`;
  const save = async (by: Act): Promise<void> => {
    try {
      const version = draft.version.value;
      const next = await change<LineVersion>("PUT", path, { version, rules: tidied(draft.rules.value), ...by });
      draft.load(next);
      tell(line.saved(next.version));
      saved();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) throw error;
      const { current } = (error.body ?? {}) as { current?: LineVersion };
      conflicted(current ?? (await get<LineVersion>(path)));
    }
  };
  const undo = async (): Promise<void> => draft.load(await get<LineVersion>(path));
  return (
    <div class="save-bar">
      <Allowed role="engineer">
        <button type="button" class="primary" disabled={!draft.changed.value || !draft.usable.value || !may("engineer")} onClick={() => setAsked(true)}>
          {line.save}
        </button>
        <button type="button" disabled={!draft.changed.value} onClick={() => void undo()}>{line.reset}</button>
      </Allowed>
      {asked && (
        <ActDialog title={line.saveTitle} what={line.saveWhat(camera)} button={line.save} act={save} onClose={() => setAsked(false)} />
      )}
    </div>
  );
}

/** Without classes that say nothing. */
function tidied(rules: Rules): Rules {
  const telling = Object.entries(rules.classes).filter(
    ([, rule]) => rule.ng || rule.min_score !== null || rule.min_width_px !== null || rule.min_height_px !== null,
  );
  return { ...rules, classes: Object.fromEntries(telling) };
}

interface ConflictProps {
  theirs: LineVersion;
  draft: Draft;
  done: () => void;
}

/** Somebody else saved first: theirs, or mine over theirs; never silently either. */
function Conflict({ theirs, draft, done }: ConflictProps): JSX.Element {
  const { line } = words.value;
  const takeTheirs = (): void => {
    draft.load(theirs);
    done();
  };
  const keepMine = (): void => {
    draft.version.value = theirs.version;
    done();
  };
  return (
    <div class="notice conflict" data-kind="bad" role="alert">
      <p>{line.conflict(theirs.version, theirs.who ?? line.someone, theirs.why ?? "")}</p>
      <button type="button" onClick={takeTheirs}>{line.theirs}</button>
      <button type="button" onClick={keepMine}>{line.mine(theirs.version)}</button>
    </div>
  );
}

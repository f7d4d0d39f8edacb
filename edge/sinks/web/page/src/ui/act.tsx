// An act at the service: asked who and why, done, and what became of it said.

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { ApiError } from "../core/client";
import { session } from "../core/session";
import type { Act } from "../core/wire";
import { words } from "../words";
import { Dialog } from "./dialog";

/** The service asks for as much. */
const LEAST_REASON = 3;
const lastWho = signal("");

interface Props {
  title: string;
  what: string;
  button: string;
  danger?: boolean;
  /** Does it; what it throws is shown and the window stays. */
  act: (by: Act) => Promise<void>;
  onClose: () => void;
}

export function ActDialog({ title, what, button, danger = false, act, onClose }: Props): JSX.Element {
  const { act: said, cancel } = words.value;
  const own = session.value?.name ?? "";
  const [who, setWho] = useState(own || lastWho.value);
  const [why, setWhy] = useState("");
  const [failed, setFailed] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const id = useId();

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const by = { who: who.trim(), why: why.trim() };
    if (!by.who || by.why.length < LEAST_REASON) {
      setFailed(new ApiError(0, said.missing));
      return;
    }
    lastWho.value = by.who;
    setBusy(true);
    try {
      await act(by);
      onClose();
    } catch (error) {
      setFailed(error instanceof ApiError ? error : new ApiError(0, String(error)));
      setBusy(false);
    }
  };

  return (
    <Dialog title={title} onClose={onClose}>
      <form class="act" onSubmit={(event) => void submit(event)}>
        <p>{what}</p>
        <label for={`${id}-who`}>{said.who}</label>
        <input id={`${id}-who`} name="who" value={who} readOnly={own !== ""} autofocus={who === ""} maxLength={64} autocomplete="name" onInput={(event) => setWho(event.currentTarget.value)} />
        <label for={`${id}-why`}>{said.why}</label>
        <textarea id={`${id}-why`} name="why" rows={2} autofocus={who !== ""} maxLength={300} value={why} onInput={(event) => setWhy(event.currentTarget.value)} />
        <Failure failed={failed} />
        <footer>
          <small>{said.written}</small>
          <button type="button" onClick={onClose}>{cancel}</button>
          <button type="submit" class="primary" data-danger={danger} disabled={busy}>{button}</button>
        </footer>
      </form>
    </Dialog>
  );
}

export function Failure({ failed }: { failed: ApiError | null }): JSX.Element | null {
  if (!failed) return null;
  return (
    <p class="notice" data-kind="bad" role="alert">
      {failed.what} {failed.remedy}
    </p>
  );
}

"""What the keeper remembers across restarts, in the service's durable state."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edge.engine import publish
from edge.host.state import KEPT_EVENTS, StateStore

_CONFIRMED = "bundle confirmed"


class Memory(Protocol):
    """What is remembered across restarts."""

    def reject(self, bundle: str, reason: str) -> None:
        """Never try this bundle again."""
        ...

    def rejected(self, bundle: str) -> str:
        """Why a bundle is not tried again; empty: it may be."""
        ...

    def confirm(self, bundle: str) -> None:
        """This bundle passed its trial."""
        ...

    def confirmed(self, bundle: str) -> bool:
        """Whether it did."""
        ...

    def record(self, kind: str, text: str) -> None:
        """Add to the history."""
        ...


class StoredMemory:
    """The keeper's memory. No call raises for what a disk does."""

    def __init__(self, store: StateStore) -> None:
        """Remember in ``store``."""
        self._store = store

    def reject(self, bundle: str, reason: str) -> None:
        """Never try this bundle again."""
        self._store.reject(bundle, reason)

    def rejected(self, bundle: str) -> str:
        """Why a bundle is not tried again; empty: it may be."""
        rejection = self._store.rejection(bundle)
        return rejection.reason if rejection else ""

    def confirm(self, bundle: str) -> None:
        """This bundle passed its trial."""
        if not self.confirmed(bundle):
            self._store.record(_CONFIRMED, bundle)

    def confirmed(self, bundle: str) -> bool:
        """Whether it did."""
        events = self._store.history(KEPT_EVENTS)
        return any(event.kind == _CONFIRMED and event.text == bundle for event in events)

    def record(self, kind: str, text: str) -> None:
        """Add to the history."""
        self._store.record(kind, text)


def bundle_to_start(models: Path, memory: Memory) -> str | None:
    """The bundle in use, or the one before if that was rejected; None: nothing is published.

    Where both were rejected it is the one in use all the same: its trial ends on its fallback.
    """
    now, earlier = publish.in_use(models), publish.before(models)
    if now and earlier and memory.rejected(now) and not memory.rejected(earlier):
        return earlier
    return now


def bundles_to_start(store: StateStore, models: Path | None, *, safe_mode: bool) -> list[Path]:
    """What to start with, best first; the next is for one that turns out to be unusable.

    That is the bundle in use, the one before, and whatever passed its trial, newest first; in safe
    mode these come first. One that was rejected comes last, for want of anything else.
    """
    if models is None:
        return []
    now = bundle_to_start(models, StoredMemory(store))
    linked = [name for name in (now, publish.before(models)) if name]
    good = [name for name in linked if not store.rejection(name)]
    names = [*_confirmed(store), *good] if safe_mode else [*good, *_confirmed(store)]
    bundles = (models / publish.BUILDS / name for name in dict.fromkeys([*names, *linked]))
    return [bundle for bundle in bundles if bundle.is_dir()]


def _confirmed(store: StateStore) -> list[str]:
    events = (event for event in store.history(KEPT_EVENTS) if event.kind == _CONFIRMED)
    return [event.text for event in events if not store.rejection(event.text)]

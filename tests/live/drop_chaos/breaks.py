"""Ways to break the package on purpose, each of which the verdict must notice: ``CHAOS_BREAK=name``."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from sailpoint_provider.client import multipart
from sailpoint_provider.drops import taking
from sailpoint_provider.drops.entries import STATE_FOLDER
from sailpoint_provider.drops.local import LocalPlace
from sailpoint_provider.drops.taking import _Taker
from sailpoint_provider.operators import file_load
from sailpoint_provider.operators.aggregation import SailPointAccountAggregationOperator
from tests.live.chaos.hooks import put

if TYPE_CHECKING:
    from collections.abc import Callable


def take_without_rename() -> None:
    """Leave the file in the folder, and load a copy of it."""
    take = LocalPlace.take

    def copied(self: LocalPlace, entry: Any, target: str) -> bool:
        path = self.location(entry.name)
        draft = f"{path}.kept.part"
        if os.path.exists(path):
            shutil.copy2(path, draft)
        done = take(self, entry, target)
        if os.path.exists(draft):
            os.replace(draft, path)
        return done

    put(LocalPlace, "take", copied)


def load_in_place() -> None:
    """Take a file without moving it, so that the load reads whatever lies under its name by then."""
    put(LocalPlace, "take", lambda self, entry, target: True)
    described = _Taker.described

    def in_place(self: _Taker, source: Any, record: Any) -> dict[str, Any]:
        return described(self, source, record) | {"file": self._place.location(record.entry.name)}

    put(_Taker, "described", in_place)


def filed_before_load() -> None:
    """File a drop as loaded before its start is sent."""
    start = SailPointAccountAggregationOperator._start_request

    def filed_first(self: Any, context: Any, deadlines: Any) -> Any:
        request = start(self, context, deadlines)
        if self._drop is not None and request.file is not None:
            sha256 = request.file.examine().sha256
            path = str(self._drop.described["file"])
            shutil.copy2(path, f"{path}.kept")
            self._drop.file_away("loaded", self._source.id, sha256=sha256, aggregation_id=None, result={})
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(f"{path}.kept", path)
        return request

    put(SailPointAccountAggregationOperator, "_start_request", filed_first)


def order_ignored() -> None:
    """Take the newest file of a source first."""
    waiting_in = taking._waiting

    def newest_first(*arguments: Any) -> Any:
        waiting = waiting_in(*arguments)
        waiting.sources = {source: entries[::-1] for source, entries in waiting.sources.items()}
        return waiting

    put(taking, "_waiting", newest_first)


def undecided_ignored() -> None:
    """Take over the file of another run that still loads it, as if that run were over."""
    execute = _Taker.__init__

    def nobody_active(self: _Taker, place: Any, rules: Any, run: Any, listing: Any, active: Any) -> None:
        execute(self, place, rules, run, listing, lambda _: False)

    put(_Taker, "__init__", nobody_active)


def pointer_not_updated() -> None:
    """Do not record which file was loaded last."""
    replace = LocalPlace.replace

    def forgotten(self: LocalPlace, name: str, content: bytes) -> None:
        if not (name.startswith(f"{STATE_FOLDER}/last/") and self.read(name)):
            replace(self, name, content)

    put(LocalPlace, "replace", forgotten)


def digest_not_verified() -> None:
    """Send whatever the file holds by now."""
    put(multipart._FileReader, "check", lambda self: self._upload.check_unchanged())


def check_skipped() -> None:
    """Load drops without a check."""
    put(file_load, "read_check", lambda check, *, default: None)


def claims_not_exclusive() -> None:
    """Overwrite a record that another process was faster to write."""

    def overwritten(self: LocalPlace, name: str, content: bytes) -> bool:
        self.replace(name, content)
        return bool(json.loads(content))

    put(LocalPlace, "create", overwritten)


BREAKS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        take_without_rename,
        load_in_place,
        filed_before_load,
        order_ignored,
        undecided_ignored,
        pointer_not_updated,
        digest_not_verified,
        check_skipped,
        claims_not_exclusive,
    )
}


def break_on_purpose(name: str) -> None:
    """Break the package in this process and its children; an empty name leaves it whole."""
    if name:
        BREAKS[name]()

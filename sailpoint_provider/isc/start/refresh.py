"""Starts an identity refresh: one request for each part, stored before and after, and none sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from sailpoint_provider.exceptions import InvalidInputError, ProtocolError, SailPointError
from sailpoint_provider.isc.api.identifiers import id_from_user
from sailpoint_provider.isc.api.loads import MOST_IDENTITIES, process_identities, process_identity_profile
from sailpoint_provider.isc.flow import Flow, ask
from sailpoint_provider.isc.outcome import is_good_end
from sailpoint_provider.isc.start.reconcile import may_have_started
from sailpoint_provider.isc.wait.deadlines import Deadlines  # noqa: TC001 - msgspec reads the annotations
from sailpoint_provider.results import IdentityRefreshResult, RefreshPart  # noqa: TC001 - msgspec reads them

if TYPE_CHECKING:
    import logging

    from sailpoint_provider.isc.api.exchange import Request
    from sailpoint_provider.isc.api.versions import ApiVersion
    from sailpoint_provider.isc.start.checkpoint_store import CheckpointStore

PartState: TypeAlias = Literal["open", "submitting", "accepted"]

VERSION = 1
"""Version of the stored form; a checkpoint of another version is ignored."""


@dataclass(frozen=True)
class PartProgress:
    """
    How far one request of a refresh has come.

    :param state: ``open`` before the request, ``submitting`` once it may have been sent, ``accepted`` once
        ISC has acknowledged it.
    :param task_id: ID of ISC's task; None before the acknowledgement, and if ISC gave none.
    :param ended: how the task ended; None while it is running.
    """

    state: PartState = "open"
    task_id: str | None = None
    ended: RefreshPart | None = None


@dataclass(frozen=True)
class RefreshCheckpoint:
    """
    The progress of one refresh, from the intent to the result.

    :param digest: what is refreshed.
    :param max_tries: the task instance's ``max_tries``, which Airflow raises on a clear but not on a retry.
    :param clear_number: the DAG run's ``clear_number``; None before Airflow 3.3.
    :param deadlines: when the task began and when the wait must end.
    :param parts: the requests, in order.
    :param result: the result that the task returned.
    """

    digest: str
    max_tries: int
    clear_number: int | None
    deadlines: Deadlines
    parts: tuple[PartProgress, ...] = ()
    result: IdentityRefreshResult | None = None

    @property
    def state(self) -> str:
        """How far it has come, in one word, for messages about the store."""
        if self.result is not None:
            return "returned"
        states = {part.state for part in self.parts}
        return "submitting" if "submitting" in states else "running" if states == {"accepted"} else "open"

    def with_part(self, number: int, **changes: Any) -> RefreshCheckpoint:
        """Return the checkpoint with another progress of one part."""
        parts = list(self.parts)
        parts[number] = replace(parts[number], **changes)
        return replace(self, parts=tuple(parts))

    def to_json(self) -> dict[str, Any]:
        """Return the checkpoint as a JSON object."""
        document: dict[str, Any] = asdict(self)
        document["parts"] = list(document["parts"])
        return {"version": VERSION, "state": self.state} | document


def read_refresh_checkpoint(document: Any) -> RefreshCheckpoint | None:
    """
    Return the checkpoint of a stored JSON document, None if nothing is stored.

    :raises ProtocolError: the document is not a checkpoint of this version.
    """
    if document is None:
        return None
    if not isinstance(document, dict) or document.get("version") != VERSION or "digest" not in document:
        raise ProtocolError("It was not written by this version of the provider.")
    try:
        return msgspec.convert(document, RefreshCheckpoint)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise ProtocolError(f"It is malformed: {error}.") from None


@dataclass(frozen=True)
class RefreshRequest:
    """
    What a task asks to refresh.

    :param max_tries: the task instance's ``max_tries``.
    :param clear_number: the DAG run's ``clear_number``, None if Airflow does not provide it.
    :param deadlines: when the task began and when its wait must end.
    :param identity_ids: IDs of the identities, each once.
    :param profile_id: ID of an identity profile in place of identities.
    :param fail_on_warning: whether a part with warnings counts as failed.
    """

    max_tries: int
    clear_number: int | None
    deadlines: Deadlines
    identity_ids: tuple[str, ...] = field(default=(), repr=False)
    profile_id: str | None = None
    fail_on_warning: bool = False

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The number of identities in each request; None where only ISC knows it."""
        return (None,) if self.profile_id is not None else tuple(map(len, self._chunks))

    @property
    def digest(self) -> str:
        """SHA-256 of what is refreshed."""
        what = self.profile_id or ",".join(self.identity_ids)
        return hashlib.sha256(what.encode()).hexdigest()

    @property
    def _chunks(self) -> list[tuple[str, ...]]:
        ids = self.identity_ids
        return [ids[at : at + MOST_IDENTITIES] for at in range(0, len(ids), MOST_IDENTITIES)]

    def _has_failed(self, part: PartProgress) -> bool:
        """Return whether ISC's task of a part has ended, and not well."""
        return part.ended is not None and not is_good_end(part.ended, fail_on_warning=self.fail_on_warning)

    def call(self, api_version: ApiVersion, number: int) -> Request[str | None]:
        """Return the request of one part."""
        if self.profile_id is not None:
            return process_identity_profile(api_version, self.profile_id)
        return process_identities(api_version, self._chunks[number])

    def checkpoint(self) -> RefreshCheckpoint:
        """Return the checkpoint before the first request."""
        parts = tuple(PartProgress() for _ in self.sizes)
        return RefreshCheckpoint(self.digest, self.max_tries, self.clear_number, self.deadlines, parts)

    def resumed(self, checkpoint: RefreshCheckpoint | None) -> RefreshCheckpoint | None:
        """
        Return the checkpoint of an earlier try to continue from; None to begin anew.

        Parts that failed are open again, parts that ISC acknowledged stay.
        """
        if checkpoint is None or (checkpoint.digest, len(checkpoint.parts)) != (self.digest, len(self.sizes)):
            return None
        if (checkpoint.max_tries, checkpoint.clear_number) != (self.max_tries, self.clear_number):
            return None  # a clear is a new beginning for the user
        if checkpoint.result is not None:
            return checkpoint
        parts = tuple(PartProgress() if self._has_failed(part) else part for part in checkpoint.parts)
        # What is sent anew has the whole timeout; a wait that only goes on keeps its deadline.
        is_sent_anew = any(part.state != "accepted" for part in parts)
        deadlines = self.deadlines if is_sent_anew else checkpoint.deadlines.in_another_try(self.deadlines)
        return replace(checkpoint, parts=parts, deadlines=deadlines)


def start_refresh(
    api_version: ApiVersion,
    request: RefreshRequest,
    store: CheckpointStore[RefreshCheckpoint],
    log: logging.Logger,
) -> Flow[RefreshCheckpoint]:
    """
    Send the requests of a refresh that no earlier try has sent with success.

    ISC returns a reference to a task, but no task record says which identities it was for. So a request
    without a usable response cannot be found again: this try ends with the error, and the next one sends just
    that part again. Processing identities twice does no harm, not processing them does.

    :returns: the checkpoint, with every part accepted.
    :raises CheckpointError: the task state store cannot be read or written.
    :raises SailPointError: a request failed.
    """
    checkpoint = request.resumed(store.load()) or request.checkpoint()
    if checkpoint.result is not None:
        return checkpoint
    for number, part in enumerate(checkpoint.parts):
        if part.state == "accepted":
            continue
        if part.state == "submitting":
            log.warning(
                "Sending part %d of %d again: an earlier try got no usable response, and ISC does not show "
                "whether it took effect.",
                number + 1,
                len(checkpoint.parts),
            )
        checkpoint = checkpoint.with_part(number, state="submitting")
        store.save(checkpoint, required=True)
        try:
            task_id = yield from ask(request.call(api_version, number))
        except SailPointError as error:
            if not may_have_started(error):
                store.save(checkpoint.with_part(number, state="open"))
            raise
        checkpoint = checkpoint.with_part(number, state="accepted", task_id=task_id)
        store.save(checkpoint)
    return checkpoint


def checked_identity_ids(given: Any) -> tuple[str, ...]:
    """
    Return the IDs of identities, each once, in their order.

    :raises InvalidInputError: they are not a collection of IDs, or there is none.
    """
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Collection) or isinstance(given, bytes):
        raise InvalidInputError(f"identity_ids must be a list of IDs, not {type(given).__name__}.")
    ids = tuple(dict.fromkeys(id_from_user(one, "identity_ids") for one in given))
    if not ids:
        raise InvalidInputError("identity_ids is empty; name the identities to process.")
    return ids

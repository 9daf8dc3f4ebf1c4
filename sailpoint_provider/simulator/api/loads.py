"""``POST …/load-accounts`` and its siblings: receive the upload, check it, start a run."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, cast

from starlette.datastructures import FormData, UploadFile

from sailpoint_provider.simulator.api.answers import Answer, ApiError, error_answer, illegal, json_answer
from sailpoint_provider.simulator.api.forms import (
    MULTIPART,
    URL_ENCODED,
    UnreadableForm,
    media_type,
    read_form,
)
from sailpoint_provider.simulator.api.records import started_task
from sailpoint_provider.simulator.api.sources import find_source
from sailpoint_provider.simulator.model.csv_files import (
    UnknownHeader,
    UnreadableFile,
    check_file_header,
    fingerprint,
    first_row,
    read_accounts,
)
from sailpoint_provider.simulator.model.kinds import RunKind
from sailpoint_provider.simulator.model.sources import SourceKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.datastructures import Headers
    from starlette.requests import Request

    from sailpoint_provider.simulator.api.paths import Target
    from sailpoint_provider.simulator.model.accounts import AccountSet
    from sailpoint_provider.simulator.model.aggregations import Run
    from sailpoint_provider.simulator.model.journal import ReceivedRequest
    from sailpoint_provider.simulator.model.sources import Source
    from sailpoint_provider.simulator.model.tenant import Tenant


_KINDS = {
    "load_accounts": RunKind.ACCOUNTS,
    "load_entitlements": RunKind.ENTITLEMENTS,
    "load_uncorrelated_accounts": RunKind.UNCORRELATED,
}


async def start_load(tenant: Tenant, target: Target, request: Request, received: ReceivedRequest) -> Answer:
    """Start a load of a source once the whole body has arrived.

    :raises ClientDisconnect: if the client leaves earlier; then nothing starts.
    :raises ApiError: if ISC refuses the upload.
    """
    kind = _KINDS[str(received.call)]
    if kind is RunKind.ENTITLEMENTS:
        await _check_empty(request)
    async with _received_form(request, target.api_version) as form:
        received.parts = tuple(form)
        if tenant.shapes.empty_form_fails and not form and media_type(request.headers) == MULTIPART:
            raise ApiError(error_answer(500, "An unexpected error occurred."))
        source = find_source(tenant, target)
        part = form.get("file")
        received.disable_optimization = _text(form, "disableOptimization")
        received.object_type = _text(form, "objectType")
        upload = part if isinstance(part, UploadFile) else None
        if upload is not None:
            received.file = await asyncio.to_thread(fingerprint, upload.filename or "", _bytes(upload))
        _check_parts(source, form, kind)
        load = _Load(tenant, source, kind, upload, received)
        run = await load.start()
        received.task_id, received.start = run.id, "refused" if run.refused else "accepted"
        return json_answer(started_task(run, tenant.shapes), 202)


async def _check_empty(request: Request) -> None:
    """Answer 500 to a media type without a body (SailPoint's documentation of this call's predecessor)."""
    if request.headers.get("content-type") and request.headers.get("content-length") == "0":
        raise ApiError(error_answer(500, "An unexpected error occurred."))


def _bytes(upload: UploadFile) -> IO[bytes]:
    return cast("IO[bytes]", upload.file)


@asynccontextmanager
async def _received_form(request: Request, api_version: str) -> AsyncGenerator[FormData, None]:
    """Receive the whole body as a form, which is spooled to disk.

    An empty body is an empty form, whatever its media type.
    """
    body = request.stream()
    first = await anext(body)
    form = await _read(request.headers, api_version, _joined(first, body)) if first else FormData()
    try:
        yield form
    finally:
        await form.close()


async def _read(headers: Headers, api_version: str, body: AsyncGenerator[bytes, None]) -> FormData:
    accepted = (MULTIPART, URL_ENCODED) if api_version == "beta" else (MULTIPART,)
    if media_type(headers) not in accepted:
        async for _ in body:
            pass
        raise ApiError(error_answer(415, f"Content-Type '{media_type(headers)}' is not supported"))
    try:
        return await read_form(headers, body)
    except UnreadableForm as error:
        raise illegal(str(error)) from error


async def _joined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in rest:
        yield chunk


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) else None


def _check_parts(source: Source, form: FormData, kind: RunKind) -> None:
    part = form.get("file")
    if kind is not RunKind.UNCORRELATED and source.kind is SourceKind.DIRECT and part is not None:
        raise illegal(f'Source "{source.name}" does not take a file')
    if part is None and (kind is RunKind.UNCORRELATED or source.kind is SourceKind.DELIMITED):
        raise illegal(f'Source "{source.name}" needs a file')
    if part is not None and not isinstance(part, UploadFile):
        raise illegal('The part "file" must be a file')


def _is_optimized(disable_optimization: str | None) -> bool:
    if disable_optimization is None:
        return True
    if disable_optimization.lower() not in ("true", "false"):
        raise illegal('"disableOptimization" must be true or false')
    return disable_optimization.lower() == "false"


class _Load:
    """One start whose form is received."""

    def __init__(
        self,
        tenant: Tenant,
        source: Source,
        kind: RunKind,
        upload: UploadFile | None,
        received: ReceivedRequest,
    ) -> None:
        self._tenant, self._source, self._kind = tenant, source, kind
        self._upload, self._file = upload, received.file
        self._object_type = received.object_type
        self._optimized = kind is not RunKind.ACCOUNTS or _is_optimized(received.disable_optimization)

    async def start(self) -> Run:
        tenant, source, kind = self._tenant, self._source, self._kind
        if self._upload is not None:
            await asyncio.to_thread(self._check_header, self._upload)
        if source.is_busy(tenant.clock.steady(), kind):
            return tenant.refuse_start(source, self._optimized, self._file, kind)
        # A large file takes a while to read; until then the source is busy.
        source.starting.add(kind)
        try:
            rows = None if self._upload is None else await asyncio.to_thread(self._rows, self._upload)
            return self._started(rows)
        finally:
            source.starting.discard(kind)

    def _started(self, rows: AccountSet | None) -> Run:
        tenant, source = self._tenant, self._source
        if self._kind is RunKind.ENTITLEMENTS:
            return tenant.start_entitlements(source, rows, self._object_type, self._file)
        if self._kind is RunKind.UNCORRELATED and rows is not None:
            return tenant.start_uncorrelated(source, rows, self._file)
        return tenant.start(source, rows, self._optimized, self._file)

    def _header(self, upload: UploadFile) -> tuple[str, ...]:
        if self._kind is RunKind.UNCORRELATED:
            # No document states the columns, so the file's own count; the first names the account.
            return first_row(_bytes(upload))
        is_accounts = self._kind is RunKind.ACCOUNTS
        return self._source.header if is_accounts else self._source.entitlement_header

    def _check_header(self, upload: UploadFile) -> None:
        try:
            check_file_header(_bytes(upload), self._header(upload))
        except (UnknownHeader, UnreadableFile) as error:
            raise illegal(str(error)) from error

    def _rows(self, upload: UploadFile) -> AccountSet:
        header = self._header(upload)
        is_accounts = self._kind is RunKind.ACCOUNTS
        try:
            return read_accounts(
                _bytes(upload),
                header,
                self._source.identity_attribute if is_accounts else header[0],
                self._tenant.stopping.is_set,
                merges_rows=self._source.merges_rows and is_accounts,
            )
        except (UnknownHeader, UnreadableFile) as error:
            raise illegal(str(error)) from error

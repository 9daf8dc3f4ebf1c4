"""``POST …/load-accounts``: receive the upload, check it, start a run."""

from __future__ import annotations

import asyncio
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
from sailpoint_provider.simulator.api.records import load_accounts_task
from sailpoint_provider.simulator.api.sources import find_source
from sailpoint_provider.simulator.model.csv_files import (
    UnknownHeader,
    UnreadableFile,
    check_file_header,
    fingerprint,
    read_accounts,
)
from sailpoint_provider.simulator.model.sources import SourceKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

    from sailpoint_provider.simulator.api.paths import Target
    from sailpoint_provider.simulator.model.accounts import AccountSet
    from sailpoint_provider.simulator.model.aggregations import Run
    from sailpoint_provider.simulator.model.csv_files import ReceivedFile
    from sailpoint_provider.simulator.model.journal import ReceivedRequest
    from sailpoint_provider.simulator.model.sources import Source
    from sailpoint_provider.simulator.model.tenant import Tenant


async def load_accounts(
    tenant: Tenant, target: Target, request: Request, received: ReceivedRequest
) -> Answer:
    """Start an aggregation once the whole body has arrived.

    :raises ClientDisconnect: if the client leaves earlier; then nothing starts.
    :raises ApiError: if ISC refuses the upload.
    """
    async with _ReceivedForm(request, target.generation) as form:
        received.parts = tuple(form)
        if tenant.shapes.empty_form_fails and not form and media_type(request.headers) == MULTIPART:
            raise ApiError(error_answer(500, "An unexpected error occurred."))
        source = find_source(tenant, target)
        part = form.get("file")
        received.disable_optimization = _text(form, "disableOptimization")
        upload = part if isinstance(part, UploadFile) else None
        if upload is not None:
            received.file = await asyncio.to_thread(fingerprint, upload.filename or "", _bytes(upload))
        _check_parts(source, form)
        optimized = _is_optimized(received.disable_optimization)
        run = await _start(tenant, source, upload, optimized, received.file)
        received.task_id, received.start = run.id, "refused" if run.refused else "accepted"
        return json_answer(load_accounts_task(run, tenant.shapes), 202)


def _bytes(upload: UploadFile) -> IO[bytes]:
    return cast("IO[bytes]", upload.file)


class _ReceivedForm:
    """Context manager for the request's form, which is spooled to disk."""

    def __init__(self, request: Request, generation: str) -> None:
        self._request = request
        self._accepted = (MULTIPART, URL_ENCODED) if generation == "beta" else (MULTIPART,)
        self._form = FormData()

    async def __aenter__(self) -> FormData:
        """Receive the whole body; an empty body is an empty form, whatever its media type."""
        body = self._request.stream()
        first = await anext(body)
        if first:
            self._form = await self._read(_joined(first, body))
        return self._form

    async def _read(self, body: AsyncGenerator[bytes, None]) -> FormData:
        headers = self._request.headers
        if media_type(headers) not in self._accepted:
            async for _ in body:
                pass
            raise ApiError(error_answer(415, f"Content-Type '{media_type(headers)}' is not supported"))
        try:
            return await read_form(headers, body)
        except UnreadableForm as error:
            raise illegal(str(error)) from error

    async def __aexit__(self, *_: object) -> None:
        """Delete the spooled file."""
        await self._form.close()


async def _joined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in rest:
        yield chunk


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) else None


def _check_parts(source: Source, form: FormData) -> None:
    part = form.get("file")
    if source.kind is SourceKind.DIRECT and part is not None:
        raise illegal(f'Source "{source.name}" does not take a file')
    if source.kind is SourceKind.DELIMITED and part is None:
        raise illegal(f'Source "{source.name}" needs a file')
    if part is not None and not isinstance(part, UploadFile):
        raise illegal('The part "file" must be a file')


def _is_optimized(disable_optimization: str | None) -> bool:
    if disable_optimization is None:
        return True
    if disable_optimization.lower() not in ("true", "false"):
        raise illegal('"disableOptimization" must be true or false')
    return disable_optimization.lower() == "false"


async def _start(
    tenant: Tenant, source: Source, upload: UploadFile | None, optimized: bool, file: ReceivedFile | None
) -> Run:
    if upload is not None:
        await asyncio.to_thread(_check_header, source, upload)
    if source.is_busy(tenant.clock.steady()):
        return tenant.refuse_start(source, optimized, file)
    # A large file takes a while to read; until then the source is busy.
    source.is_starting = True
    try:
        accounts = None if upload is None else await asyncio.to_thread(_accounts, tenant, source, upload)
        return tenant.start(source, accounts, optimized, file)
    finally:
        source.is_starting = False


def _check_header(source: Source, upload: UploadFile) -> None:
    try:
        check_file_header(_bytes(upload), source.header)
    except (UnknownHeader, UnreadableFile) as error:
        raise illegal(str(error)) from error


def _accounts(tenant: Tenant, source: Source, upload: UploadFile) -> AccountSet:
    try:
        return read_accounts(
            _bytes(upload),
            source.header,
            source.identity_attribute,
            tenant.stopping.is_set,
            merges_rows=source.merges_rows,
        )
    except (UnknownHeader, UnreadableFile) as error:
        raise illegal(str(error)) from error

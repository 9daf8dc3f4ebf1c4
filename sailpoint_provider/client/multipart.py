"""A start's body: streamed from the file, counted and hashed on the way, never held in memory."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

from urllib3.filepost import encode_multipart_formdata

from sailpoint_provider.client.prefetch import Prefetcher
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.start.upload import SentFile, Upload, changed
from sailpoint_provider.isc.start.upload_progress import UploadProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from sailpoint_provider.isc.api.exchange import Request

BLOCK = 256 * 1024
"""Bytes of a file that are read, and handed to a connection, at once."""

log = logging.getLogger(__name__)


class MultipartBody:
    """
    The body of one attempt; a further attempt makes a new one, which opens the file anew.

    Iterating over it gives its blocks, once. What is wrong with the file breaks that off before the closing
    boundary, without which ISC cannot take a part for the whole.

    :param call: the call whose form and upload to send.
    :raises InvalidInputError: the file cannot be opened, or is no longer the one that was found.
    """

    def __init__(self, call: Request[Any]) -> None:
        fields: list[tuple[str, Any]] = list(call.form)
        self.file = _FileReader(call.upload) if call.upload is not None else None
        boundary = place = uuid4().hex
        if self.file is not None:
            place = uuid4().hex
            fields.append(("file", (self.file.content.name, place, "text/csv")))
        frame, self.content_type = encode_multipart_formdata(fields, boundary)
        if self.file is None:
            self._head, self._tail = frame, b""
        else:
            self._head, _, self._tail = frame.partition(place.encode())
        self.len = len(self._head) + len(self._tail) + (self.file.content.size_bytes if self.file else 0)

    def sent(self) -> SentFile | None:
        """Return what was sent of the file, None where there was none."""
        return self.file.sent() if self.file is not None else None

    def __iter__(self) -> Iterator[bytes]:
        """Give the blocks of the body."""
        yield self._head
        if self.file is None:
            return
        content = self.file.content
        progress = UploadProgress(content.name, content.size_bytes, time.monotonic)
        while block := self.file.ahead.next():
            yield block
            _tell(progress.add(len(block)))
        self.file.check()
        yield self._tail
        _tell(progress.end())

    def __enter__(self) -> MultipartBody:
        """Use the body for one attempt."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.ahead.stop()


class _FileReader:
    """The file while it is sent: read and hashed in a thread, checked when all of it has been handed over."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self.content = upload.content()
        upload.check_unchanged()
        self._stream: BinaryIO = _open(upload)
        self._left = self.content.size_bytes
        self._hash = hashlib.sha256()
        self.ahead = Prefetcher(self._read, self._stream.close)

    def check(self) -> None:
        """
        Make sure that what was read is the file that was found, and all of it.

        :raises InvalidInputError: it is not.
        """
        if self._left:
            raise changed(self._upload, f"{self._left} bytes of it were not read")
        expected = self.content.sha256
        if expected is not None and expected != self._hash.hexdigest():
            raise changed(self._upload, "its content is not what it was")
        self._upload.check_unchanged()

    def sent(self) -> SentFile:
        size = self.content.size_bytes - self._left
        return SentFile(self.content.name, size, self._hash.hexdigest())

    def _read(self) -> bytes:
        try:
            block = self._stream.read(min(BLOCK, self._left) or 1)
        except Exception as error:
            # No chain: an error of a store may hold the file's URL with a signature in it.
            why = getattr(error, "strerror", None) or type(error).__name__
            raise InvalidInputError(
                f"The file {self._upload.location} could not be read to its end: {why}. Nothing was loaded.",
                final=False,
            ) from None
        if self._left and not block:
            raise changed(self._upload, f"it ends {self._left} bytes early")
        if block and not self._left:
            raise changed(self._upload, f"it goes on after {self.content.size_bytes} bytes")
        self._hash.update(block)
        self._left -= len(block)
        return block


def _open(upload: Upload) -> BinaryIO:
    try:
        return upload.open()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InvalidInputError(
            f"The file {upload.location} cannot be opened: {why}. Nothing was sent.", final=False
        ) from None


def _tell(sentence: str | None) -> None:
    if sentence is not None:
        log.info("%s", sentence)

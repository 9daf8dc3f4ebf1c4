"""The body of a start request: streamed from the file, hashed on the way, never held in memory."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from urllib3.filepost import encode_multipart_formdata

from sailpoint_provider.client.prefetch import Prefetcher
from sailpoint_provider.client.upload_progress import UploadProgress
from sailpoint_provider.files.source import changed, unreadable
from sailpoint_provider.results import UploadedFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.exchange import Request

CHUNK_SIZE = 256 * 1024
"""Bytes of a file that are read, and handed to a connection, at a time."""

log = logging.getLogger(__name__)


class MultipartBody:
    """
    The body of one attempt; another attempt creates a new one, which opens the file again.

    Iterating over it yields its blocks, once. If anything is wrong with the file, the iteration fails before
    the closing boundary. ISC cannot mistake an incomplete body for the whole file.

    :param call: the call whose form and upload are sent.
    :raises InvalidInputError: the file cannot be opened, or has changed since it was examined.
    """

    def __init__(self, call: Request[Any]) -> None:
        fields: list[tuple[str, Any]] = list(call.form)
        self.file = _FileReader(call.upload) if call.upload is not None else None
        boundary = placeholder = uuid4().hex
        if self.file is not None:
            placeholder = uuid4().hex
            fields.append(("file", (self.file.name, placeholder, "text/csv")))
        frame, self.content_type = encode_multipart_formdata(fields, boundary)
        if self.file is None:
            self._head, self._tail = frame, b""
        else:
            self._head, _, self._tail = frame.partition(placeholder.encode())
        self.len = len(self._head) + len(self._tail) + (self.file.size_bytes if self.file else 0)

    def sent(self) -> UploadedFile | None:
        """Return what was sent of the file; None if there was none."""
        return self.file.sent() if self.file is not None else None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks of the body."""
        yield self._head
        if self.file is None:
            return
        progress = UploadProgress(self.file.name, self.file.size_bytes, time.monotonic)
        while block := self.file.blocks.next():
            yield block
            _log(progress.add(len(block)))
        self.file.check()
        yield self._tail
        _log(progress.end())

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.blocks.stop()


class _FileReader:
    """The file of one attempt: read and hashed in a thread, and checked once all of it has been read."""

    def __init__(self, upload: Upload) -> None:
        upload.check_unchanged()
        self._upload = upload
        self._stream = upload.open()
        self._left = upload.size_bytes
        self._hash = hashlib.sha256()
        self.name = upload.source.name
        self.size_bytes = upload.size_bytes
        self.blocks = Prefetcher(self._read, self._stream.close)

    def check(self) -> None:
        """
        Make sure that what was read is the examined file, and all of it.

        :raises InvalidInputError: it is not.
        """
        if self._left:
            raise changed(self._upload.source, f"{self._left} bytes were not read")
        if self._upload.sha256 not in (None, self._hash.hexdigest()):
            raise changed(self._upload.source, "its content differs from when it was examined")
        self._upload.check_unchanged()

    def sent(self) -> UploadedFile:
        size_bytes = self.size_bytes - self._left
        return UploadedFile(
            name=self.name,
            size_bytes=size_bytes,
            sha256=self._hash.hexdigest(),
            rows=self._upload.rows,
        )

    def _read(self) -> bytes:
        try:
            block = self._stream.read(min(CHUNK_SIZE, self._left) or 1)
        except Exception as error:
            # No chain: a store's error may contain the URL as it was given, signature included.
            raise unreadable(self._upload.source, error) from None
        if self._left and not block:
            raise changed(self._upload.source, f"it ends {self._left} bytes early")
        if block and not self._left:
            raise changed(self._upload.source, f"it continues after {self.size_bytes} bytes")
        self._hash.update(block)
        self._left -= len(block)
        return block


def _log(sentence: str | None) -> None:
    if sentence is not None:
        log.info("%s", sentence)

"""A start's body: streamed from the file, counted and hashed on the way, never held in memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, BinaryIO

from requests_toolbelt.multipart.encoder import MultipartEncoder

from sailpoint_provider.isc.errors import InvalidInputError
from sailpoint_provider.isc.upload import SentFile, Upload, changed

if TYPE_CHECKING:
    from types import TracebackType

    from sailpoint_provider.isc.calls import Call


class MultipartBody:
    """
    The body of one attempt; a further attempt makes a new one, which opens the file anew.

    :param call: the call whose form and upload to send.
    :raises InvalidInputError: the file cannot be opened, or is no longer the one that was found.
    """

    def __init__(self, call: Call[Any]) -> None:
        fields: list[tuple[str, Any]] = list(call.form)
        self.file = _FileReader(call.upload) if call.upload is not None else None
        if self.file is not None:
            fields.append(("file", (self.file.upload.stamp.name, self.file, "text/csv")))
        self.encoder = MultipartEncoder(fields)

    def sent(self) -> SentFile | None:
        """Return what was sent of the file, None where there was none."""
        return self.file.sent() if self.file is not None else None

    def __enter__(self) -> MultipartBody:
        """Use the body for one attempt."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()


class _FileReader:
    """The file as the encoder reads it; whatever is wrong with it breaks the request off before its end."""

    def __init__(self, upload: Upload) -> None:
        upload.check_unchanged()
        self.upload = upload
        self.len = upload.stamp.size_bytes
        self._stream: BinaryIO = _open(upload)
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self.len if size < 0 else min(size, self.len)
        try:
            chunk = self._stream.read(wanted) if wanted else b""
        except OSError as error:
            raise InvalidInputError(
                f"The file {self.upload.location} could not be read to its end: {error}. Nothing was loaded.",
                final=False,
            ) from error
        if wanted and not chunk:
            raise changed(self.upload, f"it ends {self.len} bytes early")
        self._hash.update(chunk)
        self.len -= len(chunk)
        if wanted and self.len == 0:
            # The closing boundary has not been sent yet: without it ISC cannot take the part for the whole.
            self.upload.check_unchanged()
        return chunk

    def sent(self) -> SentFile:
        stamp = self.upload.stamp
        return SentFile(stamp.name, stamp.size_bytes - self.len, self._hash.hexdigest())

    def close(self) -> None:
        self._stream.close()


def _open(upload: Upload) -> BinaryIO:
    try:
        return upload.open()
    except OSError as error:
        raise InvalidInputError(
            f"The file {upload.location} cannot be opened: {error}. Nothing was sent.", final=False
        ) from error

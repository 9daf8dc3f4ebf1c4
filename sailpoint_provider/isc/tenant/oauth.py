"""Access tokens: how long one may be used."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sailpoint_provider.exceptions import ProtocolError

_TOKEN = re.compile(r"[!-~]+")
_MARGIN_SECONDS = 60.0
_MARGIN_SHARE = 0.2
_LIFETIME_UNKNOWN = 300.0


@dataclass(frozen=True)
class Token:
    """
    An access token.

    :param value: the token itself, never part of ``repr``.
    :param lifetime: seconds that ISC gives it (15 to 43,200, as its documentation says).
    """

    value: str = field(repr=False)
    lifetime: float

    @property
    def usable_for(self) -> float:
        """
        Seconds from the request on in which the token is used.

        A minute is left for requests under way and for clocks, or a fifth of a short life, so that a
        token of 15 seconds serves for 12.
        """
        return self.lifetime - min(_MARGIN_SECONDS, self.lifetime * _MARGIN_SHARE)


def read_token(document: Any) -> Token:
    """
    Read the answer of the token endpoint.

    :raises ProtocolError: it holds no ``access_token``.
    """
    value = document.get("access_token") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(value, str) or not value.strip():
        raise ProtocolError("The token endpoint answered without an access_token.")
    if not _TOKEN.fullmatch(value.strip()):
        raise ProtocolError("The access_token that was answered has characters that no token may have.")
    try:
        lifetime = float(document.get("expires_in", _LIFETIME_UNKNOWN))
    except (TypeError, ValueError):
        lifetime = _LIFETIME_UNKNOWN
    usable = math.isfinite(lifetime) and lifetime > 0
    return Token(value.strip(), lifetime if usable else _LIFETIME_UNKNOWN)

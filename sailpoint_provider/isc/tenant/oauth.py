"""Reads access tokens, and decides how long each may be used."""

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
    :param lifetime: its lifetime in seconds: 15 to 43,200, according to SailPoint's documentation.
    """

    value: str = field(repr=False)
    lifetime: float

    @property
    def usable_for(self) -> float:
        """
        Seconds after the token request during which the token may be used.

        The margin allows for requests in flight and for clock differences: 60 seconds, or a fifth of a short
        lifetime, so that a token with a lifetime of 15 seconds is used for 12.
        """
        return self.lifetime - min(_MARGIN_SECONDS, self.lifetime * _MARGIN_SHARE)


def read_token(document: Any) -> Token:
    """
    Read the response of the token endpoint.

    :raises ProtocolError: it has no valid ``access_token``.
    """
    value = document.get("access_token") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(value, str) or not value.strip():
        raise ProtocolError("The token endpoint returned no access_token.")
    if not _TOKEN.fullmatch(value.strip()):
        raise ProtocolError("The token endpoint returned an access_token with invalid characters.")
    try:
        lifetime = float(document.get("expires_in", _LIFETIME_UNKNOWN))
    except (TypeError, ValueError):
        lifetime = _LIFETIME_UNKNOWN
    usable = math.isfinite(lifetime) and lifetime > 0
    return Token(value.strip(), lifetime if usable else _LIFETIME_UNKNOWN)

"""The tenant that a connection names and the credentials for it, checked before anything is sent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sailpoint_provider.coercion import as_bool
from sailpoint_provider.exceptions import InvalidInputError
from sailpoint_provider.isc.api.versions import ApiVersion, parse_api_version
from sailpoint_provider.isc.tenant.connection_fields import (
    DEFAULT_REQUESTS_PER_10S,
    DEFAULT_TIMEOUT,
    DEFAULT_UPLOAD_TIMEOUT,
    EXTRA_FIELDS,
)
from sailpoint_provider.isc.tenant.urls import (
    base_address,
    proxy_address,
    token_address,
    ui_address,
    web_interface_of,
)


@dataclass(frozen=True)
class Tenant:
    """
    A tenant of Identity Security Cloud and the credentials to call it.

    Neither the secret nor a proxy, which may hold a password, is ever part of ``repr``.

    :param base_url: scheme, host and port of the API, without a trailing slash.
    :param token_url: URL of the token endpoint.
    :param client_id: ID of a personal access token or of an API client.
    :param client_secret: its secret.
    :param timeout: seconds without a response before a request is abandoned.
    :param upload_timeout: the same for a start with a file, to which ISC may take longer to respond.
    :param ca_file: file or directory of trusted certificate authorities; None for the default ones.
    :param proxies: pairs of scheme and proxy URL; empty to use those of the environment.
    :param requests_per_10s: how many requests a process may send in 10 seconds.
    :param ui_url: scheme, host and port of the web interface, without a trailing slash; None if unknown.
    """

    base_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    api_version: ApiVersion
    timeout: float = DEFAULT_TIMEOUT
    upload_timeout: float = DEFAULT_UPLOAD_TIMEOUT
    ca_file: str | None = None
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    requests_per_10s: float = field(default=DEFAULT_REQUESTS_PER_10S, compare=False)
    ui_url: str | None = field(default=None, compare=False)

    @classmethod
    def from_connection_fields(
        cls,
        *,
        host: str | None,
        login: str | None,
        password: str | None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | Mapping[str, Any] | None = None,
        api_version: str | None = None,
    ) -> Tenant:
        """
        Check the fields of an Airflow connection and return the tenant that they describe.

        :param host: the API's base URL, or a bare tenant name.
        :param login: the client ID.
        :param password: the client secret.
        :param schema: ``https`` or ``http``, where the host names no scheme.
        :param port: port, where the host names none; 0 and None mean none.
        :param extra: JSON object, as text or parsed, with keys of
            :data:`~sailpoint_provider.isc.tenant.connection_fields.EXTRA_FIELDS`.
        :param api_version: API version that overrides the one in ``extra``.
        :raises InvalidInputError: a field is missing or invalid; the message names it.
        """
        address = base_address(host, schema, port)
        options = _Options(extra)
        token_url = options.text("token_url")
        ui_url = options.text("ui_url")
        ui = ui_address(ui_url) if ui_url else web_interface_of(address)
        return cls(
            base_url=address.url,
            token_url=token_address(token_url).url if token_url else f"{address.url}/oauth/token",
            client_id=_required(login, "login", "the client ID"),
            client_secret=_required(password, "password", "the client secret"),
            api_version=parse_api_version(api_version or options.text("api_version") or ""),
            timeout=options.number("timeout"),
            upload_timeout=options.number("upload_timeout"),
            ca_file=options.ca_file(),
            proxies=options.proxies(),
            requests_per_10s=options.number("requests_per_10s"),
            ui_url=None if ui is None else ui.url,
        )


class _Options:
    """The connection's extra, read key by key; empty means not set, and numbers and booleans may be text."""

    def __init__(self, extra: str | Mapping[str, Any] | None) -> None:
        given = {key: value for key, value in _object(extra).items() if not _is_empty(value)}
        if unknown := sorted(set(given) - set(EXTRA_FIELDS)):
            raise InvalidInputError(
                f"The connection's extra has unknown keys: {', '.join(map(repr, unknown))}. "
                f"Known keys: {', '.join(EXTRA_FIELDS)}."
            )
        self.values = {key: given.get(key, field.default) for key, field in EXTRA_FIELDS.items()}

    def text(self, key: str) -> str | None:
        value = self.values[key]
        if value is None:
            return None
        if not isinstance(value, str):
            raise _invalid(key, value, "text")
        return value.strip()

    def number(self, key: str) -> float:
        value: Any = self.values[key]
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise _invalid(key, value, f"a number of {EXTRA_FIELDS[key].unit} above 0")
        return number

    def ca_file(self) -> str | None:
        value = self.values["verify"]
        if value is None or as_bool(value) is True:
            return None
        if as_bool(value) is False or not isinstance(value, str):
            raise _invalid(
                "verify",
                value,
                "true or the path of a CA file; TLS is always verified, so name the CA that signed the "
                "certificate",
            )
        return value.strip()

    def proxies(self) -> tuple[tuple[str, str], ...]:
        value = self.values["proxies"]
        if value is None:
            return ()
        if isinstance(value, str) and not value.lstrip().startswith("{"):
            return (("all", proxy_address(value)),)
        expected = 'a URL such as "http://proxy:3128" or an object such as {"https": "http://proxy:3128"}'
        try:
            table = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            table = None
        if not isinstance(table, Mapping):
            raise InvalidInputError(f"The connection's extra key 'proxies' must be {expected}.")
        pairs = []
        for scheme, address in table.items():
            if scheme not in ("https", "http", "all") or not isinstance(address, str):
                raise InvalidInputError(
                    f"The connection's extra key 'proxies' must be {expected}; "
                    "its keys are https, http and all, and its values are URLs."
                )
            pairs.append((scheme, proxy_address(address)))
        return tuple(pairs)


def _object(extra: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if extra is None or extra == "":
        return {}
    try:
        parsed = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError as error:
        raise InvalidInputError(f"The connection's extra is not JSON: {error}.") from None
    if not isinstance(parsed, Mapping):
        raise InvalidInputError(
            'The connection\'s extra must be a JSON object such as {"api_version": "v1"}.'
        )
    return parsed


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == {}


def _required(value: str | None, field_name: str, what: str) -> str:
    if value is None or not value.strip():
        raise InvalidInputError(f"The connection has no {field_name}: enter {what} there.")
    return value.strip()


def _invalid(key: str, value: Any, expected: str) -> InvalidInputError:
    return InvalidInputError(f"The connection's extra key {key!r} is {value!r}; it must be {expected}.")

"""URL rules: which addresses may be called with a tenant's credentials."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from sailpoint_provider.exceptions import InvalidInputError

_TENANT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
# SailPoint's own domains: the UI lives at <tenant>.<domain>, the API at <tenant>.api.<domain>.
_SAILPOINT_DOMAINS = (
    "identitynow.com",
    "identitynow-demo.com",
    "saas.sailpointfedramp.com",
    "idn.sailpointfedramp.com",
)
# Where people sign in to a tenant of the first domain.
_SIGN_IN_DOMAIN = "login.sailpoint.com"
_NO_TENANT_NAMES = ("", "api", "www", "login", "ui")
_UI_PATH = re.compile(r"/ui(/|$)")
_EXAMPLE = "https://<tenant>.api.identitynow.com"


@dataclass(frozen=True)
class Address:
    """
    A checked address.

    :param scheme: ``https``, or ``http`` on loopback.
    :param host: host name or IP address, lower case; IPv6 without brackets.
    :param port: None for the scheme's own.
    :param path: path, empty or beginning with a slash.
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = ""

    @property
    def url(self) -> str:
        """The address as text."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def base_address(host: str | None, schema: str | None, port: int | None) -> Address:
    """
    Return the address of a tenant's API.

    :param host: a base URL, a host name (with a port or without), or a bare tenant name.
    :param schema: ``https`` or ``http`` where the host names no scheme; empty for https.
    :param port: port where the host names none; None and 0 for the scheme's own.
    :raises InvalidInputError: the address cannot be a tenant's API; the text says why.
    """
    text = (host or "").strip()
    if not text:
        raise InvalidInputError(
            f"The connection has no host: enter the API's base URL, for example {_EXAMPLE}."
        )
    scheme = (schema or "").strip().lower().removesuffix("://")
    if scheme not in ("", "http", "https"):
        raise InvalidInputError(f"The connection's schema is {schema!r}; it must be https (or empty).")
    if _TENANT_NAME.fullmatch(text.lower()) and text.lower() != "localhost":
        text = f"{text}.api.identitynow.com"
    url = text if "://" in text else f"{scheme or 'https'}://{text.removeprefix('//')}"
    _refuse_web_page(url, "host")
    parts = _split(url, "host")
    if scheme and parts.scheme != scheme:
        raise InvalidInputError(
            f"The connection's host begins with {parts.scheme}://, its schema says {scheme}: leave schema "
            "empty."
        )
    if parts.path.strip("/"):
        raise InvalidInputError(
            f"The connection's host has a path ({parts.path!r}): enter only scheme, host and port, "
            f"for example {_EXAMPLE}. The API generation goes into extra as api_version."
        )
    address = _address(parts, "host")
    if port is not None and not 0 <= port <= 65535:
        raise InvalidInputError(f"The connection's port is {port}; leave it empty or enter one up to 65535.")
    if port and address.port not in (None, port):
        raise InvalidInputError(
            f"The connection's host has port {address.port}, its port field {port}: leave the field empty."
        )
    return Address(address.scheme, address.host, address.port or port or None)


def token_address(url: str) -> Address:
    """
    Return the checked address of a token endpoint of its own.

    :raises InvalidInputError: it is not an https address, or has credentials, a query or a fragment.
    """
    if "://" not in url:
        raise InvalidInputError("The connection's token_url must be a full URL that begins with https://.")
    _refuse_web_page(url, "token_url")
    parts = _split(url, "token_url")
    address = _address(parts, "token_url")
    return Address(address.scheme, address.host, address.port, parts.path or "/oauth/token")


def proxy_address(url: str) -> str:
    """
    Return a proxy's address; it may hold credentials, so errors never show it.

    :raises InvalidInputError: it is not an http or https address.
    """
    try:
        parts = urlsplit(url.strip() if "://" in url else f"http://{url.strip()}")
        good = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        good = False
    if not good:
        raise InvalidInputError(
            "A proxy in the connection's extra is not an http:// or https:// address (not shown: it may "
            "hold a password)."
        )
    return parts.geturl()


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str, field: str) -> SplitResult:
    if "@" in url:
        raise InvalidInputError(
            f"The connection's {field} has credentials in it (not shown): "
            "the client id goes into login, the client secret into password."
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidInputError(f"The connection's {field} {url!r} is not an address: {error}.") from None
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise InvalidInputError(
            f"The connection's {field} has a query or a fragment: remove it, with its ? or #."
        )
    return parts


def _address(parts: SplitResult, field: str) -> Address:
    host = (parts.hostname or "").lower().rstrip(".")
    if parts.scheme not in ("http", "https"):
        raise InvalidInputError(
            f"The connection's {field} begins with {parts.scheme}://; it must be https://."
        )
    is_ip6 = ":" in host
    if not host or (not is_ip6 and not (host.isascii() and _HOST.fullmatch(host))):
        raise InvalidInputError(
            f"The connection's {field} {parts.netloc!r} is not a host name: only letters, digits, dots and "
            "hyphens are allowed."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidInputError(
            f"The connection's {field} is http://{parts.netloc}: credentials are sent only over https:// "
            "(http:// is for loopback)."
        )
    return Address(parts.scheme, host, parts.port or None)


def _refuse_web_page(url: str, field: str) -> None:
    """
    Refuse the address of SailPoint's web interface before a complaint about its path or fragment does.

    An address that cannot be parsed, or may hold credentials, is left to the other rules.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return
    if "@" in parts.netloc or not (host.isascii() and _HOST.fullmatch(host)):
        return
    api = _api_host(host)
    if field == "host" and (host == _SIGN_IN_DOMAIN or host.endswith(f".{_SIGN_IN_DOMAIN}")):
        labels = host.removesuffix(_SIGN_IN_DOMAIN).split(".")
        api = f"{_tenant_among(labels)}.api.{_SAILPOINT_DOMAINS[0]}"
    if api is not None and api != host:
        raise InvalidInputError(
            f"The connection's {field} {host!r} is SailPoint's web page, not its API: use https://{api}."
        )
    if api is None and field == "host" and _UI_PATH.match(parts.path):
        raise InvalidInputError(
            "The connection's host is a page of SailPoint's web interface, because its path begins with /ui: "
            f"use the baseUrl that the page /ui/session shows, for example {_EXAMPLE}."
        )


def _api_host(host: str) -> str | None:
    """Return the API host of the tenant that one of SailPoint's hosts belongs to; None for other hosts."""
    for domain in _SAILPOINT_DOMAINS:
        if host == domain or host.endswith(f".{domain}"):
            labels = host.removesuffix(domain).rstrip(".").split(".")
            is_api = len(labels) > 1 and labels[-1] == "api"
            return host if is_api else f"{_tenant_among(labels)}.api.{domain}"
    return None


def _tenant_among(labels: list[str]) -> str:
    return next((label for label in labels if label not in _NO_TENANT_NAMES), "<tenant>")

"""Checks URLs: where a tenant's credentials may be sent, and where its web interface is."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from sailpoint_provider.exceptions import InvalidInputError

_TENANT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
# SailPoint's domains: the web interface is at <tenant>.<domain>, the API at <tenant>.api.<domain>.
_SAILPOINT_DOMAINS = (
    "identitynow.com",
    "identitynow-demo.com",
    "saas.sailpointfedramp.com",
    "idn.sailpointfedramp.com",
)
# Where users sign in to a tenant of the first domain.
_SIGN_IN_DOMAIN = "login.sailpoint.com"
_NO_TENANT_NAMES = ("", "api", "www", "login", "ui")
_UI_PATH = re.compile(r"/ui(/|$)")
_EXAMPLE = "https://<tenant>.api.identitynow.com"


@dataclass(frozen=True)
class Address:
    """
    A checked URL, in parts.

    :param scheme: ``https``, or ``http`` on loopback.
    :param host: host name or IP address in lower case; IPv6 without brackets.
    :param port: None for the default port of the scheme.
    :param path: path that begins with a slash, or an empty string.
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = ""

    @property
    def url(self) -> str:
        """The URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def base_address(host: str | None, schema: str | None, port: int | None) -> Address:
    """
    Return the checked base URL of a tenant's API.

    :param host: a base URL, a host name with or without a port, or a bare tenant name.
    :param schema: ``https`` or ``http`` if the host has no scheme; empty for https.
    :param port: port if the host has none; None and 0 for the default port of the scheme.
    :raises InvalidInputError: it cannot be the base URL of a tenant's API; the message says why.
    """
    text = (host or "").strip()
    if not text:
        raise InvalidInputError(f"The connection has no host. Enter the API's base URL, such as {_EXAMPLE}.")
    scheme = (schema or "").strip().lower().removesuffix("://")
    if scheme not in ("", "http", "https"):
        raise InvalidInputError(f"The connection's schema is {schema!r}; it must be https or empty.")
    if _TENANT_NAME.fullmatch(text.lower()) and text.lower() != "localhost":
        text = f"{text}.api.identitynow.com"
    url = text if "://" in text else f"{scheme or 'https'}://{text.removeprefix('//')}"
    _refuse_web_page(url, "host")
    parts = _split(url, "host")
    if scheme and parts.scheme != scheme:
        raise InvalidInputError(
            f"The connection's host begins with {parts.scheme}://, but its schema is {scheme}. Leave schema "
            "empty."
        )
    if parts.path.strip("/"):
        raise InvalidInputError(
            f"The connection's host has a path ({parts.path!r}). Enter only scheme, host and port, such as "
            f"{_EXAMPLE}. The API version belongs in extra, as api_version."
        )
    address = _address(parts, "host")
    if port is not None and not 0 <= port <= 65535:
        raise InvalidInputError(f"The connection's port is {port}; it must be from 1 to 65535, or empty.")
    if port and address.port not in (None, port):
        raise InvalidInputError(
            f"The connection's host has port {address.port}, but its port field is {port}. Leave the field "
            "empty."
        )
    return Address(address.scheme, address.host, address.port or port or None)


def token_address(url: str) -> Address:
    """
    Return the checked URL of a token endpoint.

    :param url: full URL; without a path it gets ``/oauth/token``.
    :raises InvalidInputError: it is not an https URL, or contains credentials, a query or a fragment.
    """
    if "://" not in url:
        raise InvalidInputError("The connection's token_url must be a full URL that begins with https://.")
    _refuse_web_page(url, "token_url")
    parts = _split(url, "token_url")
    address = _address(parts, "token_url")
    return Address(address.scheme, address.host, address.port, parts.path or "/oauth/token")


def ui_address(url: str) -> Address:
    """
    Return the checked URL of a tenant's web interface.

    :param url: full URL, without a path.
    :raises InvalidInputError: it is not an https URL, or contains credentials, a path, a query or a fragment;
        or it is the URL of SailPoint's API.
    """
    if "://" not in url:
        raise InvalidInputError("The connection's ui_url must be a full URL that begins with https://.")
    parts = _split(url, "ui_url")
    address = _address(parts, "ui_url", why="users sign in only over https://")
    if parts.path.strip("/"):
        raise InvalidInputError(
            f"The connection's ui_url has a path ({parts.path!r}). Enter only scheme, host and port, such as "
            "https://<tenant>.identitynow.com."
        )
    if _api_host(address.host) == address.host and (ui := web_interface_of(address)) is not None:
        raise InvalidInputError(
            f"The connection's ui_url {address.host!r} is SailPoint's API, not its web interface. "
            f"Use {ui.url}."
        )
    return address


def web_interface_of(api: Address) -> Address | None:
    """
    Return the URL of the web interface of the tenant that has this API.

    SailPoint's API hosts have a label ``api`` more than the web interface. Where an API has no such label,
    or a port of its own, its web interface may be anywhere.

    :returns: None if it cannot be derived.
    """
    first, *rest = api.host.split(".")
    if api.scheme != "https" or api.port not in (None, 443) or "api" not in rest[:-1]:
        return None
    rest.remove("api")
    return Address("https", ".".join([first, *rest]))


def proxy_address(url: str, origin: str = "the connection's extra") -> str:
    """
    Return the URL of a proxy; it may contain credentials, so no error shows it.

    :param url: URL, or host and port.
    :param origin: where it is set, for the error.
    :raises InvalidInputError: it is not an http or https URL.
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
            f"A proxy in {origin} is not an http:// or https:// URL (SOCKS is not supported). It is not "
            "shown, because it may contain a password."
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
            f"The connection's {field} contains credentials (not shown). Enter the client ID as login and "
            "the client secret as password."
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidInputError(f"The connection's {field} {url!r} is not a URL: {error}.") from None
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise InvalidInputError(
            f"The connection's {field} has a query or a fragment. Remove it, with its ? or #."
        )
    return parts


def _address(parts: SplitResult, field: str, why: str = "credentials are sent only over https://") -> Address:
    host = (parts.hostname or "").lower().rstrip(".")
    if parts.scheme not in ("http", "https"):
        raise InvalidInputError(
            f"The connection's {field} begins with {parts.scheme}://; it must be https://."
        )
    is_ip6 = ":" in host
    if not host or (not is_ip6 and not (host.isascii() and _HOST.fullmatch(host))):
        raise InvalidInputError(
            f"The connection's {field} {parts.netloc!r} is not a host name. A host name has only letters, "
            "digits, dots and hyphens."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidInputError(
            f"The connection's {field} is http://{parts.netloc}, but {why}. Only a loopback address may use "
            "http://."
        )
    return Address(parts.scheme, host, parts.port or None)


def _refuse_web_page(url: str, field: str) -> None:
    """
    Refuse the URL of SailPoint's web interface, before another check complains about its path or fragment.

    A URL that cannot be parsed, or may contain credentials, is left to the other checks.

    :raises InvalidInputError: it is such a URL; the message names the API's URL.
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
            f"The connection's {field} {host!r} is SailPoint's web interface, not its API. Use https://{api}."
        )
    if api is None and field == "host" and _UI_PATH.match(parts.path):
        raise InvalidInputError(
            "The connection's host is a page of SailPoint's web interface, because its path begins with /ui. "
            f"Use the baseUrl that the page /ui/session shows, such as {_EXAMPLE}."
        )


def _api_host(host: str) -> str | None:
    """Return the API host of the tenant to which one of SailPoint's hosts belongs; None for other hosts."""
    for domain in _SAILPOINT_DOMAINS:
        if host == domain or host.endswith(f".{domain}"):
            labels = host.removesuffix(domain).rstrip(".").split(".")
            is_api = len(labels) > 1 and labels[-1] == "api"
            return host if is_api else f"{_tenant_among(labels)}.api.{domain}"
    return None


def _tenant_among(labels: list[str]) -> str:
    return next((label for label in labels if label not in _NO_TENANT_NAMES), "<tenant>")

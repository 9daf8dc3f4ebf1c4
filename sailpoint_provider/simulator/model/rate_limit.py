"""ISC's rate limit per client ID and API version."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class RateLimit:
    """Count requests in fixed windows.

    :param requests: requests that a client may send to one API version in a window; ISC documents 100.
    :param seconds: length of the window in real seconds; ISC documents 10.
    """

    requests: int = 100
    seconds: float = 10.0
    _windows: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict, repr=False)

    def refusal(self, client_id: str, api_version: str, now: float) -> float | None:
        """Count a request; return None if it may pass, else the seconds until the next window."""
        start, count = self._windows.get((client_id, api_version), (now, 0))
        if now - start >= self.seconds:
            start, count = now, 0
        if count >= self.requests:
            return start + self.seconds - now
        self._windows[client_id, api_version] = (start, count + 1)
        return None

    def change(self, requests: int, seconds: float) -> None:
        """Change the limit and restart the count."""
        self.requests, self.seconds = requests, seconds
        self._windows.clear()

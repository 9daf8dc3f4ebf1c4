"""Who is told when an account aggregation has ended, and what became of each message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sailpoint_provider.simulator.model.aggregations import Run

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Subscription:
    """A subscription to the event trigger ``idn:account-aggregation-completed``.

    :param id: its ID.
    :param url: where the event is posted.
    :param bearer_token: token in the ``Authorization`` header, None for no header.
    """

    id: str
    url: str
    bearer_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Invocation:
    """One event that was posted.

    :param subscription_id: ID of the subscription.
    :param event: the body.
    :param status: HTTP status of the answer, None if there was none.
    """

    subscription_id: str
    event: dict[str, Any]
    status: int | None


@dataclass
class Subscriptions:
    """The subscriptions of a tenant, and the runs whose end they were told."""

    active: list[Subscription] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)
    _told: set[str] = field(default_factory=set, repr=False)

    def subscribe(self, url: str, bearer_token: str | None) -> Subscription:
        """Add a subscription.

        :raises ValueError: if the URL is not on this machine; the simulator calls no other.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            raise ValueError("url must be an http:// URL of this machine, such as http://127.0.0.1:8080/isc")
        if parts.username is not None or parts.password is not None or parts.query:
            raise ValueError("url must contain no credentials and no query; use bearer_token")
        subscription = Subscription(uuid4().hex, url, bearer_token)
        self.active.append(subscription)
        return subscription

    def newly_ended(self, runs: Iterable[Run], steady: float) -> list[Run]:
        """Return the runs that have ended since the last call; a refused start is no aggregation."""
        ended = [
            run
            for run in runs
            if run.id not in self._told and not run.refused and run.state(steady).outcome is not None
        ]
        self._told.update(run.id for run in ended)
        return ended

"""What every endpoint of the control API is made of: a path, the fields of its body, and a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sailpoint_provider.simulator.faults.script import FaultScript
    from sailpoint_provider.simulator.model.aggregations import Run
    from sailpoint_provider.simulator.model.sources import Source
    from sailpoint_provider.simulator.model.tenant import Tenant

Json = dict[str, Any]


@dataclass(frozen=True)
class ControlCall:
    """One request to the control API.

    :param tenant: the tenant.
    :param faults: the faults that hit requests to the tenant.
    :param id: the ID in its path, empty where the path has none.
    :param query: its query parameters.
    :param body: its JSON body, empty where it has none.
    """

    tenant: Tenant
    faults: FaultScript
    id: str
    query: Mapping[str, str]
    body: Json

    def source(self) -> Source:
        """Return the source that the path names, or end the call with 404."""
        source = self.tenant.sources.get(self.id)
        if source is None:
            raise HTTPException(404, "no such source")
        source.settle(self.tenant.clock.steady())
        return source

    def run(self) -> Run:
        """Return the run that the path names, or end the call with 404."""
        run = self.tenant.runs.get(self.id)
        if run is None:
            raise HTTPException(404, "no such run")
        return run


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    :param method: HTTP method.
    :param path: path below ``/_simulator``; ``{id}`` stands for an ID.
    :param fields: the fields that its body may have.
    :param parameters: the query parameters that it reads.
    :param answer: makes the answer; the first line of its docstring says what the endpoint does.
    """

    method: str
    path: str
    fields: tuple[str, ...]
    parameters: tuple[str, ...]
    answer: Callable[[ControlCall], Any]

    def check(self, body: Any) -> Json:
        """Return the body if it is an object of known fields, else raise ValueError."""
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        if unknown := body.keys() - set(self.fields):
            raise ValueError(f"unknown field: {', '.join(sorted(unknown))}")
        return body

    @property
    def name(self) -> str:
        """Its method and its path."""
        return f"{self.method} /_simulator{self.path}"

    @property
    def summary(self) -> str:
        """One line on what it does and what it takes."""
        line = str(self.answer.__doc__).partition("\n")[0]
        for place, names in (("Body", self.fields), ("Query", self.parameters)):
            line += f" {place}: {', '.join(names)}." if names else ""
        return line


class Endpoints(list[Endpoint]):
    """The endpoints of one module, in the order in which they are defined."""

    def add(
        self, method: str, path: str, fields: str = "", parameters: str = ""
    ) -> Callable[[Callable[[ControlCall], Any]], Callable[[ControlCall], Any]]:
        """Make the decorated function an endpoint.

        :param fields: names of the body's fields, separated by spaces.
        :param parameters: names of query parameters, separated by spaces.
        """

        def register(answer: Callable[[ControlCall], Any]) -> Callable[[ControlCall], Any]:
            self.append(Endpoint(method, path, tuple(fields.split()), tuple(parameters.split()), answer))
            return answer

        return register

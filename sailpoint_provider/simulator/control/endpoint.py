"""Endpoints of the control API: method, path, fields of the body, and the function that answers."""

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
    :param id: ID in the path, empty if the path has none.
    :param query: query parameters.
    :param body: JSON body, empty if it has none.
    """

    tenant: Tenant
    faults: FaultScript
    id: str
    query: Mapping[str, str]
    body: Json

    def source(self) -> Source:
        """Return the source that the path names, or answer 404."""
        source = self.tenant.sources.get(self.id)
        if source is None:
            raise HTTPException(404, "source not found")
        source.settle(self.tenant.clock.steady())
        return source

    def run(self) -> Run:
        """Return the run that the path names, or answer 404."""
        run = self.tenant.runs.get(self.id)
        if run is None:
            raise HTTPException(404, "run not found")
        return run


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    :param method: HTTP method.
    :param path: path below ``/_simulator``; ``{id}`` stands for an ID.
    :param fields: fields that its body may have.
    :param parameters: query parameters that it reads.
    :param answer: function that answers; the first line of its docstring describes the endpoint.
    """

    method: str
    path: str
    fields: tuple[str, ...]
    parameters: tuple[str, ...]
    answer: Callable[[ControlCall], Any]

    def check(self, body: Any) -> Json:
        """Return the body.

        :raises ValueError: unless it is an object that has known fields only.
        """
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        if unknown := body.keys() - set(self.fields):
            raise ValueError(f"unknown field: {', '.join(sorted(unknown))}")
        return body

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.method} /_simulator{self.path}"

    @property
    def summary(self) -> str:
        """One line: what it does and takes."""
        line = str(self.answer.__doc__).partition("\n")[0]
        for place, names in (("Body", self.fields), ("Query", self.parameters)):
            line += f" {place}: {', '.join(names)}." if names else ""
        return line


class Endpoints(list[Endpoint]):
    """The endpoints of a module, in the order of their definition."""

    def add(
        self, method: str, path: str, fields: str = "", parameters: str = ""
    ) -> Callable[[Callable[[ControlCall], Any]], Callable[[ControlCall], Any]]:
        """Register the decorated function as an endpoint.

        :param method: HTTP method.
        :param path: path below ``/_simulator``; ``{id}`` stands for an ID.
        :param fields: names of the body's fields, separated by spaces.
        :param parameters: names of the query parameters, separated by spaces.
        """

        def register(answer: Callable[[ControlCall], Any]) -> Callable[[ControlCall], Any]:
            self.append(Endpoint(method, path, tuple(fields.split()), tuple(parameters.split()), answer))
            return answer

        return register

"""Every answer of the simulated tenant conforms to SailPoint's OpenAPI documents."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sailpoint_provider.simulator.api.paths import API_VERSIONS, resolve
from tests.clients.conftest import PROJECT

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not in .venv: 'make test-clients' installs it"
)
hypothesis = pytest.importorskip("hypothesis", reason="hypothesis is not in .venv")

if TYPE_CHECKING:
    from sailpoint_provider.simulator.server import SimulatorServer

DOCUMENTS = PROJECT.parent / "shared" / "openapi"
EXAMPLES = 25
STARTS = ("load_accounts", "load_entitlements", "load_uncorrelated_accounts")
UNDOCUMENTED = {(call, 404) for call in STARTS}
"""The documents omit the 404 for a start on an unknown source."""

_METHODS = ("GET", "POST", "PATCH")


def _operations() -> list[Any]:
    """Return (API version, method, path in the document, call) for every call that the simulator serves."""
    found = []
    for api_version in API_VERSIONS:
        document = DOCUMENTS / f"{api_version}.json"
        if not document.exists():
            continue
        for path, methods in json.loads(document.read_text())["paths"].items():
            prefix = "" if api_version == "v1" else f"/{api_version}"
            target = resolve(prefix + path)
            calls = target.calls if target else {}
            for method in _METHODS:
                if method in calls and method.lower() in methods:
                    values = (api_version, method, path, calls[method])
                    found.append(pytest.param(*values, id=f"{api_version} {method} {path}"))
    return found


OPERATIONS = _operations()
pytestmark = pytest.mark.skipif(
    not OPERATIONS, reason=f"SailPoint's OpenAPI documents are not on this machine, in {DOCUMENTS}"
)


@cache
def _document(api_version: str) -> Any:
    document = json.loads((DOCUMENTS / f"{api_version}.json").read_text())
    return schemathesis.openapi.from_dict(json.loads(json.dumps(document), object_hook=_consistent))


def _consistent(schema: dict[str, Any]) -> dict[str, Any]:
    """Correct a schema whose type contradicts what the document itself says or shows of the value."""
    if schema.get("type") == "string" and "always null" in schema.get("description", ""):
        return schema | {"nullable": True}
    is_list = isinstance(schema.get("example"), list) and "properties" not in schema
    if schema.get("type") == "object" and is_list:
        return schema | {"type": "array", "items": {"type": "object"}}
    return schema


CHECKS = (
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_headers_conformance,
    schemathesis.checks.response_schema_conformance,
)


@dataclass
class Tenant:
    """A tenant with sources of all kinds and with succeeded, failed, running and refused runs."""

    server: SimulatorServer

    def __post_init__(self) -> None:
        control = self.server.control
        control.rate_limit(1_000_000)
        control.create_source("Slow", collect_seconds=1e6)
        (*_, direct, appliance, slow) = (source["id"] for source in control.sources())
        good, bad = control.start(direct)["id"], control.start(appliance)["id"]
        control.finish(good)
        control.finish(bad, "error")
        running, refused = control.start(slow)["id"], control.start(slow)["id"]
        self.sources = [source["id"] for source in control.sources()]
        self.tasks = [good, bad, running, refused]
        self.idle = direct
        self.session = requests.Session()
        form = {
            "grant_type": "client_credentials",
            "client_id": self.server.client_id,
            "client_secret": self.server.client_secret,
        }
        token = self.session.post(f"{self.server.url}/oauth/token", data=form, timeout=10).json()
        self.headers = {"Authorization": f"Bearer {token['access_token']}"}

    def known(self, call: str) -> list[str]:
        """Return the IDs that this call knows."""
        of_sources = (
            "get_source",
            "get_account_schema",
            "get_entitlement_schema",
            "list_schemas",
            *STARTS,
            "check_connection",
            "get_source_health",
        )
        return self.sources if call in of_sources else self.tasks

    def filters(self, call: str) -> list[str]:
        """Return filters that match records; randomly generated text is never a valid filter."""
        return {
            "list_sources": ['name co "Delimited"', f'id in ("{self.sources[0]}", "{self.sources[2]}")'],
            "list_accounts": [f'sourceId eq "{self.sources[2]}"', 'nativeIdentity sw "000"'],
            "list_task_status": [f'sourceId eq "{self.sources[2]}"', 'type eq "CLOUD_ACCOUNT_AGGREGATION"'],
        }.get(call, [])


@pytest.fixture
def tenant(sailpoint_simulator: SimulatorServer) -> Tenant:
    return Tenant(sailpoint_simulator)


@pytest.mark.parametrize(("api_version", "method", "path", "call"), OPERATIONS)
def test_answers_conform_to_the_documents(
    tenant: Tenant, api_version: str, method: str, path: str, call: str
) -> None:
    operation = _document(api_version)[path][method]
    base_url = tenant.server.url + ("" if api_version == "v1" else f"/{api_version}")
    modes = [operation.as_strategy(mode) for mode in schemathesis.GenerationMode]
    statuses: Counter[int] = Counter()

    def ask(case: Any, id: str | None, filters: str | None) -> None:
        if id is not None and case.path_parameters:
            case.path_parameters = dict.fromkeys(case.path_parameters, id)
        if filters is not None:
            case.query = {"filters": filters}
        response = case.call(base_url=base_url, headers=tenant.headers, session=tenant.session)
        statuses[response.status_code] += 1
        if (call, response.status_code) in UNDOCUMENTED:
            assert set(response.json()) == {"detailCode", "trackingId", "messages", "causes"}
            return
        case.validate_response(response, checks=list(CHECKS))

    _many_times(ask, modes, tenant.known(call), tenant.filters(call))
    if call in STARTS[:2]:
        # Generated values hardly ever make a start that a source accepts: a direct source takes no file.
        flag = {"disableOptimization": "false"}
        body = {"body": flag, "media_type": "multipart/form-data"} if call == STARTS[0] else {}
        start = operation.Case(path_parameters={}, headers={}, query={}, **body)
        start.path_parameters = dict.fromkeys(re.findall(r"{(\w+)}", path), tenant.idle)
        ask(start, None, None)
    assert min(statuses) in (200, 202), statuses


def _many_times(ask: Any, modes: list[Any], ids: list[str], filters: list[str]) -> None:
    """Send valid and invalid values, with known and unknown IDs and filters."""
    choices = hypothesis.strategies.sampled_from
    given = hypothesis.given(
        case=hypothesis.strategies.one_of(modes),
        id=choices([None, *ids]),
        filters=choices([None, *filters]),
    )
    settings = hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    settings(given(ask))()

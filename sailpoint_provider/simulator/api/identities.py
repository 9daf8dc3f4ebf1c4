"""``POST …/identities/process`` and ``…/process-identities``: refresh identities."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sailpoint_provider.simulator.api.answers import Answer, illegal, json_answer

if TYPE_CHECKING:
    from starlette.requests import Request

    from sailpoint_provider.simulator.model.journal import ReceivedRequest
    from sailpoint_provider.simulator.model.tenant import Tenant

MOST_IDENTITIES = 250
PROFILE_IDENTITIES = 100
"""Number of identities that every identity profile has."""


async def process_identities(tenant: Tenant, request: Request, received: ReceivedRequest) -> Answer:
    """Start the refresh of up to 250 identities; every ID is known."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise illegal("The body is not JSON") from error
    ids = body.get("identityIds") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
        raise illegal('"identityIds" must be a list of IDs')
    if not 1 <= len(ids) <= MOST_IDENTITIES:
        raise illegal(f'"identityIds" must have from 1 to {MOST_IDENTITIES} IDs')
    run = tenant.start_refresh(len(ids))
    received.identities, received.task_id, received.start = len(ids), run.id, "accepted"
    return json_answer({"type": "TASK_RESULT", "id": run.id, "name": None}, 202)


def process_identity_profile(tenant: Tenant, received: ReceivedRequest) -> Answer:
    """Start the refresh of the identities of a profile, which answers an empty object; every ID is known."""
    tenant.start_refresh(PROFILE_IDENTITIES)
    received.start = "accepted"
    return json_answer({}, 202)

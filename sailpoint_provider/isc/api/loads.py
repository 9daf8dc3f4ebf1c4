"""The calls that start a load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sailpoint_provider.exceptions import ProtocolError
from sailpoint_provider.isc.api.advice import CHECK_SOURCE_ID, user_needed
from sailpoint_provider.isc.api.exchange import Request
from sailpoint_provider.isc.api.identifiers import id_for_path, id_from_response, identity_profile_id
from sailpoint_provider.isc.api.models import StartResponse, read_start_response
from sailpoint_provider.isc.kinds import IDENTITY_REFRESH, LoadKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sailpoint_provider.files.source import Upload
    from sailpoint_provider.isc.api.exchange import Response
    from sailpoint_provider.isc.api.versions import ApiVersion

MOST_IDENTITIES = 250
"""The most identities that ISC processes with one request."""


def start_load(
    api_version: ApiVersion,
    kind: LoadKind,
    source_id: str,
    upload: Upload | None = None,
    *,
    disable_optimization: bool = False,
    object_type: str | None = None,
) -> Request[StartResponse]:
    """
    Start a load of a source.

    A multipart body without parts gets a 500, at least from the predecessor of ``load-entitlements``
    (SailPoint's documentation of ``entitlements/aggregate/sources/{id}``). So an account aggregation always
    sends its optimization flag, and an entitlement aggregation without a file has no body at all.

    :param object_type: object type of the entitlements in the file, such as ``group``; None for ISC's
        default. No OpenAPI document has this part: SailPoint's File Upload Utility 4.1.0 sends it as
        ``objectType`` (``aggregateEntitlements`` in its ``SailPointServiceInterface.java``).
    """
    source_id = id_for_path(source_id, "source_id")
    form: list[tuple[str, str]] = []
    if kind.can_disable_optimization:
        form.append(("disableOptimization", "true" if disable_optimization else "false"))
    if object_type is not None:
        form.append(("objectType", object_type))
    return Request(
        purpose=f"start the {kind.name} of source {source_id}",
        method="POST",
        path=f"{api_version.path('sources')}/{source_id}/{kind.path}",
        read=lambda response: read_start_response(response.json(), response.sent),
        scope=kind.scope,
        form=tuple(form),
        multipart=bool(form) or upload is not None,
        upload=upload,
        safe_to_repeat=False,
        denied_advice=user_needed(kind.scope) if kind.needs_user else "",
        not_found_advice=CHECK_SOURCE_ID,
        effect_advice=(
            f"The {kind.noun} may have been started anyway. Check the source's aggregation activity before "
            "you start it again."
        ),
    )


def process_identities(api_version: ApiVersion, identity_ids: Sequence[str]) -> Request[str | None]:
    """
    Have up to 250 identities processed; ISC returns a reference to a task.

    :returns: ID of the task; None if ISC gave none that is usable.
    """
    content = {"identityIds": [id_for_path(one, "identity_ids") for one in identity_ids]}
    return _refresh(
        f"start the processing of {len(identity_ids)} identities",
        f"{api_version.path('identities')}/{IDENTITY_REFRESH.path}",
        IDENTITY_REFRESH.scope,
        content=json.dumps(content).encode(),
    )


def process_identity_profile(api_version: ApiVersion, profile_id: str) -> Request[str | None]:
    """
    Have all identities of an identity profile processed.

    :returns: None, because ISC documents an empty object as its answer; the ID of a task if it has one.
    """
    profile_id = identity_profile_id(profile_id)
    return _refresh(
        f"start the processing of the identities of identity profile {profile_id}",
        f"{api_version.path('identity-profiles')}/{profile_id}/process-identities",
        "idn:identity-profile:manage",
    )


def _refresh(purpose: str, path: str, scope: str, content: bytes | None = None) -> Request[str | None]:
    return Request(
        purpose=purpose,
        method="POST",
        path=path,
        read=_read_task_id,
        scope=scope,
        content=content,
        headers=() if content is None else (("Content-Type", "application/json"),),
        safe_to_repeat=False,
        not_found_advice="Check that the IDs are correct and belong to this tenant.",
        effect_advice="ISC may process the identities anyway. Processing them twice does no harm.",
    )


def _read_task_id(response: Response) -> str | None:
    """
    Return the ID of the task in the response to an identity refresh; None if it names none.

    :raises ProtocolError: it is not a JSON object.
    """
    if not response.body.strip():
        return None
    document = response.json()
    if not isinstance(document, dict):
        raise ProtocolError("ISC did not return a JSON object in response to the start.")
    return id_from_response(document.get("id"))
